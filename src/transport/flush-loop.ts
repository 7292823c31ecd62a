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
  #scheduled = false;
  readonly #run = (): void => {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    for (let i = 0; i < dirty.length; i++) (dirty[i] as Flushable).flush();
    dirty.length = 0;
  };

  /** Asks for one `flush` at the end of this turn. */
  add(link: Flushable): void {
    this.#dirty.push(link);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
