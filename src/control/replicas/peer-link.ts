/**
 * What one replica has still to tell another, and the stream by which it does.
 *
 * Only names are kept of what is to be told: reports are cumulative and of a sidecar the latest word stands, so what is sent is what is
 * so by then, and something that changes a hundred times before its turn is told once. So what waits has an end, which is how much
 * there is to know at all, and so has what is on its way. What was acknowledged is not told again: a stream that breaks is opened
 * anew, and goes on where it was, because the replica behind a name is one process. However slow the other one is, each
 * message brings it further.
 */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.ts";
import { Turns } from "../turns.ts";

export interface ShareResponse {
  readonly number: number;
}

export type ShareStream = ClientDuplexStream<object, ShareResponse>;

export interface Line {
  readonly stream: ShareStream;
  close(): void;
}

/** A message without its number, and about how many bytes it has. */
export interface News {
  readonly message: object;
  readonly bytes: number;
}

export interface PeerLinkPorts {
  readonly clock: Clock;
  /** What the stream begins with. */
  readonly greeting: object;
  /** Opens a stream. */
  dial(): Line;
  /** The other one could not be reached, or the stream has ended. */
  failed(why: string): void;
  /** Everything that there is to tell to one that knows nothing, by its names. */
  everything(): Iterable<string>;
  /** Of that, what one that has lost the stream may have given up. */
  perishable(): Iterable<string>;
  /** What is so now of what goes by this name; undefined where nothing is to be told any more. */
  read(name: string): News | undefined;
}

export interface PeerLinkOptions {
  /** Messages that are on their way. Default 1,024: a tenth of a second of a fleet of 100,000, which is ten times a round trip. */
  readonly messages?: number;
  /** Bytes that are. Default 8,388,608: 1,024 reports have three; one has two megabytes at most. */
  readonly bytes?: number;
  /** A replica that takes longer to answer holds nobody's report up; it is told all the same. Default 1,000. */
  readonly answerMs?: number;
  /** After it nothing that was sent is acknowledged, and the stream is opened anew. Default 15,000, as for a connection that is dead. */
  readonly silentMs?: number;
  /** Between two tries to reach it; default 1,000. */
  readonly retryMs?: number;
}

const defaults: Required<PeerLinkOptions> = {
  messages: 1_024,
  bytes: 8_388_608,
  answerMs: 1_000,
  silentMs: 15_000,
  retryMs: 1_000,
};

type Told = () => void;

interface OnItsWay {
  readonly name: string;
  readonly bytes: number;
  /** Who waits for it. */
  readonly told: readonly Told[];
}

export class PeerLink {
  readonly #ports: PeerLinkPorts;
  readonly #options: Required<PeerLinkOptions>;
  /** What is new, and who waits for it. */
  readonly #news = new Map<string, Told[]>();
  /** What the other one has to know besides. */
  readonly #backlog: Set<string>;
  /** Where we are in both: what is gone from the front of a map is passed over again by each who begins at its front. */
  #newsNames: Iterator<string>;
  #backlogNames: Iterator<string>;
  readonly #onItsWay = new Map<number, OnItsWay>();
  #bytes = 0;
  #line: Line | undefined = undefined;
  #number = 0;
  #acknowledged = 0;
  #newsNext = true;
  #caughtUpBy = Number.POSITIVE_INFINITY;
  #caughtUp = false;
  #pumping = false;
  #cancelRetry: () => void = () => undefined;
  #cancelSilence: (() => void) | undefined = undefined;
  /** Why it could not be reached, until it answers: told once, and tried all the time. */
  #failure: string | undefined = undefined;
  #closed = false;

  constructor(ports: PeerLinkPorts, options: PeerLinkOptions = {}) {
    this.#ports = ports;
    this.#options = { ...defaults, ...options };
    this.#backlog = new Set(ports.everything());
    this.#newsNames = this.#news.keys();
    this.#backlogNames = this.#backlog.keys();
    this.#open();
  }

