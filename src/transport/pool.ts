/**
 * The connections to one variant: opened ahead of the first call, to each address that its name stands for.
 *
 * A call goes to the connection that has the fewest; equals take turns. Calls for which there is no stream wait in a
 * bounded queue, and more connections are opened; while nobody can be reached they fail at once instead. An address
 * that leaves the name takes no new calls from the moment another one can, and finishes those it has.
 */
import { isIP } from "node:net";
import { type Address, formatAddress } from "../base/address.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Connection } from "../http2/connection.ts";
import type { ConnectionHandler } from "../http2/connection-handler.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { Addresses } from "./addresses.ts";
import { CallQueue, type Waiter } from "./call-queue.ts";
import { type ConnectionState, Endpoint } from "./endpoint.ts";
import type { FlushLoop } from "./flush-loop.ts";
import { NameWatch } from "./name-watch.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import type { Resolver } from "./resolver.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

export interface PoolPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly wheel: TimerWheel;
  readonly loop: FlushLoop;
  readonly budget: ByteBudget;
  readonly resolver: Resolver;
  /** How TLS is spoken; undefined where it is not. */
  readonly tls?: UpstreamTls | undefined;
  /** Gets the events of every connection's streams. */
  readonly handler: ConnectionHandler;
  /** One line for the log: connected, lost, refused. */
  readonly onEvent: (event: PoolEvent) => void;
}

export interface PoolEvent {
  readonly kind: "connected" | "connect_failed" | "disconnected" | "goaway" | "resolved" | "resolve_failed";
  readonly address: string;
  readonly detail: string;
}

export class Pool {
  readonly address: Address;
  readonly #ports: PoolPorts;
  readonly #http2: ResolvedHttp2Options;
  readonly #options: ResolvedTransportOptions;
  readonly #queue: CallQueue;
  /** By IP address; a pool without a name has one, under its own. */
  readonly #endpoints = new Map<string, Endpoint>();
  /** Those whose address is no longer wanted. */
  readonly #leaving = new Set<Endpoint>();
  /** Connections that take calls. */
  #ready: Connection[] = [];
  /** Place in `#ready` of the connection picked last. */
  #turn = 0;
  readonly #names: NameWatch | undefined;
  readonly #addresses: Addresses;
  /** Why the last look-up failed; empty where it did not. */
  #resolveTold = "";
  #drained: Promise<void> | undefined = undefined;
  /** Between two PINGs to the upstream, as often as it tolerates them. */
  keepaliveMs: number;
  /** Neither has a connection been made yet, nor has an attempt at one failed. */
  fresh = true;
  #closed = false;
  #emptied: () => void = () => undefined;

