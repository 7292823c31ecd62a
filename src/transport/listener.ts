/**
 * Accepts connections for the proxy: HTTP/2 with prior knowledge over TCP or a unix socket.
 *
 * A caller that speaks HTTP/1.1 is told so in HTTP/1.1; anything else that is no HTTP/2 gets GOAWAY from the codec.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../base/address.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { afterPatiently } from "../base/patient-timer.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Connection, ConnectionHandler } from "../http2/connection.ts";
import { errorCode } from "../http2/constants.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { listenOn, type RawHandle, socketOf } from "./door.ts";
import type { FlushLoop } from "./flush-loop.ts";
import { looksLikeHttp1, refuseHttp1 } from "./http1.ts";
import { Link } from "./link.ts";
import { LinkWatch, type Retirement } from "./link-watch.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import { readAccepted } from "./socket-reader.ts";
import { callerLimits } from "./watch-limits.ts";

export interface ListenerPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly wheel: TimerWheel;
  readonly loop: FlushLoop;
  readonly budget: ByteBudget;
  readonly handler: ConnectionHandler;
  /** Counts a caller that spoke HTTP/1. */
  readonly onHttp1: () => void;
  /** Counts one that said nothing at all, or not enough, for too long. */
  readonly onSilent: () => void;
  /** Counts a connection that was not taken, for there are as many as there may be. */
  readonly onRefused: () => void;
  /** Counts one that is told to go, for its age or for want of calls. */
  readonly onRetire: (why: Retirement) => void;
}

/** The peer of an accepted connection, as `connection.context`. */
export interface Peer {
  /** Undefined over a unix socket, and there alone. */
  readonly address: string | undefined;
}

/** Of a TCP peer that had gone before it could be asked for: nobody's, so that nobody trusts it. */
const goneAddress = "0.0.0.0";

export class Listener {
  readonly #server: Server;
  #unix = false;
  #draining = false;
  readonly #ports: ListenerPorts;
  readonly #http2: ResolvedHttp2Options;
  readonly #options: ResolvedTransportOptions;
  readonly #links = new Set<Link>();
  /** Accepted sockets that have not begun to speak HTTP/2; no drain waits for them. */
  readonly #strangers = new Set<Socket>();
  #emptied: (() => void) | undefined = undefined;
  /** A drain is over for the callers: what is behind them takes no calls any more. */
  #over = false;

  constructor(ports: ListenerPorts, http2: ResolvedHttp2Options, options: ResolvedTransportOptions) {
    this.#ports = ports;
    this.#http2 = http2;
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket, this.#unix),
    );
    this.#server.maxConnections = options.maxConnectionsAccepted;
    this.#server.on("drop", () => this.#ports.onRefused());
  }

  /** @returns the bound address as text. @throws the system's error, where the address can't be had. */
  listen(address: Address): Promise<string> {
    this.#unix = address.kind === "unix";
    return listenOn(this.#server, address, this.#options.backlog, () => this.#ports.onRefused());
  }

  /** Takes a connection that was accepted elsewhere; `onGone` is told once it is closed. */
  adopt(handle: RawHandle, unix: boolean, onGone: () => void): void {
    this.#accept(socketOf(handle), unix).once("close", onGone);
  }

  get connectionCount(): number {
    return this.#links.size;
  }

  get streamCount(): number {
    let count = 0;
    for (const link of this.#links) count += link.connection.streamCount;
    return count;
  }

  /** Bytes written for callers and not yet taken by them. */
  get unsentBytes(): number {
    let bytes = 0;
    for (const { connection } of this.#links) bytes += connection.output.bytes + connection.sender.socketBacklog;
    return bytes;
  }

  /** Stops accepting, lets every open call finish, and resolves when the last connection is gone. */
  drain(): Promise<void> {
    this.#draining = true;
    this.#server.close();
    for (const link of this.#links) this.#shutdown(link);
    return new Promise((resolve) => {
      this.#emptied = () => {
        this.#over = true;
        resolve();
      };
      if (this.#links.size === 0) this.#emptied();
    });
  }

  /** Ends every connection at once. */
  destroy(): void {
    this.#server.close();
    for (const link of this.#links) link.destroy();
    for (const socket of this.#strangers) socket.destroy();
  }

  #shutdown(link: Link): void {
    link.connection.shutdown();
    const { goawayPingTimeoutMs } = this.#options;
    link.socket.once(
      "close",
      this.#ports.clock.after(goawayPingTimeoutMs, () => link.connection.finishShutdown()),
    );
  }

  #accept(accepted: Socket, unix: boolean): Socket {
    let answered = false;
    let link: Link | undefined;
    const socket = readAccepted(accepted, (bytes, end) => {
      if (link !== undefined) return link.receive(bytes, end);
      if (answered) return;
      answered = true;
      link = this.#greet(socket, peer, bytes, end, cancel);
      link?.receive(bytes, end);
    });
    // Now: one that sends and resets can still be read, and has no address any more.
    const peer: Peer = { address: unix ? undefined : (socket.remoteAddress ?? goneAddress) };
    // A socket that dies before it speaks must not take the process along.
    socket.on("error", () => undefined);
    const { clock } = this.#ports;
    const cancel = afterPatiently(clock, this.#options.handshakeTimeoutMs, () => {
      if (link !== undefined) return link.giveUp(errorCode.SETTINGS_TIMEOUT, "no SETTINGS in time", "slow_handshake");
      if (!answered) this.#ports.onSilent();
      socket.destroy();
    });
    this.#strangers.add(socket);
    socket.once("close", () => {
      cancel();
      this.#strangers.delete(socket);
    });
    // Who has said all and said nothing gets the same answer.
    socket.once("end", () => socket.end());
    socket.resume();
    return socket;
  }

  /** By its first bytes a stranger becomes a connection, or is told that it can't. */
  #greet(socket: Socket, peer: Peer, bytes: Buffer, end: number, cancel: () => void): Link | undefined {
    if (looksLikeHttp1(bytes.subarray(0, end))) {
      this.#ports.onHttp1();
      refuseHttp1(socket);
      return undefined;
    }
    const { handler, budget, loop, clock, chance, wheel, onRetire } = this.#ports;
    const link = new Link(socket, "server", this.#http2, handler, budget, loop, clock, (gone) => this.#gone(gone));
    link.connection.context = peer;
    link.connection.onceReady(cancel);
    new LinkWatch(link, wheel, clock, callerLimits(this.#options, chance), (why) => {
      onRetire(why);
      this.#shutdown(link);
    });
    this.#links.add(link);
    this.#strangers.delete(socket);
    if (this.#draining) this.#shutdown(link);
    // Nothing is heard of what it says: told so, it sends its calls elsewhere, where they would fail here.
    if (this.#over) link.connection.finishShutdown();
    return link;
  }

  #gone(link: Link): void {
    this.#links.delete(link);
    if (this.#links.size > 0) return;
    this.#emptied?.();
  }
}

/** Who is at the other end of a connection that a listener accepted. */
export function peerOf(connection: Connection): Peer {
  return connection.context as Peer;
}
