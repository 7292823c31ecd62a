/**
 * The open streams of a connection, by id.
 *
 * A `Map` makes a new table after every few dozen streams that came and went, and each old one refers to the next: once
 * one of them is old enough for V8's old generation, so are all that follow, with the calls that their entries still
 * refer to. Under load that was a third of the process's memory. Here entries lie in one array, each at its id's place
 * or, where that is taken, in the next free one behind it; an entry that goes lets those behind it move up.
 */
import type { H2Stream } from "./stream.ts";

/** At first; ids are looked for in their order, so that half a table of them lie side by side. */
const firstSlots = 64;

export class StreamTable {
  size = 0;
  #slots: (H2Stream | undefined)[] = new Array<H2Stream | undefined>(firstSlots).fill(undefined);
  #mask = firstSlots - 1;

  get(id: number): H2Stream | undefined {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = (id >> 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** Adds a stream, whose id must not be there yet. */
  add(stream: H2Stream): void {
    if (++this.size * 2 > this.#slots.length) this.#grow();
    this.#place(stream);
  }

  /** Removes a stream, if it is there. */
  delete(id: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = (id >> 1) & mask;
    while (slots[gap]?.id !== id) {
      if (slots[gap] === undefined) return;
      gap = (gap + 1) & mask;
    }
    this.size--;
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined) break;
      // One that would be found from the gap on moves into it; what lies beyond the gap stays.
      const home = (stream.id >> 1) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = stream;
      gap = at;
    }
    slots[gap] = undefined;
  }

  /** Whether `fn` says so of each, in any order; none may come or go meanwhile. */
  every(fn: (stream: H2Stream) => boolean): boolean {
    for (const stream of this.#slots) if (stream !== undefined && !fn(stream)) return false;
    return true;
  }

  /** All of them, in the order of their ids; a copy, so that streams may go meanwhile. */
  all(): H2Stream[] {
    const streams = this.#slots.filter((stream) => stream !== undefined);
    return streams.sort((a, b) => a.id - b.id);
  }

  #place(stream: H2Stream): void {
    const mask = this.#mask;
    let at = (stream.id >> 1) & mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & mask;
    this.#slots[at] = stream;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<H2Stream | undefined>(old.length * 2).fill(undefined);
    this.#mask = this.#slots.length - 1;
    for (const stream of old) if (stream !== undefined) this.#place(stream);
  }
}
