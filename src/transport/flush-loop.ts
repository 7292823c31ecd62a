/**
 * Sends what a turn of the event loop produced, once, at its end.
 *
 * The sockets that were readable in this turn have all been read by then, so calls that came together leave together:
 * one system call per connection and turn instead of one per call. Where reads come one at a time there is nothing to
 * gather, and waiting for the end of the turn only costs another phase of the loop: then what a read produced is sent
 * as soon as it has been read.
 */
import type { Clock } from "../base/clock.ts";

export interface Flushable {
  flush(): void;
}

/** In the place of one that has been flushed, and may be gone by the time that the place is used again. */
const nobody: Flushable = { flush: () => undefined };

/**
 * A read that begins this long after the end of the one before stands alone: within a turn they follow each other as fast
 * as Node can call, and nothing comes back from another process in so short a time.
 */
const aloneMs = 0.04;
/** After a read this long another is likely to follow in the same turn. */
const longReadBytes = 16_384;

export class FlushLoop {
  /** The first `#count` of them; emptied by count, since to cut an array's length costs a call into the engine. */
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  #count = 0;
  #late: Flushable[] = [];
  #scheduled = false;
  /** Reads under way: what they add is looked at when they end. */
  #reading = 0;
  #readMs = 0;
  #readEndMs = 0;
  #readTookMs = 0;
  #alone = false;
  /** Bytes that may still be read before `onVolume` is told; and the number it is told at. */
  #volumeLeft = Number.POSITIVE_INFINITY;
  #volume = Number.POSITIVE_INFINITY;
  #onVolume: () => void = () => undefined;
  readonly #clock: Clock;
  readonly #run = (): void => {
    this.#scheduled = false;
    this.#flushAll();
  };

  #flushAll(): void {
    const dirty = this.#dirty;
    const count = this.#count;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      const link = dirty[i] as Flushable;
      dirty[i] = nobody;
      link.flush();
    }
    if (this.#late.length > 0) this.#runLate();
  }

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks for one `flush`, at the end of this read or of this turn. */
  add(link: Flushable): void {
    this.#dirty[this.#count++] = link;
    if (this.#reading === 0) this.#schedule();
  }

  /** When the read under way began, or the last one. */
  get readMs(): number {
    return this.#readMs;
  }

  /** How long the last read kept the loop, with all that it set in motion. */
  get readTookMs(): number {
    return this.#readTookMs;
  }

  /** Around what a socket's read sets in motion. */
  beginRead(): void {
    if (this.#reading++ > 0) return;
    this.#readMs = this.#clock.nowMs();
    this.#alone = this.#readMs - this.#readEndMs > aloneMs;
  }

  /** @param bytes how much was read. */
  endRead(bytes: number): void {
    this.#volumeLeft -= bytes;
    if (--this.#reading > 0) return;
    if (this.#count > 0 || this.#late.length > 0) {
      if (this.#alone && bytes < longReadBytes && !this.#scheduled) this.#flushAll();
      else this.#schedule();
    }
    if (this.#volumeLeft <= 0) {
      this.#volumeLeft = this.#volume;
      this.#onVolume();
    }
    this.#readEndMs = this.#clock.nowMs();
    this.#readTookMs = this.#readEndMs - this.#readMs;
  }

  /** Calls `fn` whenever another `bytes` have been read: whatever peers make us hold, they have to send first. */
  everyBytes(bytes: number, fn: () => void): void {
    this.#volume = bytes;
    this.#volumeLeft = bytes;
    this.#onVolume = fn;
  }

  /** Runs `fn` once the sockets that are readable now have been read. */
  afterReads(fn: () => void): void {
    setImmediate(fn);
  }

  /** Asks for one `flush` after all the others of this turn: for what nobody waits for. */
  addLate(extra: Flushable): void {
    this.#late.push(extra);
    if (this.#reading === 0) this.#schedule();
  }

  #runLate(): void {
    const late = this.#late;
    this.#late = [];
    for (const each of late) each.flush();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
