/** Decimal digits to a number, without a regular expression: headers that every call has are read so. */

/** The number that the first `count` characters of `text` spell, 15 at most to be exact; -1 where one is no digit, or there is none. */
export function digitsOf(text: string, count: number): number {
  if (count === 0) return -1;
  let number = 0;
  for (let i = 0; i < count; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1; // beyond the end it is NaN
    number = number * 10 + digit;
  }
  return number;
}
