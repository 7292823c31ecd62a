/**
 * The connections to one variant: opened ahead of the first call, opened again with growing, jittered pauses, and
 * several where one has no stream left. Calls for which there is no stream wait in a bounded queue; while an address
 * refuses us, they fail at once instead.
 */
import { createConnection } from "node:net";
import { type Address, formatAddress } from "../base/address.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Connection, ConnectionHandler } from "../http2/connection.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { type Backoff, newBackoff, nextPauseMs } from "./backoff.ts";
import type { FlushLoop } from "./flush-loop.ts";
import { Link } from "./link.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import { readInto } from "./socket-reader.ts";

/** A call that waits for a stream. */
export interface Waiter {
  /** A connection with room is here: open a stream on it now. */
  onConnection(connection: Connection): void;
  /** There won't be one. */
  onNoConnection(reason: "connect_failed" | "queue_timeout" | "draining"): void;
  /** Used by the pool. */
  queuedAtMs: number;
  waiting: boolean;
}

export interface PoolPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly loop: FlushLoop;
  readonly budget: ByteBudget;
  /** Gets the events of every connection's streams. */
  readonly handler: ConnectionHandler;
  /** One line for the log: connected, lost, refused. */
  readonly onEvent: (event: PoolEvent) => void;
}

export interface PoolEvent {
  readonly kind: "connected" | "connect_failed" | "disconnected" | "goaway";
  readonly address: string;
  readonly detail: string;
}

interface Slot {
  readonly link: Link;
  connected: boolean;
  connectedAtMs: number;
  cancelTimeout: () => void;
}

export class Pool {
  readonly address: Address;
  readonly #ports: PoolPorts;
  readonly #http2: ResolvedHttp2Options;
  readonly #options: ResolvedTransportOptions;
  readonly #slots = new Set<Slot>();
  readonly #queue: Waiter[] = [];
  #queueHead = 0;
  readonly #backoff: Backoff;
  #retry: (() => void) | undefined = undefined;
  #sweep: (() => void) | undefined = undefined;
  #drained: Promise<void> | undefined = undefined;
  #closed = false;
  #emptied: () => void = () => undefined;
  /** The event that was told last. */
  #told = "";

  constructor(address: Address, ports: PoolPorts, http2: ResolvedHttp2Options, options: ResolvedTransportOptions) {
    this.address = address;
    this.#ports = ports;
    this.#http2 = http2;
    this.#options = options;
    this.#backoff = newBackoff();
    this.#open();
  }

  /** Calls that wait. */
  get queued(): number {
    return this.#queue.length - this.#queueHead;
  }

