/**
 * Writes lines to where they may not fit: a full disk, a pipe that nobody reads, a directory that is not there.
 *
 * Whoever adds a line never waits for it and never hears of a failure: lines are held in a bounded buffer and written in
 * batches, one at a time, and what can't be written is dropped and counted by its reason. After a failure there is a
 * pause, then another try; nobody has to restart anything once the disk has space again.
 *
 * All lines for one place go through one writer, whoever they come from: that is what keeps two logs on standard output
 * from cutting into each other's lines, which a pipe allows for writes of more than 4,096 bytes (PIPE_BUF, pipe(7)).
 */
import type { Clock } from "../base/clock.ts";
import { type DropReason, dropReasonOf } from "./drop-reason.ts";

/** How far an attempt got: bytes taken, and the system's error code where it ended early. */
export interface Appended {
  readonly written: number;
  readonly code: string | undefined;
}

/** Where lines go. */
export interface LineSink {
  /**
   * Appends `bytes` from `from` on, all or a part of them. `from` is 0 for a new batch, which begins on a line of its own,
   * whatever became of the one before. Never rejects.
   */
  append(bytes: Buffer, from: number): Promise<Appended>;
}

/** Told of lines that were not written. */
export type OnDropped = (reason: DropReason, lines: number) => void;

export interface LineWriterOptions {
  /** Bytes held at most, those that are being written included. Default 4 194 304: a second of 10 000 failing calls. */
  readonly maxBytes?: number;
  /** Lines held at most. Default 10 000: each costs some 100 bytes beside its text. */
  readonly maxLines?: number;
  /** Bytes written in one go. Default 65 536: the size of a pipe's buffer on Linux (pipe(7)). */
  readonly batchBytes?: number;
  /** Least time between two batches that are not full. Default 200: five times a second costs nothing, and `tail -f` looks alive. */
  readonly flushMs?: number;
  /** Pause after a failure. Default 1 000: a full disk is not mended by asking it more often. */
  readonly retryMs?: number;
  /** Pause where a pipe takes no more for now. Default 20. */
  readonly busyMs?: number;
}

const defaults = {
  maxBytes: 4_194_304,
  maxLines: 10_000,
  batchBytes: 65_536,
  flushMs: 200,
  retryMs: 1_000,
  busyMs: 20,
} satisfies Required<LineWriterOptions>;

export interface LineWriterPorts {
  readonly clock: Clock;
  readonly sink: LineSink;
  /** Writing fails from now on, for this reason (again, where the reason changes); or it works again. */
  readonly onState?: (failing: { readonly reason: DropReason; readonly code: string } | undefined) => void;
}

interface Line {
  readonly text: string;
  readonly bytes: number;
  readonly onDropped: OnDropped;
}

export class LineWriter {
  readonly #ports: LineWriterPorts;
  readonly #options: Required<LineWriterOptions>;
  /** Those that are being written come first, and stay until that has ended. */
  readonly #lines: Line[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined = undefined;
  #cancelTimer: (() => void) | undefined = undefined;
  /** Ends a pause before its time. */
  #wake: () => void = () => undefined;
  /** Before this, only a full batch is written; after a failure, nothing is. */
  #nextMs = Number.NEGATIVE_INFINITY;
  #failing: DropReason | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  /** The time for closing is over. */
  #abandoned = false;

  /** @throws RangeError for an unknown option or a number below zero, naming it. */
  constructor(ports: LineWriterPorts, options: LineWriterOptions = {}) {
    for (const [key, value] of Object.entries(options)) {
      if (!Object.hasOwn(defaults, key)) throw new RangeError(`unknown line writer option "${key}"`);
      if (!(value >= 0)) throw new RangeError(`line writer option "${key}": want a number from 0, got ${value}`);
    }
    this.#ports = ports;
    this.#options = { ...defaults, ...options };
  }