  /** Whether the other one knows everything that was to be told when the stream began. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Resolves when the other one knows what is so now of this name, has been given the time, or can't be reached. */
  tell(name: string): Promise<void> {
    if (this.#line === undefined) {
      this.#backlog.add(name);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(this.#options.answerMs, resolve);
      const told = (): void => {
        cancel();
        resolve();
      };
      const waiting = this.#news.get(name);
      if (waiting === undefined) this.#news.set(name, [told]);
      else waiting.push(told);
      this.#pump();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#end();
  }

  #open(): void {
    const line = this.#dial();
    if (line === undefined) return;
    this.#line = line;
    const { stream } = line;
    stream.on("data", ({ number }: ShareResponse) => this.#line === line && this.#answered(number));
    stream.on("error", (reason) => this.#line === line && this.#broke(reason.message));
    stream.on("end", () => this.#line === line && this.#broke("it ended the stream"));
    this.#write(this.#ports.greeting);
    this.#pump();
  }

  /** What another replica wrote of itself, or files of ours, may be no good: that is its trouble, and told. */
  #dial(): Line | undefined {
    try {
      return this.#ports.dial();
    } catch (reason) {
      this.#broke(reason instanceof Error ? reason.message : String(reason));
      return undefined;
    }
  }

  /** Sends as much as may be on its way, in turns. */
  #pump(): void {
    if (this.#pumping) return;
    const line = this.#line;
    const turns = new Turns(this.#ports.clock);
    while (this.#line === line && line !== undefined && this.#hasRoom) {
      if (turns.over) {
        this.#pumping = true;
        this.#ports.clock.after(0, () => {
          this.#pumping = false;
          this.#pump();
        });
        return;
      }
      if (!this.#sendNext()) break;
    }
  }

  get #hasRoom(): boolean {
    return this.#onItsWay.size < this.#options.messages && this.#bytes < this.#options.bytes;
  }

  /** @returns false where there is nothing to send. */
  #sendNext(): boolean {
    const name = this.#next();
    if (name === undefined) {
      if (this.#caughtUpBy !== Number.POSITIVE_INFINITY) return false;
      this.#caughtUpBy = this.#write({ caughtUp: true });
      return true;
    }
    const told = this.#news.get(name) ?? [];
    this.#news.delete(name);
    this.#backlog.delete(name);
    const news = this.#ports.read(name);
    if (news === undefined) for (const each of told) each();
    else this.#write(news.message, { name, bytes: news.bytes, told });
    return true;
  }

  /** By turns: neither may what is new hold up what is old for ever, nor the other way round. */
  #next(): string | undefined {
    this.#newsNext = !this.#newsNext;
    return this.#newsNext ? (this.#nextNews() ?? this.#nextOld()) : (this.#nextOld() ?? this.#nextNews());
  }

  #nextNews(): string | undefined {
    if (this.#news.size === 0) return undefined;
    const next = this.#newsNames.next();
    if (next.done !== true) return next.value;
    this.#newsNames = this.#news.keys();
    return this.#newsNames.next().value;
  }

  #nextOld(): string | undefined {
    if (this.#backlog.size === 0) return undefined;
    const next = this.#backlogNames.next();
    if (next.done !== true) return next.value;
    this.#backlogNames = this.#backlog.keys();
    return this.#backlogNames.next().value;
  }

  #write(message: object, { name = "", bytes = 0, told = [] }: Partial<OnItsWay> = {}): number {
    const number = ++this.#number;
    this.#onItsWay.set(number, { name, bytes, told });
    this.#bytes += bytes;
    this.#line?.stream.write({ number, ...message });
    if (this.#cancelSilence === undefined) this.#listen();
    return number;
  }

  /** Messages are answered in their order. */
  #answered(number: number): void {
    this.#failure = undefined;
    const sent = this.#onItsWay.get(number);
    if (sent === undefined) return;
    this.#onItsWay.delete(number);
    this.#bytes -= sent.bytes;
    this.#acknowledged = number;
    for (const told of sent.told) told();
    if (number >= this.#caughtUpBy) this.#caughtUp = true;
    this.#pump();
  }

  #listen(): void {
    const heard = this.#acknowledged;
    this.#cancelSilence = this.#ports.clock.after(this.#options.silentMs, () => {
      this.#cancelSilence = undefined;
      if (this.#onItsWay.size === 0) return;
      if (this.#acknowledged === heard) this.#broke("it does not answer");
      else this.#listen();
    });
  }

  #broke(why: string): void {
    if (why !== this.#failure) this.#ports.failed(why);
    this.#failure = why;
    this.#end();
    if (this.#closed) return;
    this.#cancelRetry = this.#ports.clock.after(this.#options.retryMs, () => {
      for (const name of this.#ports.perishable()) this.#backlog.add(name);
      this.#open();
    });
  }

  /** Nobody waits for a replica that can't be reached; what it has not acknowledged is told when it can. */
  #end(): void {
    const line = this.#line;
    this.#line = undefined;
    this.#caughtUp = false;
    this.#caughtUpBy = Number.POSITIVE_INFINITY;
    this.#cancelSilence?.();
    this.#cancelSilence = undefined;
    line?.close();
    for (const { name, told } of this.#onItsWay.values()) {
      if (name !== "") this.#backlog.add(name);
      for (const each of told) each();
    }
    for (const [name, told] of this.#news) {
      this.#backlog.add(name);
      for (const each of told) each();
    }
    this.#onItsWay.clear();
    this.#news.clear();
    this.#bytes = 0;
  }
}
