/** A config service in this process: the real one, on a directory of its own, listening on loopback. */
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import type { WatchRequest, WatchResponse } from "../../src/api/messages.ts";
import { method, type ServiceName } from "../../src/api/protos.ts";
import { systemChance } from "../../src/base/chance.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import type { Callers } from "../../src/control/access/callers.ts";
import { Control, type ControlEvent, type ControlOptions } from "../../src/control/control.ts";
import { openEmbeddedStore } from "../../src/control/embedded/open.ts";
import type { ConnectionBounds } from "../../src/control/ports/connection-bounds.ts";
import { ControlServer } from "../../src/control/ports/server.ts";
import type { TlsOptions } from "../../src/control/ports/tls-options.ts";
import type { ShareResponse } from "../../src/control/replicas/peer-link.ts";
import type { Store } from "../../src/control/store.ts";
import { fraudText } from "./route-document.ts";
import { until } from "./until.ts";

export const controlOptions: ControlOptions = {
  historyLimit: 1000,
  historyRouteBytes: 8_388_608,
  historyBytes: 134_217_728,
  historyDeleted: 100,
  heartbeatMs: 30_000,
  reportIntervalMs: 10_000,
  leaseMs: 10_000,
};

/** Everybody may do everything, under the name that they claim: what loopback in plain text is. */
export const openCallers: Callers = {
  admit: () => undefined,
  sidecar: (_, __, { namespace, workload, pod }) => ({
    identity: "",
    labels: { namespace: said(namespace), workload: said(workload), pod: said(pod) },
  }),
  person: () => ({ name: "tester?", sees: () => true, mayChange: () => undefined }),
  replica: () => undefined,
};

const said = (text: string): string | undefined => (text === "" ? undefined : text);

export interface TestControl {
  readonly address: string;
  readonly control: Control;
  readonly server: ControlServer;
  readonly events: ControlEvent[];
  /** One unary call. @throws the gRPC error. */
  call<Response = Record<string, unknown>>(service: ServiceName, name: string, request: object): Promise<Response>;
  /** One message of bytes, and the first answer to it, over a stream that is closed on our side. */
  bytes(path: string, request: Buffer): Promise<Buffer>;
  /** A stream of a sidecar that says who it is; nothing, where no node is given. */
  watch(node: object | undefined, version?: string): TestWatch;
  close(): Promise<void>;
}

export interface TestControlOptions extends Partial<ControlOptions> {
  readonly callers?: Callers;
  /** One that several controls share, and that its owner closes. */
  readonly store?: Store;
  readonly name?: string;
  readonly connections?: ConnectionBounds;
  /** Callers by its own `call` and `watch` speak plain text, and don't reach it then. */
  readonly tls?: TlsOptions;
  /** Whether its health service says that it serves. */
  readonly ready?: boolean;
  /** Of the service, not of its store. */
  readonly clock?: Clock;
  /** By which its gRPC port ends. */
  readonly serverClock?: Clock;
  /** How long calls under way may take when it is closed. */
  readonly graceMs?: number;
}

/** A store in a directory, by the machine's own clock. */
export const openStore = (path: string): Promise<Store> =>
  openEmbeddedStore(path, { clock: systemClock, chance: systemChance });

/** Once each of two replicas has told the other one everything. */
export const acquainted = (one: TestControl, two: TestControl): Promise<void> =>
  until(() => one.control.caughtUp === 1 && two.control.caughtUp === 1, "both have told each other everything");

/** Two replicas on one store, which know each other. */
export async function startReplicas(
  store: Store,
  options: TestControlOptions = {},
): Promise<[TestControl, TestControl]> {
  const one = await startControl("", { ...options, store, name: "one" });
  const two = await startControl("", { ...options, store, name: "two" });
  await acquainted(one, two);
  return [one, two];
}

/** Applies the route "fraud" with this weight of v42 beside 90. */
export const applyFraud = (control: TestControl, v42 = 10): Promise<{ readonly revision: number }> =>
  control.call("AdminService", "ApplyRoutes", { texts: [{ name: "x", text: fraudText(v42) }] });