  /** Takes a line, which ends in a newline. Costs no more than the copy; never throws, never waits. */
  add(text: string, onDropped: OnDropped): void {
    const bytes = Buffer.byteLength(text);
    if (this.#closing !== undefined) return onDropped("closing", 1);
    if (this.#lines.length >= this.#options.maxLines || this.#bytes + bytes > this.#options.maxBytes) {
      return onDropped(this.#failing ?? "buffer_full", 1);
    }
    this.#lines.push({ text, bytes, onDropped });
    this.#bytes += bytes;
    this.#schedule();
  }

  /** Lines held, those that are being written included. */
  get held(): number {
    return this.#lines.length;
  }

  /**
   * Takes nothing more, writes what is held, and resolves when that is done or `withinMs` have passed; what is left by
   * then, or by the first failure, counts as dropped. Further calls give the same answer.
   */
  close(withinMs: number): Promise<void> {
    this.#closing ??= this.#close(withinMs);
    return this.#closing;
  }

  async #close(withinMs: number): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#ports.clock.after(withinMs, resolve);
    });
    await Promise.race([this.#flush(), late]);
    cancel();
    this.#abandoned = true;
    this.#drop(this.#lines.length, "closing");
  }

  async #flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#wake();
    await this.#writing;
    while (this.#lines.length > 0 && !this.#abandoned) if (!(await this.#writeBatch())) return;
  }

  #schedule(): void {
    if (this.#writing !== undefined || this.#closing !== undefined || this.#lines.length === 0) return;
    const waitMs = this.#nextMs - this.#ports.clock.nowMs();
    if (waitMs <= 0 || (this.#failing === undefined && this.#bytes >= this.#options.batchBytes)) return this.#start();
    this.#cancelTimer ??= this.#ports.clock.after(waitMs, () => this.#start());
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      this.#schedule();
    });
  }

  async #write(): Promise<void> {
    const { clock } = this.#ports;
    const written = await this.#writeBatch();
    this.#nextMs = clock.nowMs() + (written ? this.#options.flushMs : this.#options.retryMs);
  }

  /** @returns whether the batch was written whole. */
  async #writeBatch(): Promise<boolean> {
    const count = this.#batchLines();
    const bytes = Buffer.from(
      this.#lines
        .slice(0, count)
        .map(({ text }) => text)
        .join(""),
    );
    let at = 0;
    while (at < bytes.length) {
      const { written, code } = await this.#ports.sink.append(bytes, at);
      if (this.#abandoned) return false;
      at += written;
      if (code === "EAGAIN") await this.#pause();
      else if (code !== undefined) return this.#failed(count, at, code);
    }
    this.#forget(count);
    this.#worked();
    return true;
  }

  /** As many lines as make a batch, at least one. */
  #batchLines(): number {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      bytes += line.bytes;
      if (count > 0 && bytes > this.#options.batchBytes) break;
      count++;
    }
    return count;
  }

  /** A batch of `count` lines ended after `written` bytes. */
  #failed(count: number, written: number, code: string): false {
    let whole = 0;
    for (let end = 0; whole < count; whole++) {
      end += (this.#lines[whole] as Line).bytes;
      if (end > written) break;
    }
    this.#forget(whole);
    const reason = dropReasonOf(code);
    this.#drop(count - whole, reason);
    if (this.#failing !== reason) this.#ports.onState?.({ reason, code });
    this.#failing = reason;
    return false;
  }

  #worked(): void {
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#ports.onState?.(undefined);
  }

  #drop(count: number, reason: DropReason): void {
    for (let i = 0; i < count; i++) (this.#lines[i] as Line).onDropped(reason, 1);
    this.#forget(count);
  }

  #forget(count: number): void {
    for (const { bytes } of this.#lines.splice(0, count)) this.#bytes -= bytes;
  }

  /**
   * Waits until a pipe may take more. Not while closing: a timer of the clock's keeps no process alive, an attempt to write
   * does.
   */
  #pause(): Promise<void> {
    if (this.#closing !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(this.#options.busyMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