  /** Connections by state, for metrics: `ready`, `connecting`, `draining`. */
  count(state: "ready" | "connecting" | "draining"): number {
    let count = 0;
    for (const slot of this.#slots) if (stateOf(slot) === state) count++;
    return count;
  }

  get streamCount(): number {
    let count = 0;
    for (const slot of this.#slots) count += slot.link.connection.streamCount;
    return count;
  }

  get unsentBytes(): number {
    let bytes = 0;
    for (const { link } of this.#slots) bytes += link.connection.output.bytes + link.connection.sender.socketBacklog;
    return bytes;
  }

  /** Whether there is a connection that works, be it full. */
  get ready(): boolean {
    for (const slot of this.#slots) if (stateOf(slot) === "ready") return true;
    return false;
  }

  /** The connection with room that has the fewest streams; undefined where the call has to wait. */
  pick(): Connection | undefined {
    let best: Connection | undefined;
    for (const slot of this.#slots) {
      const connection = slot.link.connection;
      if (!connection.hasCapacity) continue;
      if (best === undefined || connection.streamCount < best.streamCount) best = connection;
    }
    return best;
  }

  /** Puts a call in the queue. @returns why it can't wait, or undefined where it does. */
  wait(waiter: Waiter): "connect_failed" | "queue_full" | "draining" | undefined {
    if (this.#closed) return "draining";
    if (!this.#hope()) return "connect_failed";
    if (this.queued >= this.#options.maxQueuedCalls) return "queue_full";
    waiter.waiting = true;
    waiter.queuedAtMs = this.#ports.clock.nowMs();
    this.#queue.push(waiter);
    this.#armSweep();
    this.#growIfFull();
    return undefined;
  }

  /** The call no longer waits: it was cancelled or its deadline passed. */
  leave(waiter: Waiter): void {
    if (!waiter.waiting) return;
    waiter.waiting = false;
    const at = this.#queue.indexOf(waiter, this.#queueHead);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  /** Opens no new streams, and resolves once the last one has ended. Waiting calls are told. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  #drain(): Promise<void> {
    this.#close();
    for (const slot of [...this.#slots]) {
      if (slot.connected) slot.link.connection.shutdown();
      else slot.link.destroy();
      slot.link.flush();
    }
    if (this.#slots.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  destroy(): void {
    this.#close();
    for (const slot of [...this.#slots]) slot.link.destroy();
  }

  #close(): void {
    this.#closed = true;
    this.#retry?.();
    this.#failQueue("draining");
  }

  /** A connection has room again, or for the first time. */
  onCapacity(connection: Connection): void {
    while (this.queued > 0 && connection.hasCapacity) this.#shift().onConnection(connection);
  }

  /** To be called by the handler's `onReady`. */
  onReady(connection: Connection): void {
    for (const slot of this.#slots) {
      if (slot.link.connection !== connection) continue;
      slot.connected = true;
      slot.connectedAtMs = this.#ports.clock.nowMs();
      slot.cancelTimeout();
      this.#event("connected", "");
    }
    this.onCapacity(connection);
    if (this.queued > 0) this.#growIfFull();
  }

  /** To be called by the handler's `onGoaway`: another connection takes the calls to come. */
  onGoaway(_connection: Connection, code: number): void {
    this.#event("goaway", `code ${code}`);
    if (!this.#closed && this.pick() === undefined && this.count("connecting") === 0) this.#open();
  }

  #shift(): Waiter {
    const waiter = this.#queue[this.#queueHead++] as Waiter;
    waiter.waiting = false;
    if (this.#queueHead * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#queueHead);
      this.#queueHead = 0;
    }
    return waiter;
  }

  /** Whether waiting can help: a connection is there, full or being made. */
  #hope(): boolean {
    for (const slot of this.#slots) if (stateOf(slot) !== "draining") return true;
    return this.#retry === undefined && this.#open();
  }

  #growIfFull(): void {
    if (this.count("connecting") > 0 || this.count("ready") >= this.#options.maxConnections) return;
    this.#open();
  }

  #open(): boolean {
    if (this.#closed || this.#retry !== undefined) return false;
    const { host, port, path } = targetOf(this.address);
    const onread = readInto((bytes, end) => link.receive(bytes, end));
    const socket = createConnection(path === undefined ? { host, port, noDelay: true, onread } : { path, onread });
    const { handler, budget, loop, clock } = this.#ports;
    const gone = (link: Link): void => {
      onread.close();
      this.#gone(slot, link);
    };
    const link: Link = new Link(socket, "client", this.#http2, handler, budget, loop, clock, gone);
    link.connection.context = this;
    const cancelTimeout = clock.after(this.#options.connectTimeoutMs, () => {
      link.error ??= new Error(`no answer within ${this.#options.connectTimeoutMs} ms`);
      link.destroy();
    });
    const slot: Slot = { link, connected: false, connectedAtMs: 0, cancelTimeout };
    this.#slots.add(slot);
    return true;
  }

  #gone(slot: Slot, link: Link): void {
    slot.cancelTimeout();
    this.#slots.delete(slot);
    const detail = link.error === undefined ? link.connection.failureText : reasonOf(link.error);
    this.#event(slot.connected ? "disconnected" : "connect_failed", detail);
    if (this.#closed) {
      if (this.#slots.size === 0) this.#emptied();
      return;
    }
    const livedMs = slot.connected ? this.#ports.clock.nowMs() - slot.connectedAtMs : 0;
    if (livedMs < steadyMs) return this.#backOff();
    this.#backoff.failures = 0;
    if (this.#alive === 0) this.#open();
  }

  #backOff(): void {
    if (this.#retry === undefined) this.#armRetry();
    // A call that waits is only lost where there is nothing left to wait for.
    if (this.#alive === 0) this.#failQueue("connect_failed");
  }

  #armRetry(): void {
    const pauseMs = nextPauseMs(this.#backoff, this.#options, this.#ports.chance);
    const cancel = this.#ports.clock.after(pauseMs, () => {
      this.#retry = undefined;
      if (this.#alive === 0) this.#open();
      else if (this.queued > 0) this.#growIfFull();
    });
    this.#retry = () => {
      cancel();
      this.#retry = undefined;
    };
  }

  /** Connections that take calls, or will. */
  get #alive(): number {
    return this.count("ready") + this.count("connecting");
  }

  #failQueue(reason: "connect_failed" | "draining"): void {
    this.#sweep?.();
    while (this.queued > 0) this.#shift().onNoConnection(reason);
  }

  /** One timer for the whole queue: it is in order of arrival. */
  #armSweep(): void {
    if (this.#sweep !== undefined) return;
    const { clock } = this.#ports;
    const oldest = this.#queue[this.#queueHead] as Waiter;
    const dueInMs = oldest.queuedAtMs + this.#options.queueTimeoutMs - clock.nowMs();
    const cancel = clock.after(Math.max(1, dueInMs), () => {
      this.#sweep = undefined;
      const before = clock.nowMs() - this.#options.queueTimeoutMs;
      while (this.queued > 0 && (this.#queue[this.#queueHead] as Waiter).queuedAtMs <= before) {
        this.#shift().onNoConnection("queue_timeout");
      }
      if (this.queued > 0) this.#armSweep();
    });
    this.#sweep = () => {
      cancel();
      this.#sweep = undefined;
    };
  }

  /** Tells what has changed: an address that fails again as it did before is nothing new. */
  #event(kind: PoolEvent["kind"], detail: string): void {
    const told = `${kind} ${detail}`;
    if (kind === "connect_failed" && told === this.#told) return;
    this.#told = told;
    this.#ports.onEvent({ kind, address: formatAddress(this.address), detail });
  }
}

/** A connection that lived this long was a good one: after it, the next attempt needs no pause. */
const steadyMs = 1_000;

function stateOf(slot: Slot): "ready" | "connecting" | "draining" {
  const { connection } = slot.link;
  if (connection.goingAway || connection.dead) return "draining";
  return slot.connected ? "ready" : "connecting";
}

/** Where a name has several addresses, the error for all of them has a code and no words. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message === "" ? (error.code ?? error.name) : error.message;
}

function targetOf(address: Address): { host: string; port: number; path: string | undefined } {
  if (address.kind === "unix") return { host: "", port: 0, path: address.path };
  return { host: address.host, port: address.port, path: undefined };
}
