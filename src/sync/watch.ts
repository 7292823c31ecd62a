/**
 * A sidecar's stream to the config service, for as long as the sidecar lives: opened, listened to, given up when it is silent,
 * and opened again. It knows nothing of gRPC and of files: a stream is handed in, and what it brings goes to `take`.
 */
import { durationMs, type NodeMessage, type ProblemMessage, type WatchRequest } from "../api/messages.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";
import type { SourceFailure, SourceStatus } from "../config/source-status.ts";
import { Backoff } from "./backoff.ts";
import type { Received } from "./judge.ts";

/** What a request is made of; what is left out is not sent. */
export type Request = { readonly [K in keyof WatchRequest]?: WatchRequest[K] };

export interface WatchStream {
  send(request: Request): void;
  /** Ends it; its listener hears nothing more. */
  cancel(): void;
}

/** How a stream ended: `normal` where the service ended it without complaint. */
export type StreamEnd = "normal" | { readonly reason: SourceFailure; readonly detail: string };

export interface StreamListener {
  received(received: Received): void;
  ended(end: StreamEnd): void;
}

/** @throws what keeps it from being opened. */
export type OpenWatch = (listener: StreamListener) => Promise<WatchStream> | WatchStream;

export interface WatchPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly status: SourceStatus;
  readonly open: OpenWatch;
  readonly node: NodeMessage;
  /** Of what is in force of the service's. */
  version(): string | undefined;
  /** Any message. */
  heard(): void;
  /** One that is to be answered. @returns the problems to answer with: none where it is in force. */
  take(received: Received): Promise<readonly Problem[]>;
}

/** Until the service has told its own interval. */
const silenceByDefaultMs = 30_000;
/** How long a new stream may take to bring something: the service answers the first message at once. */
const firstAnswerMs = 10_000;
/** Whatever it tells, within these a heartbeat can be counted on, and its silence is noticed. */
const heartbeatBoundsMs = { least: 1_000, most: 600_000 } as const;

/** Of a refusal: a service takes no message of any size, and the first problems say what is wrong. All are in our log. */
const mostProblems = 100;
const longestText = 1_024;

/** A stream from its opening to its end. */
interface Current {
  stream: WatchStream | undefined;
  lived: boolean;
  /** The service was told of it that something is in force. */
  believed: boolean;
  silenceMs: number;
  cancelSilence: () => void;
}

export class Watch {
  readonly #ports: WatchPorts;
  readonly #backoff: Backoff;
  #current: Current | undefined = undefined;
  #cancelPause: () => void = () => undefined;
  /** The next stream begins with nothing in force. */
  #recants = false;
  #closed = false;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#backoff = new Backoff(ports.chance);
  }

  start(): void {
    if (this.#closed || this.#current !== undefined) return;
    const current: Current = {
      stream: undefined,
      lived: false,
      believed: false,
      silenceMs: silenceByDefaultMs,
      cancelSilence: () => undefined,
    };
    this.#current = current;
    this.#listenFor(current, firstAnswerMs);
    void this.#open(current);
  }

  /**
   * What the service was told to be in force is not any more. An answer is to what was sent last, so nothing but a stream's first message
   * says that: another stream is opened, after the pause of one that lived, and the service sends everything, to be refused with
   * the reasons. A service that was told nothing has nothing to unlearn: so each stream ends by this once at most, and the next one never.
   *
   * A stream after that begins with the version again, by which the service learns that its store was put back.
   */
  recant(): void {
    const current = this.#current;
    if (current?.lived !== true || !current.believed) return;
    this.#recants = true;
    current.stream?.cancel();
    this.#ended(current, "normal");
  }

  close(): void {
    this.#closed = true;
    this.#cancelPause();
    const { stream, cancelSilence } = this.#current ?? {};
    this.#current = undefined;
    cancelSilence?.();
    stream?.cancel();
  }

  async #open(current: Current): Promise<void> {
    const { node, open, version } = this.#ports;
    try {
      const stream = await open({
        received: (received) => this.#received(current, received),
        ended: (end) => this.#ended(current, end),
      });
      if (this.#current !== current) {
        stream.cancel();
        return;
      }
      current.stream = stream;
      const told = this.#recants ? "" : (version() ?? "");
      this.#recants = false;
      current.believed = told !== "";
      stream.send({ node, version: told });
    } catch (reason) {
      const detail = reason instanceof Error ? reason.message : String(reason);
      this.#ended(current, { reason: "settings", detail });
    }
  }

  #received(current: Current, received: Received): void {
    if (this.#current !== current) return;
    const { status } = this.#ports;
    if (!current.lived) {
      current.lived = true;
      this.#backoff.reset();
    }
    const told = durationMs(received.message.heartbeat);
    if (told !== undefined) {
      const { least, most } = heartbeatBoundsMs;
      current.silenceMs = 3 * Math.min(Math.max(told, least), most);
    }
    this.#listenFor(current, current.silenceMs);
    status.contact();
    this.#ports.heard();
    if (received.message.nonce !== "" || received.message.snapshot !== null) void this.#answer(current, received);
  }

  async #answer(current: Current, received: Received): Promise<void> {
    const problems = await this.#ports.take(received);
    // A stream that has ended can't be answered; the next one begins with the version in force.
    if (this.#current !== current) return;
    const { nonce } = received.message;
    const told = problems.slice(0, mostProblems).map(problemMessage);
    if (problems.length === 0) current.believed = true;
    current.stream?.send(problems.length === 0 ? { nonce } : { nonce, problems: told });
  }

  #listenFor(current: Current, forMs: number): void {
    current.cancelSilence();
    current.cancelSilence = this.#ports.clock.after(forMs, () => {
      current.stream?.cancel();
      this.#ended(current, { reason: "silent", detail: `nothing was heard for ${Math.round(forMs / 1_000)} s` });
    });
  }

  #ended(current: Current, end: StreamEnd): void {
    if (this.#current !== current) return;
    this.#current = undefined;
    current.cancelSilence();
    const { clock, status } = this.#ports;
    // That a service goes away is told when it can't be reached again: most likely it has just restarted.
    const wellEnded = current.lived && (end === "normal" || end.reason === "unreachable");
    if (wellEnded) status.ended();
    else if (end === "normal") status.lost("garbage", "the service ended the stream without a word");
    else status.lost(end.reason, end.detail);
    const pauseMs = current.lived ? this.#backoff.quickMs() : this.#backoff.nextMs();
    this.#cancelPause = clock.after(pauseMs, () => this.start());
  }
}

function problemMessage({ path, message, where = "" }: Problem): ProblemMessage {
  return {
    path: path.slice(0, longestText),
    message: message.slice(0, longestText),
    where: where.slice(0, longestText),
  };
}
