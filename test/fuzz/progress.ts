/** What a run shows: one line that is drawn over at a terminal, elsewhere a line for each target when it is over. */
import type { Board } from "./shared.ts";

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const eraseLine = "\r\u001b[2K";

export class Progress {
  readonly #screen: Screen;
  #seconds = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(target: string, board: Board, seconds: number): void {
    this.#seconds = seconds;
    if (this.#screen.isTTY !== true) return;
    const line = `${figures(target, board, seconds)} (Ctrl-C ends it with a summary)`;
    this.#screen.write(eraseLine + line.slice(0, (this.#screen.columns ?? 80) - 1));
  }

  /** The target's last line, which stays. */
  end(target: string, board: Board): void {
    this.print(`${figures(target, board, this.#seconds)}\n`);
  }

  print(text: string): void {
    this.#screen.write(this.#screen.isTTY === true ? eraseLine + text : text);
  }
}

/** `frames-server      12 s   31,204 runs    2,600/s   431 blocks   88 inputs  0 findings`. */
export function figures(target: string, board: Board, seconds: number): string {
  const rate = Math.round(board.runs / Math.max(seconds, 0.001));
  const number = (value: number, width: number) => value.toLocaleString("en-US").padStart(width);
  return (
    `${target.padEnd(19)} ${number(Math.round(seconds), 5)} s ${number(board.runs, 11)} runs ${number(rate, 7)}/s ` +
    `${number(board.blocks, 6)} blocks ${number(board.inputs, 5)} inputs ${number(board.findings, 2)} findings`
  );
}
