/**
 * The connections to one address of a variant: one from the beginning, opened again with growing, jittered pauses, and
 * more where one has no stream left.
 */
import { type Address, formatAddress } from "../base/address.ts";
import { afterPatiently } from "../base/patient-timer.ts";
import type { Connection } from "../http2/connection.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { type Backoff, newBackoff, nextPauseMs } from "./backoff.ts";
import { dial } from "./dial.ts";
import { Link } from "./link.ts";
import { LinkWatch } from "./link-watch.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import type { Pool, PoolEvent, PoolPorts } from "./pool.ts";
import { tlsErrorText } from "./tls-failure.ts";
import { upstreamLimits } from "./watch-limits.ts";

export type ConnectionState = "ready" | "connecting" | "draining";

interface Slot {
  readonly link: Link;
  connected: boolean;
  connectedAtMs: number;
  /** It ended as it should, after calls: the peer said GOAWAY and took some, or its stream ids were used up. */
  servedAndLeft: boolean;
  /** Old enough to be replaced, once there is another. */
  aged: boolean;
  /** It said GOAWAY as soon as it was there. */
  turnedAway: boolean;
  cancelTimeout: () => void;
}

/** A connection that lived this long was a good one: after it, the next attempt needs no pause. */
const steadyMs = 1_000;

/** The kernel asks an idle connection's peer from then on, every second, ten times. */
const tcpKeepaliveMs = 60_000;
/** Beyond a day nothing is gained by asking at all. */
const longestKeepaliveMs = 86_400_000;

export class Endpoint {
  readonly address: Address;
  readonly #pool: Pool;
  readonly #ports: PoolPorts;
  readonly #http2: ResolvedHttp2Options;
  readonly #options: ResolvedTransportOptions;
  readonly #slots = new Set<Slot>();
  readonly #backoff: Backoff = newBackoff();
  #retry: (() => void) | undefined = undefined;
  #leaving = false;
  /** The event that was told last. */
  #told = "";

  constructor(
    address: Address,
    pool: Pool,
    ports: PoolPorts,
    http2: ResolvedHttp2Options,
    options: ResolvedTransportOptions,
  ) {
    this.address = address;
    this.#pool = pool;
    this.#ports = ports;
    this.#http2 = http2;
    this.#options = options;
    this.open();
  }

