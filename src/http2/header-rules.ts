/**
 * What HTTP allows in a field's name and value (RFC 9113, 8.2.1 and RFC 9110, 5.6.2).
 *
 * A proxy that passes on a CR, an LF or an upper-case name lets one caller forge another's request behind it, so every
 * field is judged: by the decoder, when it makes the field, and never again while the field lives in a table.
 *
 * One rule is left out: values that begin or end with a space or a tab pass as they are, though RFC 9113 calls them
 * malformed. gRPC allows spaces anywhere in a value (PROTOCOL-HTTP2.md, ASCII-Value) and its libraries send and take them: an
 * error message that ends with a space would become another error here. Between two HTTP/2 peers such a space can forge
 * nothing. Envoy lets them pass too, after calls were lost to the rule (its issue 23266).
 */
import { headerId } from "./header-block.ts";

/** Whether this is an ordinary field's name: a token without upper-case letters. Pseudo-headers are not. */
export function validName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (inNames[name.charCodeAt(i)] !== 1) return false;
  }
  return name.length > 0;
}

/** Whether a value is of bytes, none of them NUL, CR or LF. Empty is valid. */
export function validValue(value: string): boolean {
  return !hasForbidden(value) && !notOfBytes.test(value);
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

function buildInNames(): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") bytes[char.charCodeAt(0)] = 1;
  return bytes;
}
