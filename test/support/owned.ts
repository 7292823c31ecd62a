/** What a test opens, closed in reverse order when it ends, however it ends. */
export interface Closable {
  close(): unknown;
}

export class Owned {
  #things: Closable[] = [];

  add<T extends Closable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  /** Closes all, also after one that fails; for `afterEach`. */
  async close(): Promise<void> {
    const things = this.#things.reverse();
    this.#things = [];
    const results = await Promise.allSettled(things.map(async (thing) => await thing.close()));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}
