/** The trace id of a `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). */
import { murmur3Word } from "../base/hash.ts";

/** Version, trace id, parent id, flags; a later version may have more. Version ff and an id of zeros are not legal. */
const legal = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const idFrom = 3;
const idTo = 35;
const wordDigits = 8;

/** 32 hex digits; undefined where there is no legal one. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent !== undefined && legal.test(traceparent) ? traceparent.slice(idFrom, idTo) : undefined;
}

/** A hash of the trace id alone, the same for every span of the trace; makes no string. -1 where there is no legal one. */
export function traceIdHash(traceparent: string, seed: number): number {
  if (!legal.test(traceparent)) return -1;
  let hash = seed;
  for (let at = idFrom; at < idTo; at += wordDigits) {
    let word = 0;
    for (let i = at; i < at + wordDigits; i++) word = (word << 4) | digit(traceparent.charCodeAt(i));
    hash = murmur3Word(word, hash);
  }
  return hash;
}

function digit(character: number): number {
  return character < 0x3a ? character - 0x30 : character - 0x57;
}
