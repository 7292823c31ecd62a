/**
 * What HTTP allows in a field's name and value (RFC 9113, 8.2.1 and RFC 9110, 5.6.2).
 *
 * A proxy that passes a CR, an LF or an upper-case name on lets one caller forge another's request behind it, so every
 * field is judged. Headers repeat from call to call, and a field that repeats is one object out of a table: its verdict
 * is kept on the object, so that only a value never seen before costs a look at its bytes.
 */
import { type HeaderField, headerId } from "./header-block.ts";

/** Bits of `HeaderField.verdict`. */
export const verdict = {
  judged: 1,
  nameOk: 2,
  valueOk: 4,
  /** All of the above: the field may pass. */
  valid: 7,
} as const;

/** Bits of `byteRules`, and of what decoding a string gathers from its bytes. */
export const byteRule = { notInValue: 4, notInName: 8 } as const;

/** By byte: which of the two it may not stand in. */
export const byteRules = buildByteRules();

/** Whether this is an ordinary field's name: a token without upper-case letters. Pseudo-headers are not. */
export function validName(name: string): boolean {
  let seen = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    seen |= code < 256 ? byteRules[code]! : byteRule.notInName;
  }
  return name.length > 0 && (seen & byteRule.notInName) === 0;
}

/** Whether a value holds no NUL, CR or LF, and no space or tab at either end. Empty is valid. */
export function validValue(value: string): boolean {
  return tidyEnds(value) && !hasForbidden(value);
}

/** No space or tab at either end. */
export function tidyEnds(value: string): boolean {
  const length = value.length;
  return length === 0 || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)));
}

/** NUL, CR or LF; a regular expression, because V8 searches a long string with vector instructions, not byte by byte. */
export function hasForbidden(value: string): boolean {
  return forbidden.test(value);
}

/** Whether a field may pass: judged once, then remembered. Of names with a colon only the defined pseudo-headers pass. */
export function validField(field: HeaderField): boolean {
  if (field.verdict === 0) {
    field.verdict = verdictOf(validName(field.name) || isPseudo(field.id), validValue(field.value));
  }
  return field.verdict === verdict.valid;
}

export function verdictOf(nameOk: boolean, valueOk: boolean): number {
  return verdict.judged | (nameOk ? verdict.nameOk : 0) | (valueOk ? verdict.valueOk : 0);
}

/** `:authority`, `:method`, `:path`, `:scheme`, `:status` or `:protocol`. */
export function isPseudo(id: number): boolean {
  return (id >= headerId[":authority"] && id <= headerId[":status"]) || id === headerId[":protocol"];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const forbidden = /[\0\r\n]/;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function buildByteRules(): Uint8Array {
  const rules = new Uint8Array(256).fill(byteRule.notInName);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") rules[char.charCodeAt(0)] = 0;
  for (const code of [0x00, 0x0d, 0x0a]) rules[code] = byteRule.notInName | byteRule.notInValue;
  return rules;
}
