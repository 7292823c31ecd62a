/** Turns of the event loop, for what must come after everything that is there to be read now. */

/** Calls `fn` at the end of this turn, or of the `count`-th from now: sockets are read between two of them. */
export function afterTurns(count: number, fn: () => void): void {
  setImmediate(() => (count > 1 ? afterTurns(count - 1, fn) : fn()));
}
