/**
 * How recently closed streams were closed.
 *
 * A frame for a stream that is gone means different things: after our own reset the peer could not know (ignore it),
 * after its own END_STREAM it is an error. A ring of the last ones is enough to tell, twice as many as may be open: all may be
 * reset at once, with frames on their way on each. It grows to that where it is needed; nothing grows with calls.
 */
const firstSize = 512;

export const closedHow = { unknown: 0, ended: 1, resetByUs: 2, resetByPeer: 3 } as const;

export class ClosedStreams {
  #ids = new Int32Array(firstSize);
  #how = new Uint8Array(firstSize);
  #next = 0;
  readonly #most: number;

  /** @param open streams that may be open at once */
  constructor(open = 0) {
    this.#most = open * 2;
  }

  /** The last way counts. */
  add(id: number, how: number): void {
    this.#ids[this.#next] = id;
    this.#how[this.#next] = how;
    this.#next++;
    if (this.#next === this.#ids.length) this.#turn();
  }

  #turn(): void {
    if (this.#ids.length >= this.#most) {
      this.#next = 0;
      return;
    }
    const [ids, how] = [new Int32Array(this.#ids.length * 2), new Uint8Array(this.#ids.length * 2)];
    ids.set(this.#ids);
    how.set(this.#how);
    this.#ids = ids;
    this.#how = how;
  }

  /** Only on the rare path, so a scan is fine. */
  how(id: number): number {
    // The newest are before `#next`, the oldest behind it; where that is 0, -1 stands for the last place.
    let at = this.#ids.lastIndexOf(id, this.#next - 1);
    if (at < 0) at = this.#ids.lastIndexOf(id);
    return at < 0 ? closedHow.unknown : (this.#how[at] as number);
  }
}