  count(state: ConnectionState): number {
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

  /** Its IP address; empty for a unix socket. */
  get host(): string {
    return this.address.kind === "tcp" ? this.address.host : "";
  }

  /** Whether it is no longer wanted. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Whether nothing of it is left. */
  get empty(): boolean {
    return this.#slots.size === 0;
  }

  /** Whether waiting can help: a connection is there, full or being made. */
  get hopeful(): boolean {
    for (const slot of this.#slots) if (stateOf(slot) !== "draining") return true;
    return false;
  }

  /** Connections that take calls are added to `into`. */
  addReady(into: Connection[]): void {
    for (const slot of this.#slots) if (stateOf(slot) === "ready") into.push(slot.link.connection);
  }

  /** Opens a connection, unless it is told to wait or to leave. @returns whether it does. */
  open(): boolean {
    if (this.#leaving || this.#retry !== undefined) return false;
    const { clock, handler, budget, loop } = this.#ports;
    const dialled = dial(this.address, (bytes, end) => link.receive(bytes, end), this.#ports.tls);
    const gone = (link: Link): void => {
      dialled.close();
      this.#gone(slot, link);
    };
    const link: Link = new Link(dialled.socket, "client", this.#http2, handler, budget, loop, clock, gone);
    link.connection.context = this.#pool;
    const cancelTimeout = afterPatiently(clock, this.#options.connectTimeoutMs, () => {
      link.error ??= new Error(`no answer within ${this.#options.connectTimeoutMs} ms`);
      link.destroy();
    });
    const slot: Slot = {
      link,
      connected: false,
      connectedAtMs: 0,
      servedAndLeft: false,
      turnedAway: false,
      aged: false,
      cancelTimeout,
    };
    this.#slots.add(slot);
    return true;
  }

  /** Sees to it that there is a connection, or will be. */
  ensure(): void {
    if (!this.hopeful) this.open();
  }

  /** Whether another connection may be opened beside those that are full. */
  get mayGrow(): boolean {
    return !this.#leaving && this.#retry === undefined && this.count("ready") < this.#options.maxConnections;
  }

  /** @returns whether the connection is one of its own. */
  onReady(connection: Connection): boolean {
    const slot = this.#slotOf(connection);
    if (slot === undefined) return false;
    slot.connected = true;
    slot.connectedAtMs = this.#ports.clock.nowMs();
    slot.cancelTimeout();
    this.#event("connected", "");
    this.#attend(slot);
    for (const other of [...this.#slots]) if (other.aged) this.#sayGoodbye(other);
    return true;
  }

  #attend(slot: Slot): void {
    const { wheel, clock, chance } = this.#ports;
    // Finds hosts that have vanished, also between calls, when a model server would not stand for PINGs.
    slot.link.socket.setKeepAlive(true, tcpKeepaliveMs);
    new LinkWatch(slot.link, wheel, clock, upstreamLimits(this.#options, chance, this.#pool.keepaliveMs), () => {
      slot.aged = true;
      this.open();
    });
  }

  #sayGoodbye(slot: Slot): void {
    slot.servedAndLeft = true;
    slot.link.connection.shutdown();
    slot.link.flush();
  }

  /** @returns whether the connection is one of its own. */
  onGoaway(connection: Connection, code: number): boolean {
    const slot = this.#slotOf(connection);
    if (slot === undefined) return false;
    slot.servedAndLeft = connection.goawayServed;
    if (connection.tooManyPings) this.#pool.keepaliveMs = Math.min(this.#pool.keepaliveMs * 2, longestKeepaliveMs);
    const pings = connection.tooManyPings ? `, too many PINGs: from now on ${this.#pool.keepaliveMs} ms apart` : "";
    this.#event("goaway", `code ${code}${pings}`);
    if (!slot.servedAndLeft && !slot.turnedAway && this.#livedMs(slot) < steadyMs) {
      slot.turnedAway = true;
      // Once may happen to a server that restarts; one that says it to whoever comes is not asked again without a pause.
      if (this.#backoff.failures === 0) this.#backoff.failures++;
      else this.#pause();
    }
    return true;
  }

  /** Its address is no longer among the name's: nothing new is opened, and what is being opened is given up. */
  leave(): void {
    this.#leaving = true;
    this.#retry?.();
    for (const slot of [...this.#slots]) if (!slot.connected) slot.link.destroy();
  }

  /** The address is back. @returns false where it has said goodbye already. */
  stay(): boolean {
    for (const slot of this.#slots) if (stateOf(slot) !== "ready") return false;
    this.#leaving = false;
    return true;
  }

  /** Opens no new streams; its connections go with their last call. */
  drain(): void {
    this.leave();
    for (const slot of [...this.#slots]) this.#sayGoodbye(slot);
  }

  destroy(): void {
    this.leave();
    for (const slot of [...this.#slots]) slot.link.destroy();
  }

  #slotOf(connection: Connection): Slot | undefined {
    for (const slot of this.#slots) if (slot.link.connection === connection) return slot;
    return undefined;
  }

  #gone(slot: Slot, link: Link): void {
    slot.cancelTimeout();
    this.#slots.delete(slot);
    const { failureText } = link.connection;
    const broken = slot.connected || failureText === "" ? failureText : `speaks no HTTP/2: ${failureText}`;
    const detail = link.error === undefined ? broken : reasonOf(link.error);
    this.#event(slot.connected ? "disconnected" : "connect_failed", detail);
    if (link.connection.spent) slot.servedAndLeft = true;
    if (!this.#leaving) this.#goOn(slot);
    this.#pool.onGone(this, !slot.servedAndLeft);
  }

  #goOn(slot: Slot): void {
    // It may have taken its time to close: that was no life.
    if (slot.turnedAway) return this.ensure();
    if (this.#livedMs(slot) >= steadyMs || slot.servedAndLeft) {
      this.#backoff.failures = 0;
      // Whatever the pause was for: this one was of use until now.
      this.#retry?.();
      this.ensure();
      return;
    }
    this.#pause();
  }

  #livedMs(slot: Slot): number {
    return slot.connected ? this.#ports.clock.nowMs() - slot.connectedAtMs : 0;
  }

  /** The next attempt comes after a pause; one that is under way goes on. */
  #pause(): void {
    if (this.#retry !== undefined) return;
    const pauseMs = nextPauseMs(this.#backoff, this.#options, this.#ports.chance);
    const cancel = this.#ports.clock.after(pauseMs, () => {
      this.#retry = undefined;
      if (!this.hopeful || [...this.#slots].some(({ aged }) => aged)) this.open();
      this.#pool.onRetry();
    });
    this.#retry = () => {
      cancel();
      this.#retry = undefined;
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

function stateOf(slot: Slot): ConnectionState {
  const { connection } = slot.link;
  if (connection.goingAway || connection.dead) return "draining";
  return slot.connected ? "ready" : "connecting";
}

/** Where a name has several addresses, the error for all of them has a code and no words. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message === "" ? (error.code ?? error.name) : tlsErrorText(error);
}
