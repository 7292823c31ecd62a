/**
 * Sends what a turn of the event loop produced, once, at its end.
 *
 * The sockets that were readable in this turn have all been read by then, so calls that came together leave together:
 * one system call per connection and turn instead of one per call.
 */
export interface Flushable {
  flush(): void;
}

export class FlushLoop {
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  #late: Flushable[] = [];
  #scheduled = false;
  readonly #run = (): void => {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    for (let i = 0; i < dirty.length; i++) (dirty[i] as Flushable).flush();
    dirty.length = 0;
    if (this.#late.length > 0) this.#runLate();
  };

  /** Asks for one `flush` at the end of this turn. */
  add(link: Flushable): void {
    this.#dirty.push(link);
    this.#schedule();
  }

  /** Asks for one `flush` after all the others of this turn: for what nobody waits for. */
  addLate(extra: Flushable): void {
    this.#late.push(extra);
    this.#schedule();
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
