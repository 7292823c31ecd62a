/**
 * Callers and model servers by grpc-js, an HTTP/2 and gRPC implementation that is none of ours. Messages are bytes: what
 * is in them is nobody's business here.
 */
import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
} from "@grpc/grpc-js";

const same = (bytes: Buffer): Buffer => bytes;

export const echo = {
  unary: "/test.Echo/Unary",
  collect: "/test.Echo/Collect",
  spread: "/test.Echo/Spread",
  chat: "/test.Echo/Chat",
} as const;

function definition(path: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

export interface EchoHandlers {
  unary?(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void;
  collect?(call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void;
  spread?(call: ServerWritableStream<Buffer, Buffer>): void;
  chat?(call: ServerDuplexStream<Buffer, Buffer>): void;
}

/** What each kind of call does where a test says nothing else: everything comes back. */
const echoing: Required<EchoHandlers> = {
  unary: (call, reply) => reply(null, call.request),
  collect: (call, reply) => {
    const parts: Buffer[] = [];
    call.on("data", (part: Buffer) => parts.push(part));
    call.on("end", () => reply(null, Buffer.concat(parts)));
  },
  spread: (call) => {
    for (const byte of call.request) call.write(Buffer.of(byte));
    call.end();
  },
  chat: (call) => {
    call.on("data", (part: Buffer) => call.write(part));
    call.on("end", () => call.end());
  },
};

export class GrpcServer {
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /**
   * @param unaryPaths further unary methods, such as a dialect's, answered by `handlers.unary`.
   * @param at a host without a port, or `unix:PATH`.
   */
  static start(
    handlers: EchoHandlers = {},
    unaryPaths: readonly string[] = [],
    options: ServerOptions = {},
    security = ServerCredentials.createInsecure(),
    at = "127.0.0.1",
  ): Promise<GrpcServer> {
    const all = { ...echoing, ...handlers };
    const server = new Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...options,
    });
    server.addService(
      {
        unary: definition(echo.unary, false, false),
        collect: definition(echo.collect, true, false),
        spread: definition(echo.spread, false, true),
        chat: definition(echo.chat, true, true),
      },
      { ...all },
    );
    for (const path of unaryPaths) server.addService({ unary: definition(path, false, false) }, { unary: all.unary });
    return new Promise((resolve, reject) => {
      const unix = at.startsWith("unix:");
      server.bindAsync(unix ? at : `${at}:0`, security, (error, port) => {
        if (error === null) resolve(new GrpcServer(server, unix ? at : `${at}:${port}`));
        else reject(error);
      });
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

/** How a call ended, with all that came before its end. */
export interface Ended {
  readonly messages: readonly Buffer[];
  readonly initial: Metadata | undefined;
  readonly status: StatusObject;
}

export interface CallOptions {
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
}

/** A caller with one channel of its own. */
export class GrpcClient {
  readonly #client: Client;

  constructor(address: string, options: ClientOptions = {}, security = credentials.createInsecure()) {
    this.#client = new Client(address, security, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...options,
    });
  }

  unary(path: string, message: Uint8Array, options: CallOptions = {}): Promise<Ended> {
    const metadata = options.metadata ?? new Metadata();
    const call = this.#client.makeServerStreamRequest(
      path,
      same,
      same,
      Buffer.from(message),
      metadata,
      deadline(options),
    );
    return ended(call);
  }

  /** A call that both sides write into as they like; `ended` is its end. */
  duplex(path: string, options: CallOptions = {}): { call: ClientDuplexStream<Buffer, Buffer>; ended: Promise<Ended> } {
    const metadata = options.metadata ?? new Metadata();
    const call = this.#client.makeBidiStreamRequest(path, same, same, metadata, deadline(options));
    return { call, ended: ended(call) };
  }

  /** A call with these messages; how many answers may come is for the server to say. */
  async stream(path: string, messages: readonly Uint8Array[], options: CallOptions = {}): Promise<Ended> {
    const { call, ended: end } = this.duplex(path, options);
    for (const message of messages) call.write(Buffer.from(message));
    call.end();
    return await end;
  }

  close(): void {
    this.#client.close();
  }
}

/** Metadata of these entries; names ending in `-bin` take bytes. */
export function metadataOf(
  entries: Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>,
): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) {
    for (const each of Array.isArray(value) ? value : [value]) metadata.add(name, each);
  }
  return metadata;
}

function deadline({ timeoutMs }: CallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

/** Reads a call to its end. On the wire every kind of call is a stream of messages; so it is read as one. */
function ended(call: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>): Promise<Ended> {
  const messages: Buffer[] = [];
  let initial: Metadata | undefined;
  return new Promise((resolve) => {
    call.on("data", (message: Buffer) => messages.push(message));
    call.on("metadata", (metadata: Metadata) => {
      initial = metadata;
    });
    call.on("error", () => undefined); // the status says the same
    call.on("status", (status: StatusObject) => resolve({ messages, initial, status }));
  });
}
