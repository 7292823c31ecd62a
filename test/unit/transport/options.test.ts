import assert from "node:assert/strict";
import { resolveTransportOptions, type TransportOptions } from "../../../src/transport/options.ts";

describe("transport options", () => {
  it("are complete without any being given, and can't be changed", () => {
    const options = resolveTransportOptions();
    assert.deepEqual([options.connectTimeoutMs, options.maxConnections, options.maxQueuedCalls], [1_000, 4, 1_000]);
    assert.equal(Object.isFrozen(options), true);
  });

  it("take what is given", () => {
    assert.deepEqual(resolveTransportOptions({ maxQueuedCalls: 0, backoffJitter: 0 }), {
      ...resolveTransportOptions(),
      maxQueuedCalls: 0,
      backoffJitter: 0,
    });
  });

  for (const [name, value] of [
    ["connectTimeoutMs", 0],
    ["backoffFactor", 0.9],
    ["backoffJitter", -0.1],
    ["maxConnections", 0],
    ["maxQueuedCalls", -1],
    ["queueTimeoutMs", Number.POSITIVE_INFINITY],
    ["backlog", Number.NaN],
  ] as const) {
    it(`refuse ${name} of ${value}, by its name`, () => {
      assert.throws(() => resolveTransportOptions({ [name]: value }), {
        name: "RangeError",
        message: new RegExp(`^transport option "${name}": want .*, got ${value}$`),
      });
    });
  }

  it("refuse a name they don't know", () => {
    assert.throws(
      () => resolveTransportOptions({ connectTimeout: 1 } as TransportOptions),
      /^RangeError: unknown transport option "connectTimeout"$/,
    );
  });
});
