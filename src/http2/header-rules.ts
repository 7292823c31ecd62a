/**
 * What HTTP allows in a field's name and value (RFC 9113, 8.2.1 and RFC 9110, 5.6.2).
 *
 * A proxy that passes on a CR, an LF or an upper-case name lets one caller forge another's request behind it, so every
 * field is judged: by the decoder, when it makes the field, and never again while the field lives in a table.
 */
import { headerId } from "./header-block.ts";

/** Whether this is an ordinary field's name: a token without upper-case letters. Pseudo-headers are not. */
export function validName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (inNames[name.charCodeAt(i)] !== 1) return false;
  }
  return name.length > 0;
}

/** Whether a value is of bytes, none of them NUL, CR or LF, and has no space or tab at either end. Empty is valid. */
export function validValue(value: string): boolean {
  return tidyEnds(value) && !hasForbidden(value) && !notOfBytes.test(value);
}

/** No space or tab at either end. */
export function tidyEnds(value: string): boolean {
  const length = value.length;
  return length === 0 || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)));
}

/** Whether a byte may not stand in a value: NUL, CR, LF. */
export function isForbidden(byte: number): boolean {
  return byte === 0x00 || byte === 0x0d || byte === 0x0a;
}

/** Whether one of these is in it. By a regular expression: V8 searches a string with vector instructions. */
export function hasForbidden(value: string): boolean {
  return forbidden.test(value);
}

/** `:authority`, `:method`, `:path`, `:scheme`, `:status` or `:protocol`. */
export function isPseudo(id: number): boolean {
  return (id >= headerId[":authority"] && id <= headerId[":status"]) || id === headerId[":protocol"];
}

/** By byte: 1 where it may stand in a name. */
const inNames = buildInNames();
const forbidden = /[\0\r\n]/;
const notOfBytes = /[^\0-\xff]/;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function buildInNames(): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") bytes[char.charCodeAt(0)] = 1;
  return bytes;
}
