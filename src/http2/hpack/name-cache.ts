/**
 * Names as strings, without making them anew.
 *
 * Some clients write every name of their metadata out in every call: gRPC's C core, and with it Python's and C++'s
 * clients (`EmitLitHdrWithNonBinaryStringKeyNotIdx` in its hpack_encoder). To make the string, to judge it and to look
 * its id up takes several times what it takes to see that the bytes are those of a name met before. One cache serves the process, so that a name is one string wherever it comes from, which
 * makes later look-ups by it comparisons of pointers.
 *
 * Callers choose names: a line holds one, and a caller can only push others out, at the cost of a miss each.
 */
import { headerIdOf } from "../header-block.ts";
import { isPseudo, validName } from "../header-rules.ts";
import { latin1Of } from "./latin1.ts";

const lines = 512;
/** Longer names are not kept: what the cache holds stays below 64 KiB. */
const longest = 64;

export class KnownName {
  readonly text: string;
  readonly id: number;
  /** It may stand in a message: a token without upper-case letters, or a pseudo-header that exists. */
  readonly valid: boolean;

  constructor(text: string) {
    this.text = text;
    this.id = headerIdOf(text);
    this.valid = validName(text) || isPseudo(this.id);
  }
}

/** Of no bytes. */
export const unnamed = new KnownName("");
const cache = new Array<KnownName>(lines).fill(unnamed);

/** The name in `bytes[at, at + length)`. */
export function nameOf(bytes: Buffer, at: number, length: number): KnownName {
  if (length > longest) return new KnownName(latin1Of(bytes, at, length));
  let hash = length;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash, 31) + bytes[i]!;
  const line = (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (lines - 1);
  const name = cache[line]!;
  if (isIn(name.text, bytes, at, length)) return name;
  const fresh = new KnownName(latin1Of(bytes, at, length));
  cache[line] = fresh;
  return fresh;
}

function isIn(text: string, bytes: Buffer, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) !== bytes[at + i]) return false;
  }
  return true;
}
