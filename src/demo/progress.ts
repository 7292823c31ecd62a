/**
 * What the demo shows while it runs, on standard error: a block that is drawn over at a terminal, a line every few
 * seconds elsewhere, so that a log stays readable.
 */
export interface Screen {
  /** Undefined where it is no terminal. */
  readonly columns: number | undefined;
  write(text: string): void;
}

export interface Progress {
  readonly elapsedMs: number;
  /** Undefined where it goes on until someone stops it. */
  readonly totalMs: number | undefined;
  readonly calls: number;
  readonly errors: number;
  /** The report so far. */
  readonly table: string;
}

const lineEveryMs = 3000;
const barWidth = 30;
const eraseBelow = "\u001b[0J";

export class ProgressView {
  readonly #screen: Screen;
  #linesDrawn = 0;
  #nextLineMs = lineEveryMs;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(progress: Progress): void {
    const { columns } = this.#screen;
    if (columns === undefined) {
      if (progress.elapsedMs < this.#nextLineMs) return;
      this.#nextLineMs = progress.elapsedMs + lineEveryMs;
      this.#screen.write(`${headline(progress)}\n`);
      return;
    }
    const lines = [headline(progress), "", ...progress.table.split("\n")];
    // A line that wraps would make the block higher than it is counted.
    const shown = lines.map((line) => line.slice(0, Math.max(0, columns - 1))).join("\n");
    this.#screen.write(`${this.#home()}${shown}\n`);
    this.#linesDrawn = lines.length;
  }

  /** Writes what stays, above the block. */
  say(text: string): void {
    this.clear();
    this.#screen.write(text);
  }

  /** Takes the block away, so that the final report stands in its place. */
  clear(): void {
    if (this.#linesDrawn > 0) this.#screen.write(this.#home());
    this.#linesDrawn = 0;
  }

  #home(): string {
    return this.#linesDrawn === 0 ? "" : `\u001b[${this.#linesDrawn}A${eraseBelow}`;
  }
}

/** `[#####-----]  5 s of 15 s, 3,012 calls, 0 errors`; without an end there is no bar. */
export function headline({ elapsedMs, totalMs, calls, errors }: Progress): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const counts = `${calls.toLocaleString("en-US")} calls, ${errors.toLocaleString("en-US")} errors`;
  if (totalMs === undefined) return `${seconds} s, ${counts} (Ctrl-C ends it with a report)`;
  const done = Math.round(barWidth * Math.min(1, elapsedMs / totalMs));
  return `[${"#".repeat(done)}${"-".repeat(barWidth - done)}] ${seconds} s of ${totalMs / 1000} s, ${counts}`;
}
