/** A config service by grpc-js that does what a test tells it to, and nothing else. */
import { Server, ServerCredentials, type ServerDuplexStream, type StatusObject } from "@grpc/grpc-js";
import type { FetchRequest, FetchResponse, WatchRequest, WatchResponse } from "../../src/api/messages.ts";
import { serviceDefinition } from "../../src/api/protos.ts";

export type Sent<T> = { readonly [K in keyof T]?: T[K] | object | null | undefined };
export type Answer = Sent<WatchResponse>;

/** One stream of a sidecar. */
export class WatchStream {
  /** What it has said, in order. */
  readonly requests: WatchRequest[] = [];
  /** Its metadata at the start. */
  readonly token: string | undefined;
  ended = false;
  readonly #call: ServerDuplexStream<WatchRequest, Answer>;
  #wake: () => void = () => undefined;

  constructor(call: ServerDuplexStream<WatchRequest, Answer>) {
    this.#call = call;
    const [token] = call.metadata.get("authorization");
    this.token = token?.toString();
    call.on("data", (request: WatchRequest) => {
      this.requests.push(request);
      this.#wake();
    });
    for (const event of ["end", "cancelled", "error"]) {
      call.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    }
  }

  send(answer: Answer): void {
    this.#call.write(answer);
  }

  /** As a server ends a stream that is old, or with a status. */
  end(status?: Partial<StatusObject>): void {
    if (status === undefined) this.#call.end();
    else this.#call.emit("error", status);
  }

  /** The request at `index`, once it is there. */
  async request(index: number): Promise<WatchRequest> {
    for (;;) {
      const request = this.requests[index];
      if (request !== undefined) return request;
      if (this.ended) throw new Error(`the stream ended before request ${index}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Once the sidecar, or the connection, has ended it. */
  async closed(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export class ConfigService {
  readonly streams: WatchStream[] = [];
  /** Answers Fetch; a refusal is thrown as a status. */
  fetch: (request: FetchRequest, token: string | undefined) => Sent<FetchResponse> = () => ({});
  /** Tells of each new stream at once. */
  onStream: (stream: WatchStream) => void = () => undefined;
  port = 0;
  readonly #server = new Server();
  #wake: () => void = () => undefined;

  /** @param port 0 for a free one @param garbage makes the bytes of an answer anything */
  static async open(
    port = 0,
    credentials = ServerCredentials.createInsecure(),
    garbage?: (answer: Answer) => Buffer | undefined,
  ): Promise<ConfigService> {
    const service = new ConfigService();
    await service.#listen(port, credentials, garbage);
    return service;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The stream at `index`, counted from 0, once it is there. */
  async stream(index: number): Promise<WatchStream> {
    for (;;) {
      const stream = this.streams[index];
      if (stream !== undefined) return stream;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Cuts every connection. */
  close(): void {
    this.#server.forceShutdown();
  }

  async #listen(
    port: number,
    credentials: ServerCredentials,
    garbage: ((answer: Answer) => Buffer | undefined) | undefined,
  ): Promise<void> {
    const { Watch: watch, Fetch: fetch } = serviceDefinition("ConfigService");
    if (watch === undefined || fetch === undefined) throw new Error("no such service");
    const serialize = watch.responseSerialize;
    this.#server.addService(
      {
        Watch: { ...watch, responseSerialize: (answer: Answer) => garbage?.(answer) ?? serialize(answer) },
        Fetch: fetch,
      },
      {
        Watch: (call: ServerDuplexStream<WatchRequest, Answer>) => {
          const stream = new WatchStream(call);
          this.streams.push(stream);
          this.onStream(stream);
          this.#wake();
        },
        Fetch: (
          call: { request: FetchRequest; metadata: { get(key: string): unknown[] } },
          reply: (error: object | null, answer?: object) => void,
        ) => {
          try {
            reply(null, this.fetch(call.request, call.metadata.get("authorization")[0] as string | undefined));
          } catch (status) {
            reply(status as object);
          }
        },
      },
    );
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }
}
