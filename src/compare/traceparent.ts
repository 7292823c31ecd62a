/**
 * The trace id of a `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header).
 *
 * The hash is taken for calls that are then not recorded, so it reads the digits where they stand: a regular expression
 * and a slice take ten times as long.
 */
import { murmur3Word } from "../base/hash.ts";

/** Version, trace id, parent id and flags, with dashes between; a later version may go on after another dash. */
const leastLength = 55;
const idFrom = 3;
const idTo = 35;
const wordDigits = 8;

/** 32 lower-case hex digits, not all of them zero; undefined where there are none such. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined || traceIdHash(traceparent, 0) < 0) return undefined;
  return traceparent.slice(idFrom, idTo);
}

/** A hash of the trace id alone, the same for every span of the trace. -1 where there is no trace id. */
export function traceIdHash(traceparent: string, seed: number): number {
  if (traceparent.length < leastLength || traceparent[idFrom - 1] !== "-" || traceparent[idTo] !== "-") return -1;
  let hash = seed;
  let any = 0;
  for (let at = idFrom; at < idTo; at += wordDigits) {
    let word = 0;
    for (let i = at; i < at + wordDigits; i++) {
      const digit = hexDigit(traceparent.charCodeAt(i));
      if (digit < 0) return -1;
      word = (word << 4) | digit;
    }
    any |= word;
    hash = murmur3Word(word, hash);
  }
  return any === 0 ? -1 : hash;
}

function hexDigit(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  return character >= 0x61 && character <= 0x66 ? character - 0x57 : -1;
}
