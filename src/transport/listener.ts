/**
 * Accepts connections for the proxy: HTTP/2 over TCP or a unix socket, with prior knowledge or over TLS.
 *
 * A caller that speaks HTTP/1.1 is told so in HTTP/1.1, and so is one that speaks TLS where there is none; anything else
 * that is no HTTP/2 gets GOAWAY from the codec. `accept` is all that happens to a socket once it is there, wherever it was
 * accepted.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../base/address.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Retirement } from "../base/connection-ends.ts";
import { afterPatiently } from "../base/patient-timer.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Connection } from "../http2/connection.ts";
import type { ConnectionHandler } from "../http2/connection-handler.ts";
import { errorCode } from "../http2/constants.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { listenOn, type RawHandle, socketOf } from "./door.ts";
import type { FlushLoop } from "./flush-loop.ts";
import { looksLikeHttp1, refuseHttp1 } from "./http1.ts";
import { Link } from "./link.ts";
import { LinkWatch } from "./link-watch.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import { readAccepted, readSecure } from "./socket-reader.ts";
import { TlsAcceptor, type TlsAcceptorOptions, type TlsPorts } from "./tls-acceptor.ts";
import type { TlsContext } from "./tls-context.ts";
import { callerLimits } from "./watch-limits.ts";
import { looksLikeTls, refuseTls, tlsPort } from "./wrong-port.ts";

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
  readonly tls: TlsPorts;
}

/** How a listener speaks TLS. */
export interface ListenerTls extends Omit<TlsAcceptorOptions, "handshakesPerTurn"> {
  readonly context: TlsContext;
}

/** The peer of an accepted connection, as `connection.context`. */
export interface Peer {
  /** Undefined over a unix socket, and there alone. */
  readonly address: string | undefined;
  /** The name in its certificate by which it was allowed; undefined where it had to show none. */
  readonly identity: string | undefined;
}

/** An accepted socket before it speaks HTTP/2. */
interface Stranger {
  peer: Peer;
  /** What it is read by, and what is to be destroyed: the socket that was accepted, or the one that took its place. */
  socket: Socket;
  /** It has spoken: it is a connection by now, or has been told that it can't be one. */
  answered: boolean;
  link: Link | undefined;
  /** Ends the wait for its preface. */
  readonly cancel: () => void;
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
  #tls: TlsAcceptor | undefined = undefined;
  /** Accepted sockets that have not begun to speak HTTP/2; no drain waits for them. */
  readonly #strangers = new Set<Stranger>();
  #emptied: (() => void) | undefined = undefined;
  /** A drain is over for the callers: what is behind them takes no calls any more. */
  #over = false;

  constructor(ports: ListenerPorts, http2: ResolvedHttp2Options, options: ResolvedTransportOptions) {
    this.#ports = ports;
    this.#http2 = http2;
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.accept(socket, this.#unix),
    );
    this.#server.maxConnections = options.maxConnectionsAccepted;
    this.#server.on("drop", () => this.#ports.onRefused());
  }

