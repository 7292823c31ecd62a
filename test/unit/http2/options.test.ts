import assert from "node:assert/strict";
import { type Http2Options, resolveHttp2Options } from "../../../src/http2/options.ts";

describe("HTTP/2 options", () => {
  it("are complete without any being given, and can't be changed", () => {
    const options = resolveHttp2Options();
    assert.deepEqual(Object.keys(options).length, 21);
    assert.equal(options.maxFrameBytes, 16_384);
    assert.equal(options.maxConcurrentStreams, 1_000);
    assert.equal(Object.isFrozen(options), true);
  });

  it("take what is given, at either bound", () => {
    const given = { streamWindowBytes: 1_024, connectionWindowBytes: 0x7fffffff, maxContinuations: 0 };
    assert.deepEqual(resolveHttp2Options(given), { ...resolveHttp2Options(), ...given });
  });

  for (const [name, value] of [
    ["streamWindowBytes", 1_023],
    ["streamWindowBytes", 2 ** 31],
    ["connectionWindowBytes", 65_534],
    ["maxFrameBytes", 16_383],
    ["maxFrameBytes", 2 ** 24],
    ["maxConcurrentStreams", 0],
    ["maxConcurrentStreams", 1.5],
    ["maxConcurrentStreams", Number.NaN],
    ["outputHighWaterBytes", 65_535],
  ] as const) {
    it(`refuse ${name} of ${value}, by its name`, () => {
      assert.throws(() => resolveHttp2Options({ [name]: value }), {
        name: "RangeError",
        message: new RegExp(`^HTTP/2 option "${name}": want an integer from [0-9]+ to [0-9]+, got ${value}$`),
      });
    });
  }

  it("refuse a name they don't know", () => {
    assert.throws(
      () => resolveHttp2Options({ maxStreams: 1 } as Http2Options),
      /^RangeError: unknown HTTP\/2 option "maxStreams"$/,
    );
  });
});
