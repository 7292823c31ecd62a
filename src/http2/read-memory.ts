/**
 * Memory that sockets are read into, over and over.
 *
 * New memory for each read is what large messages cost most in Node: after some 32 MiB of it the engine marks its whole
 * heap, which is twenty times a second for a few hundred megabytes of requests. So what a read brought is only **lent**:
 * a later read of the same socket goes over it. Whoever needs a part of it beyond the read copies it, at its end if that
 * is when it turns out (`Borrower`). Output that a socket is about to take holds the memory until it has.
 */

/** One read: as much as libuv asks for at a time. */
const pieceBytes = 65_536;
/** Pieces kept for the next socket that needs one: more than a turn of a busy loop has under way. */
const keptPieces = 64;

const kept: ReadMemory[] = [];
let touchedBytes = 0;

export class ReadMemory {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
  #holds = 0;
  /** No socket reads into it. */
  #left = false;
  /** As much of it as has become memory: its largest read. */
  #touched = 0;

  /** A piece that nobody needs, or a new one. */
  static take(): ReadMemory {
    const memory = kept.pop();
    if (memory === undefined) return new ReadMemory();
    memory.#left = false;
    return memory;
  }

  /** What all pieces that are in use, or kept, have become memory of. */
  static get touchedBytes(): number {
    return touchedBytes;
  }

  /** A read has brought `count` bytes. */
  touch(count: number): void {
    if (count <= this.#touched) return;
    touchedBytes += count - this.#touched;
    this.#touched = count;
  }

  /** Whether the next read may go over it. */
  get free(): boolean {
    return this.#holds === 0;
  }

  /** Its bytes must stay as they are until as many calls of `release`. Without those it is merely not used again. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
    this.#keep();
  }

  /** Its socket reads elsewhere from now on, or no more. */
  leave(): void {
    this.#left = true;
    this.#keep();
  }

  #keep(): void {
    if (!this.#left || this.#holds > 0) return;
    if (kept.length < keptPieces) {
      kept.push(this);
      return;
    }
    touchedBytes -= this.#touched;
    this.#touched = 0;
  }
}

/** Keeps a range of a read without having copied it yet. */
export interface Borrower {
  /** The read ends: what is still needed has to be copied now. */
  own(): void;
}

/** The read under way, of which there is one at a time. */
class Lent {
  #memory: ReadMemory | undefined = undefined;
  readonly #borrowers: Borrower[] = [];
  #count = 0;

  begin(memory: ReadMemory): void {
    this.#memory = memory;
  }

  end(): void {
    for (let i = 0; i < this.#count; i++) {
      (this.#borrowers[i] as Borrower).own();
      this.#borrowers[i] = nobody;
    }
    this.#count = 0;
    this.#memory = undefined;
  }

  /** The memory that `buf` is, if its bytes are lent; undefined where they stay as they are anyway. */
  memoryOf(buf: Buffer): ReadMemory | undefined {
    const memory = this.#memory;
    return memory !== undefined && memory.bytes === buf ? memory : undefined;
  }

  /** Calls `own` when the read ends. */
  borrow(borrower: Borrower): void {
    this.#borrowers[this.#count++] = borrower;
  }
}

const nobody: Borrower = { own: () => undefined };

export const lent = new Lent();
