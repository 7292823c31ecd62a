/**
 * Waits until something is so, for what no event tells of. Bounded: a condition that never holds fails the test, and
 * says which one it was.
 */
import assert from "node:assert/strict";
import { setImmediate, setTimeout } from "node:timers/promises";

/** Turns of the event loop that are only looked at; after them the wait leaves the processor to whom it waits for. */
const eagerTurns = 20;

/** @param what the condition in words, for the failure. */
export async function until(condition: () => boolean, what: string, withinMs = 8_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (let turn = 0; !condition(); turn++) {
    assert.ok(performance.now() < endMs, `waited ${withinMs} ms in vain until ${what}`);
    await (turn < eagerTurns ? setImmediate() : setTimeout(2));
  }
}

/** Lets `count` turns of the event loop pass: for showing that something does not happen. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}
