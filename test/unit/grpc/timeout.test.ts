import assert from "node:assert/strict";
import fc from "fast-check";
import { badTimeout, formatTimeout, maxTimeoutMs, parseTimeout } from "../../../src/grpc/timeout.ts";

describe("grpc-timeout", () => {
  const legal: [string, number][] = [
    ["1H", 3_600_000],
    ["3M", 180_000],
    ["10S", 10_000],
    ["250m", 250],
    ["1500u", 1.5],
    ["99999999n", 99.999999],
    ["00000001S", 1000],
    ["0m", 0],
    ["596H", 2_145_600_000],
    ["597H", maxTimeoutMs],
    ["99999999M", maxTimeoutMs],
    ["99999999H", maxTimeoutMs],
    ["2147483S", 2_147_483_000],
    ["2147484S", maxTimeoutMs],
  ];
  for (const [value, ms] of legal) {
    it(`reads ${value}`, () => assert.ok(Math.abs(parseTimeout(value) - ms) < 1e-6, `${parseTimeout(value)}`));
  }

  for (const value of [
    "",
    "S",
    "5",
    "-1S",
    "+1S",
    "1.5S",
    "1e3S",
    "123456789S",
    "1s",
    "1h",
    "1 S",
    " 1S",
    "1S ",
    "1SS",
    "１S",
  ]) {
    it(`refuses ${JSON.stringify(value)}`, () => assert.equal(parseTimeout(value), badTimeout));
  }

  it("refuses or accepts any text by the grammar's own expression", () => {
    const texts = fc.string({ unit: fc.constantFrom(..."0189HMSmunx. -"), maxLength: 11 });
    fc.assert(
      fc.property(texts, (text) => {
        assert.equal(parseTimeout(text) !== badTimeout, /^\d{1,8}[HMSmun]$/.test(text));
      }),
    );
  });

  const written: [number, string][] = [
    [0, "0n"],
    [-5, "0n"],
    [Number.NaN, "0n"],
    [1e-9, "1n"],
    [1, "1000000n"],
    [99.999999, "99999999n"],
    [100, "100000u"],
    [99_999.9, "99999900u"],
    [100_000, "100000m"],
    [99_999_999.5, "99999999m"],
    [100_000_000, "100000S"],
    [maxTimeoutMs, "2147483S"],
    [Number.POSITIVE_INFINITY, "2147483S"],
  ];
  for (const [ms, text] of written) {
    it(`writes ${ms} ms as ${text}`, () => assert.equal(formatTimeout(ms), text));
  }

  it("writes what it can read again: never longer than what remains, never nothing, and close to it", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: maxTimeoutMs, noNaN: true }), (ms) => {
        const again = parseTimeout(formatTimeout(ms));
        assert.ok(again > 0);
        assert.ok(again <= ms * (1 + 1e-12), `${ms} became ${again}`);
        assert.ok(again >= ms * (1 - 1e-4) - 1e-6, `${ms} became ${again}`);
      }),
    );
  });
});