  constructor(address: Address, ports: PoolPorts, http2: ResolvedHttp2Options, options: ResolvedTransportOptions) {
    this.address = address;
    this.#ports = ports;
    this.#http2 = http2;
    this.#options = options;
    this.keepaliveMs = options.keepaliveMs;
    this.#queue = new CallQueue(ports.clock, options.queueTimeoutMs);
    this.#addresses = new Addresses(ports.clock, ports.chance, options.maxAddresses, () => this.#follow());
    if (address.kind === "unix" || isIP(address.host) !== 0) {
      this.#endpoints.set("", new Endpoint(address, this, ports, http2, options));
      return;
    }
    this.#names = new NameWatch(
      address.host,
      {
        ...{ clock: ports.clock, chance: ports.chance, resolver: ports.resolver },
        onAddresses: (addresses) => this.#onAddresses(addresses),
        onFailure: (reason) => this.#onNoAddresses(reason),
      },
      options,
    );
  }

  /** Calls that wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Connections by state, for metrics: `ready`, `connecting`, `draining`. */
  count(state: ConnectionState): number {
    return this.#sum((endpoint) => endpoint.count(state));
  }

  /** Addresses in use. */
  get addressCount(): number {
    return this.#endpoints.size;
  }

  get streamCount(): number {
    return this.#sum((endpoint) => endpoint.streamCount);
  }

  get unsentBytes(): number {
    return this.#sum((endpoint) => endpoint.unsentBytes);
  }

  /** Whether there is a connection that works, be it full. */
  get ready(): boolean {
    return this.count("ready") > 0;
  }

  /** The connection with room that has the fewest streams; undefined where the call has to wait. */
  pick(): Connection | undefined {
    const ready = this.#ready;
    const { length } = ready;
    let best: Connection | undefined;
    let at = this.#turn;
    for (let i = 0; i < length; i++) {
      at = at + 1 < length ? at + 1 : 0;
      const connection = ready[at] as Connection;
      if (!connection.hasCapacity) continue;
      if (best !== undefined && connection.streamCount >= best.streamCount) continue;
      best = connection;
      this.#turn = at;
      if (connection.streamCount === 0) break;
    }
    return best;
  }

  /** Puts a call in the queue. @returns why it can't wait, or undefined where it does. */
  wait(waiter: Waiter): "connect_failed" | "queue_full" | "draining" | undefined {
    if (this.#closed) return "draining";
    for (const endpoint of this.#endpoints.values()) endpoint.ensure();
    if (!this.#hopeful) return "connect_failed";
    if (this.queued >= this.#options.maxQueuedCalls) return "queue_full";
    this.#queue.add(waiter);
    this.#growIfFull();
    return undefined;
  }

  /** The call no longer waits: it was cancelled or its deadline passed. */
  leave(waiter: Waiter): void {
    this.#queue.remove(waiter);
  }

  /** Opens no new streams, and resolves once the last one has ended. Waiting calls are told. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  #drain(): Promise<void> {
    this.#close();
    for (const endpoint of this.#all()) endpoint.drain();
    if (this.#all().every(({ empty }) => empty)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  destroy(): void {
    this.#close();
    for (const endpoint of this.#all()) endpoint.destroy();
  }

  #close(): void {
    this.#closed = true;
    this.#names?.close();
    this.#addresses.close();
    this.#ready = [];
    this.#queue.fail("draining");
  }

  /** A connection has room again, or for the first time. */
  onCapacity(connection: Connection): void {
    while (this.queued > 0 && connection.hasCapacity) this.#queue.shift().onConnection(connection);
  }

  /** To be called by the handler's `onReady`. */
  onReady(connection: Connection): void {
    for (const endpoint of this.#all()) {
      if (!endpoint.onReady(connection)) continue;
      this.fresh = false;
      if (this.#names !== undefined && !endpoint.leaving) this.#addresses.connected(endpoint.host);
      this.#retire();
    }
    this.#gather();
    this.onCapacity(connection);
    if (this.queued > 0) this.#growIfFull();
  }

  /** To be called by the handler's `onGoaway`: another connection takes the calls to come. */
  onGoaway(connection: Connection, code: number): void {
    for (const endpoint of this.#all()) {
      if (!endpoint.onGoaway(connection, code) || this.#closed) continue;
      this.#gather();
      endpoint.ensure();
      if (this.pick() === undefined) this.#growIfFull();
      this.#names?.doubt();
    }
  }

  /** For the endpoint: a connection, or an attempt at one, has ended. `failed` where that is no good sign. */
  onGone(endpoint: Endpoint, failed: boolean): void {
    this.fresh = false;
    if (endpoint.empty) this.#leaving.delete(endpoint);
    if (this.#closed) {
      if (this.#all().every(({ empty }) => empty)) this.#emptied();
      return;
    }
    this.#gather();
    if (failed) {
      this.#names?.doubt();
      if (!this.ready) this.#addresses.noneAnswers();
    }
    // A call that waits is only lost where there is nothing left to wait for.
    if (!this.#hopeful) this.#queue.fail("connect_failed");
    else if (this.queued > 0) this.#growIfFull();
  }

  /** For the endpoint: its pause is over. */
  onRetry(): void {
    if (this.queued > 0) this.#growIfFull();
  }

  #all(): readonly Endpoint[] {
    return [...this.#endpoints.values(), ...this.#leaving];
  }

  #sum(read: (endpoint: Endpoint) => number): number {
    let sum = 0;
    for (const endpoint of this.#endpoints.values()) sum += read(endpoint);
    for (const endpoint of this.#leaving) sum += read(endpoint);
    return sum;
  }

  /** Whether waiting can help. */
  get #hopeful(): boolean {
    if (this.#names?.pending === true && this.#addresses.unknown) return true;
    for (const endpoint of this.#endpoints.values()) if (endpoint.hopeful) return true;
    return this.#ready.some(({ goingAway, dead }) => !goingAway && !dead);
  }

  #gather(): void {
    if (this.#closed) return;
    const ready: Connection[] = [];
    for (const endpoint of this.#endpoints.values()) endpoint.addReady(ready);
    for (const endpoint of this.#leaving) endpoint.addReady(ready);
    this.#ready = ready;
  }

  /**
   * One more connection, one at a time, to the address that has the fewest. One that has not answered yet is none to wait for:
   * it may be silent, and those that answer have room.
   */
  #growIfFull(): void {
    let least: Endpoint | undefined;
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.count("ready") === 0) continue;
      if (endpoint.count("connecting") > 0) return;
      if (!endpoint.mayGrow) continue;
      if (least === undefined || endpoint.count("ready") < least.count("ready")) least = endpoint;
    }
    least?.open();
  }

  // === names ===

  #onAddresses(found: readonly string[]): void {
    if (this.#resolveTold !== "") this.#tell("resolved", found.join(", "));
    this.#resolveTold = "";
    this.#addresses.learn(found);
  }

  #onNoAddresses(reason: string): void {
    this.fresh = false;
    if (reason !== this.#resolveTold) this.#tell("resolve_failed", reason);
    this.#resolveTold = reason;
    if (!this.#hopeful) this.#queue.fail("connect_failed");
  }

  /** Brings the endpoints in line with the addresses that are wanted. */
  #follow(): void {
    const wanted = new Set(this.#addresses.wanted);
    for (const [host, endpoint] of [...this.#endpoints]) {
      if (wanted.has(host)) continue;
      this.#endpoints.delete(host);
      this.#leaving.add(endpoint);
      endpoint.leave();
      if (endpoint.empty) this.#leaving.delete(endpoint);
    }
    for (const host of wanted) if (!this.#endpoints.has(host)) this.#endpoints.set(host, this.#endpointAt(host));
    this.#retire();
    this.#gather();
  }

  #endpointAt(host: string): Endpoint {
    for (const endpoint of this.#leaving) {
      if (endpoint.host !== host || !endpoint.stay()) continue;
      this.#leaving.delete(endpoint);
      return endpoint;
    }
    const { port } = this.address as { port: number };
    return new Endpoint({ kind: "tcp", host, port }, this, this.#ports, this.#http2, this.#options);
  }

  /** What is no longer wanted says goodbye as soon as something else takes its calls. */
  #retire(): void {
    if (this.#leaving.size === 0) return;
    for (const endpoint of this.#endpoints.values()) {
      if (!endpoint.ready) continue;
      for (const leaving of this.#leaving) leaving.drain();
      return;
    }
  }

  #tell(kind: PoolEvent["kind"], detail: string): void {
    this.#ports.onEvent({ kind, address: formatAddress(this.address), detail });
  }
}