/** @param path of its directory, where it has a store of its own */
export async function startControl(path: string, given: TestControlOptions = {}): Promise<TestControl> {
  const {
    callers = openCallers,
    store: shared,
    name = "alone",
    connections,
    tls,
    clock = systemClock,
    serverClock = systemClock,
    graceMs = 1_000,
    ready = true,
    ...options
  } = given;
  const store = shared ?? (await openStore(path));
  const events: ControlEvent[] = [];
  // Replicas find each other by address, which is known once the server listens.
  const self = { name, address: "" };
  const control = new Control(
    {
      store,
      clock,
      chance: systemChance,
      callers,
      self,
      dial,
      onEvent: (event) => void events.push(event),
    },
    { ...controlOptions, ...options },
  );
  await control.open();
  const server = new ControlServer(control, serverClock);
  const address = await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, tls, connections);
  self.address = address;
  await control.join();
  if (ready) server.ready();
  const client = new Client(address, credentials.createInsecure());
  const watches: TestWatch[] = [];
  return {
    address,
    control,
    server,
    events,
    call: (service, method, request) => unary(client, service, method, request),
    bytes(path, request) {
      const same = (bytes: Buffer): Buffer => bytes;
      const stream = client.makeBidiStreamRequest(path, same, same);
      return new Promise((resolve, reject) => {
        stream.on("data", resolve).on("error", reject);
        stream.write(request);
        stream.end();
      });
    },
    watch(node, version = "") {
      const watch = new TestWatch(client, node, version);
      watches.push(watch);
      return watch;
    },
    async close() {
      control.leave();
      await server.close(graceMs);
      // A status is read after what came before it, which may be after the connection has ended.
      for (const watch of watches) await watch.status();
      await control.close();
      client.close();
      if (shared === undefined) await store.close();
    },
  };
}

function dial(address: string) {
  if (!address.includes(":")) throw new Error(`no address: ${address}`);
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = method<object, ShareResponse>("PeerService", "Share");
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  return {
    stream,
    close: () => {
      stream.cancel();
      client.close();
    },
  };
}

/** @throws the gRPC error. */
export function unary<Response>(
  client: Client,
  service: ServiceName,
  name: string,
  request: object,
  metadata = new Metadata(),
): Promise<Response> {
  const { path, requestSerialize, responseDeserialize } = method<object, object>(service, name);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (reason, value) =>
      reason === null ? resolve(value as Response) : reject(reason),
    );
  });
}

/** A sidecar's stream, held by hand. */
export class TestWatch {
  readonly received: WatchResponse[] = [];
  readonly #stream: ClientDuplexStream<object, WatchResponse>;
  readonly #waiting: ((response: WatchResponse) => void)[] = [];
  readonly #unread: WatchResponse[] = [];
  ended: { readonly code: number; readonly details: string } | undefined = undefined;

  constructor(client: Client, node: object | undefined, version: string) {
    const { path, requestSerialize, responseDeserialize } = method<WatchRequest, WatchResponse>(
      "ConfigService",
      "Watch",
    );
    this.#stream = client.makeBidiStreamRequest(path, requestSerialize as never, responseDeserialize);
    this.#stream.on("data", (response: WatchResponse) => {
      this.received.push(response);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#unread.push(response);
      else waiting(response);
    });
    this.#stream.on("error", () => undefined);
    this.#stream.on("status", (status) => {
      this.ended = status;
    });
    if (node !== undefined) this.#stream.write({ node, version });
  }

  /** The next message that is not read yet. */
  next(): Promise<WatchResponse> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return Promise.resolve(unread);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next message with a nonce. */
  async snapshot(): Promise<WatchResponse> {
    for (;;) {
      const response = await this.next();
      if (response.nonce !== "") return response;
    }
  }

  ack({ nonce }: WatchResponse): void {
    this.#stream.write({ nonce });
  }

  nack({ nonce }: WatchResponse, problems: readonly object[]): void {
    this.#stream.write({ nonce, problems });
  }

  status(): Promise<{ readonly code: number; readonly details: string }> {
    if (this.ended !== undefined) return Promise.resolve(this.ended);
    return new Promise((resolve) => this.#stream.on("status", resolve));
  }

  end(): void {
    this.#stream.end();
    this.#stream.cancel();
  }
}
