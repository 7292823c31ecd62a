/**
 * An etcd that says what a test tells it to, over real connections: for what no real one can be brought to do at will. Unless told
 * otherwise it is a healthy 3.6 without any keys.
 */
import { fileURLToPath } from "node:url";
import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import type {
  LeaseResponse,
  RangeRequest,
  TxnRequest,
  WatchEvent,
  WatchRequest,
  WatchResponse,
} from "../../src/etcd/protos.ts";
import type { Closable } from "./owned.ts";

type Unary<Request> = (request: Request, metadata: Metadata) => object | Promise<object>;

export interface FakeHandlers {
  status: Unary<object>;
  range: Unary<RangeRequest>;
  txn: Unary<TxnRequest>;
  grant: Unary<{ readonly TTL: string }>;
  revoke: Unary<{ readonly ID: string }>;
  authenticate: Unary<{ readonly name: string; readonly password: string }>;
  watch(stream: FakeWatch): void;
  keepAlive(request: { readonly ID: string }): LeaseResponse | Promise<LeaseResponse>;
}

/** For handlers to throw: what etcd answers with. */
export const failure = (code: status, details: string): Partial<ServiceError> => ({ code, details });

export const never = new Promise<never>(() => undefined);

export class FakeWatch {
  readonly metadata: Metadata;
  /** The request that began it. */
  readonly begun: Promise<{ readonly start_revision: string; readonly fragment: boolean }>;
  asked = 0;
  readonly #stream: ServerDuplexStream<WatchRequest, Partial<WatchResponse>>;

  constructor(stream: ServerDuplexStream<WatchRequest, Partial<WatchResponse>>) {
    this.#stream = stream;
    this.metadata = stream.metadata;
    stream.on("error", () => undefined);
    this.begun = new Promise((resolve) => {
      stream.on("data", (request: WatchRequest) => {
        if ("create_request" in request && request.create_request) resolve(request.create_request as never);
        else this.asked++;
      });
    });
  }

  say(answer: Partial<WatchResponse>): void {
    this.#stream.write(answer);
  }

  /** Begins it as etcd does. */
  async create(revision = 100): Promise<void> {
    await this.begun;
    this.say({ created: true, header: { revision: `${revision}` } });
  }

  tell(events: readonly WatchEvent[], fragment = false): void {
    this.say({ events, fragment, header: { revision: events.at(-1)?.kv.mod_revision ?? "0" } });
  }

  fail(code: status, details: string): void {
    this.#stream.emit("error", failure(code, details));
  }

  end(): void {
    this.#stream.end();
  }
}

export const event = (key: string, revision: number, value?: string): WatchEvent => ({
  type: value === undefined ? "DELETE" : "PUT",
  kv: { key: Buffer.from(key), value: Buffer.from(value ?? ""), mod_revision: `${revision}` },
});

const folder = fileURLToPath(new URL("../../proto/etcd", import.meta.url));
let loaded: PackageDefinition | undefined;

export class FakeEtcd implements Closable {
  readonly endpoint: string;
  /** Names of the methods that were called, in order, those that were refused included. */
  readonly calls: string[] = [];
  readonly on: Partial<FakeHandlers>;
  readonly #server: Server;

  private constructor(server: Server, port: number, on: Partial<FakeHandlers>, calls: string[]) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${port}`;
    this.on = on;
    this.calls = calls;
  }

  static async start(on: Partial<FakeHandlers> = {}): Promise<FakeEtcd> {
    loaded ??= loadSync("etcd/api/etcdserverpb/rpc.proto", {
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
      includeDirs: [folder],
    });
    const calls: string[] = [];
    const server = new Server();
    const header = { revision: "100" };
    const unary = <Request>(name: keyof FakeHandlers, usual: object): handleUnaryCall<Request, object> => {
      return (call, answer) => {
        calls.push(name);
        const handler = on[name] as Unary<Request> | undefined;
        Promise.resolve()
          .then(() => (handler === undefined ? usual : handler(call.request, call.metadata)))
          .then(
            (said) => answer(null, said),
            (reason) => answer(reason as ServiceError),
          );
      };
    };
    const services: Record<string, UntypedServiceImplementation> = {
      KV: {
        Range: unary("range", { header, kvs: [], more: false }),
        Txn: unary("txn", { header, succeeded: true }),
      },
      Maintenance: { Status: unary("status", { version: "3.6.5" }) },
      Auth: { Authenticate: unary("authenticate", { token: "token" }) },
      Lease: {
        LeaseGrant: unary("grant", { ID: "7", TTL: "10" }),
        LeaseRevoke: unary("revoke", {}),
        LeaseKeepAlive: (stream: ServerDuplexStream<{ readonly ID: string }, LeaseResponse>) => {
          stream.on("error", () => undefined);
          stream.on("data", (request: { readonly ID: string }) => {
            calls.push("keepAlive");
            const usual = { ID: request.ID, TTL: "10" };
            void Promise.resolve(on.keepAlive?.(request) ?? usual).then((answer) => stream.write(answer));
          });
        },
      },
      Watch: {
        Watch: (stream: ServerDuplexStream<WatchRequest, Partial<WatchResponse>>) => {
          calls.push("watch");
          on.watch?.(new FakeWatch(stream));
        },
      },
    };
    for (const [name, handlers] of Object.entries(services)) {
      server.addService(loaded[`etcdserverpb.${name}`] as never, handlers);
    }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return new FakeEtcd(server, port, on, calls);
  }

  /** How often a method was called. */
  count(name: keyof FakeHandlers): number {
    return this.calls.filter((call) => call === name).length;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

export { status };
