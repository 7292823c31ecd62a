/**
 * `grpc-timeout`, read and written (PROTOCOL-HTTP2.md: `TimeoutValue TimeoutUnit`, at most eight digits, one of HMSmun).
 *
 * Strict on purpose: a value that is guessed at would give the call a deadline that its caller never set. Read and written
 * once per call, so digit by digit and without a regular expression.
 */
import { digitsOf } from "../base/digits.ts";

/**
 * The longest deadline that we keep, in milliseconds (24.8 days): the largest delay of a Node timer, above which it fires at
 * once. Longer values are legal and are cut to this: no inference lasts that long, and some gRPC stacks overflow a 32-bit
 * count of milliseconds when they are told more.
 */
export const maxTimeoutMs = 2 ** 31 - 1;

/** What `parseTimeout` gives for a value that is none. */
export const badTimeout = -1;

const maxDigits = 8;
const largestValue = 10 ** maxDigits - 1;

/** Milliseconds in one of the unit with this character code; 0 for what is no unit. */
function unitMs(code: number): number {
  switch (code) {
    case 72: // H
      return 3_600_000;
    case 77: // M
      return 60_000;
    case 83: // S
      return 1000;
    case 109: // m
      return 1;
    case 117: // u
      return 1e-3;
    case 110: // n
      return 1e-6;
    default:
      return 0;
  }
}

/** Milliseconds, with a fraction for `u` and `n`, at most `maxTimeoutMs`; `badTimeout` for anything that is not legal. */
export function parseTimeout(value: string): number {
  const digits = value.length - 1;
  if (digits < 1 || digits > maxDigits) return badTimeout;
  const count = digitsOf(value, digits);
  if (count < 0) return badTimeout;
  const unit = unitMs(value.charCodeAt(digits));
  if (unit === 0) return badTimeout;
  const ms = count * unit;
  return ms < maxTimeoutMs ? ms : maxTimeoutMs;
}

/**
 * The time that remains, in the smallest unit that holds it in eight digits. Rounded down, so that nobody downstream waits
 * longer than the caller, but never to nothing: only a deadline that has passed (0 or less) is written as `0n`.
 */
export function formatTimeout(remainingMs: number): string {
  if (!(remainingMs > 0)) return "0n";
  const ms = remainingMs < maxTimeoutMs ? remainingMs : maxTimeoutMs;
  const nanoseconds = Math.floor(ms * 1e6);
  if (nanoseconds <= largestValue) return `${nanoseconds > 0 ? nanoseconds : 1}n`;
  const microseconds = Math.floor(ms * 1e3);
  if (microseconds <= largestValue) return `${microseconds}u`;
  if (ms < largestValue + 1) return `${Math.floor(ms)}m`;
  return `${Math.floor(ms / 1000)}S`;
}