  /**
   * @param socketMode permissions of a unix socket's file.
   * @returns the bound address as text. @throws the system's error, where the address can't be had.
   */
  async listen(address: Address, socketMode?: number): Promise<string> {
    this.#unix = address.kind === "unix";
    return listenOn(this.#server, address, {
      backlog: this.#options.backlog,
      socketMode,
      onRefused: () => this.#ports.onRefused(),
    });
  }

  /** Takes a connection that was accepted elsewhere; `onGone` is told once it is closed. */
  adopt(handle: RawHandle, unix: boolean, onGone: () => void): void {
    const raw = socketOf(handle);
    raw.once("close", onGone);
    this.accept(raw, unix);
  }

  /** From the next connection on, TLS is spoken, by this certificate. Before the first: once it listens, only another one. */
  useTls({ context, ...options }: ListenerTls): void {
    if (this.#tls !== undefined) return this.#tls.use(context);
    const { clock, tls } = this.#ports;
    const { handshakesPerTurn } = this.#options;
    this.#tls = new TlsAcceptor(context, clock, tls, { ...options, handshakesPerTurn });
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
    for (const { socket } of this.#strangers) socket.destroy();
  }

  #shutdown(link: Link): void {
    link.connection.shutdown();
    const { goawayPingTimeoutMs } = this.#options;
    link.socket.once(
      "close",
      this.#ports.clock.after(goawayPingTimeoutMs, () => link.connection.finishShutdown()),
    );
  }

  /** Takes a socket that has been accepted and not read from (`pauseOnConnect`), here or in another process. */
  accept(raw: Socket, unix: boolean): void {
    // Now: one that sends and resets can still be read, and has no address any more.
    const address = unix ? undefined : (raw.remoteAddress ?? goneAddress);
    // A socket that dies before it speaks must not take the process along.
    raw.on("error", () => undefined);
    const tls = this.#tls;
    const { clock } = this.#ports;
    const cancel = afterPatiently(clock, this.#options.handshakeTimeoutMs, () => this.#giveUp(stranger, raw));
    const peer = { address, identity: undefined };
    const stranger: Stranger = { peer, socket: raw, answered: false, link: undefined, cancel };
    this.#strangers.add(stranger);
    raw.once("close", () => {
      cancel();
      this.#strangers.delete(stranger);
    });
    if (tls === undefined) return this.#read(stranger, readAccepted);
    tls.accept(raw, {
      address,
      secure: (socket, identity) => {
        stranger.socket = socket;
        stranger.peer = { address, identity };
        this.#read(stranger, readSecure);
      },
    });
  }

  /** Its time is up: for TLS, preface and SETTINGS together. */
  #giveUp({ link, socket, answered }: Stranger, raw: Socket): void {
    if (link !== undefined) return link.giveUp(errorCode.SETTINGS_TIMEOUT, "no SETTINGS in time", "slow_handshake");
    if (this.#tls !== undefined && socket === raw) this.#tls.timedOut(raw);
    else if (!answered) this.#ports.onSilent();
    socket.destroy();
  }

  /** Reads what a stranger says first. */
  #read(stranger: Stranger, reader: typeof readAccepted): void {
    const socket = reader(stranger.socket, (bytes, end) => {
      if (stranger.link !== undefined) return stranger.link.receive(bytes, end);
      if (stranger.answered) return;
      stranger.answered = true;
      stranger.link = this.#greet(stranger, bytes, end);
      stranger.link?.receive(bytes, end);
    });
    stranger.socket = socket;
    socket.on("error", () => undefined);
    // Who has said all and said nothing gets the same answer.
    socket.once("end", () => socket.end());
    socket.resume();
  }

  /** By its first bytes a stranger becomes a connection, or is told that it can't. */
  #greet(stranger: Stranger, bytes: Buffer, end: number): Link | undefined {
    const first = bytes.subarray(0, end);
    const { socket, peer } = stranger;
    if (looksLikeHttp1(first)) {
      this.#ports.onHttp1();
      refuseHttp1(socket, this.#tls === undefined ? undefined : tlsPort);
      return undefined;
    }
    if (this.#tls === undefined && looksLikeTls(first)) {
      this.#ports.tls.figures.failed("downstream", "tls_not_expected");
      this.#ports.tls.onFailure("tls_not_expected", peer.address, "TLS on a port that speaks none");
      refuseTls(socket);
      return undefined;
    }
    const { handler, budget, loop, clock, chance, wheel, onRetire } = this.#ports;
    const link = new Link(socket, "server", this.#http2, handler, budget, loop, clock, (gone) => this.#gone(gone));
    link.connection.context = peer;
    link.connection.onceReady(stranger.cancel);
    new LinkWatch(link, wheel, clock, callerLimits(this.#options, chance), (why) => {
      onRetire(why);
      this.#shutdown(link);
    });
    this.#links.add(link);
    this.#strangers.delete(stranger);
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
