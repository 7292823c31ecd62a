/**
 * Triton's classification extension (docs/protocol/extension_classification.md): where a request asks for an output's best
 * classes, each comes as the text `VALUE:INDEX` or `VALUE:INDEX:LABEL`.
 */
import { latin1 } from "../text.ts";

const colon = 58;
const point = 46;
const minus = 45;

/** Up to here digits are an exact integer and its division by a power of ten is rounded once, hence correctly. */
const exactDigits = 15;

/** Spellings of what is no finite number, as C's printf has them. */
const spelt: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["-nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

export class ClassificationText {
  value = 0;
  /** The class's index. */
  label = 0;

  /** Reads one text; false where it is no such text. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let valueEnd = start;
    while (valueEnd < end && bytes[valueEnd] !== colon) valueEnd++;
    if (valueEnd === end || !this.#readIndex(bytes, valueEnd + 1, end)) return false;
    return this.#readDecimal(bytes, start, valueEnd) || this.#readAny(latin1(bytes, start, valueEnd));
  }

  #readIndex(bytes: Uint8Array, start: number, end: number): boolean {
    let index = 0;
    let at = start;
    for (; at < end && bytes[at] !== colon; at++) {
      const digit = (bytes[at] as number) - 48;
      if (digit < 0 || digit > 9 || at - start >= exactDigits) return false;
      index = index * 10 + digit;
    }
    this.label = index;
    return at > start;
  }

  /** Plain decimals, which nearly all are, without a string; false for any other spelling. */
  #readDecimal(bytes: Uint8Array, start: number, end: number): boolean {
    const negative = bytes[start] === minus;
    let digits = 0;
    let number = 0;
    let scale = 1;
    let fraction = false;
    for (let at = negative ? start + 1 : start; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === point && !fraction) {
        fraction = true;
        continue;
      }
      const digit = byte - 48;
      if (digit < 0 || digit > 9 || ++digits > exactDigits) return false;
      number = number * 10 + digit;
      if (fraction) scale *= 10;
    }
    this.value = negative ? -number / scale : number / scale;
    return digits > 0;
  }

  #readAny(text: string): boolean {
    const number = /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text) ? Number(text) : spelt.get(text);
    if (number === undefined || (Number.isNaN(number) && !spelt.has(text))) return false;
    this.value = number;
    return true;
  }
}
