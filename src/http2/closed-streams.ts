/**
 * How recently closed streams were closed.
 *
 * A frame for a stream that is gone means different things: after our own reset the peer could not know (ignore it),
 * after its own END_STREAM it is an error. A ring of the last few hundred is enough to tell; nothing grows with calls.
 */
const ringSize = 512;

export const closedHow = { unknown: 0, ended: 1, resetByUs: 2, resetByPeer: 3 } as const;

export class ClosedStreams {
  readonly #ids = new Int32Array(ringSize);
  readonly #how = new Uint8Array(ringSize);
  #next = 0;

  add(id: number, how: number): void {
    this.#ids[this.#next] = id;
    this.#how[this.#next] = how;
    this.#next = (this.#next + 1) & (ringSize - 1);
  }

  /** Only on the rare path, so a scan is fine. */
  how(id: number): number {
    const at = this.#ids.lastIndexOf(id);
    return at < 0 ? closedHow.unknown : (this.#how[at] as number);
  }
}
