/** Each limit is enforced by a module that `config` may not import: here the two sides are held together. */
import assert from "node:assert/strict";
import { limitTable } from "../../../src/config/limit-table.ts";
import { limitSettings } from "../../../src/config/limits.ts";
import { resolveHttp2Options } from "../../../src/http2/options.ts";
import { resolveProxyOptions } from "../../../src/proxy/options.ts";
import { resolveBreakerOptions } from "../../../src/resilience/breaker.ts";
import { resolveOverloadOptions } from "../../../src/resilience/overload-options.ts";
import { resolveTransportOptions } from "../../../src/transport/options.ts";

type Resolve = (given: Record<string, number>) => Readonly<Record<string, number>>;

const owners: Record<keyof typeof limitTable, Resolve> = {
  http2: resolveHttp2Options,
  transport: resolveTransportOptions,
  proxy: resolveProxyOptions,
  overload: resolveOverloadOptions,
  breaker: resolveBreakerOptions,
};

/** Options that only tests set: they start a connection in a state that life takes days to reach. */
const forTests = ["firstStreamId"];

describe("limits", () => {
  for (const [group, declared] of Object.entries(limitTable)) {
    const resolve = owners[group as keyof typeof limitTable];

    it(`of ${group} have their owner's names and defaults, all of them`, () => {
      const theirs = Object.fromEntries(Object.entries(resolve({})).filter(([option]) => !forTests.includes(option)));
      const ours = Object.fromEntries(Object.entries(declared).map(([option, { default: value }]) => [option, value]));
      assert.deepEqual(ours, theirs);
    });

    for (const [option, { least, most }] of Object.entries<{ least: number; most: number }>(declared)) {
      it(`let ${group}.${option} be no more than its owner takes`, () => {
        assert.equal(resolve({ [option]: least })[option], least);
        assert.equal(resolve({ [option]: most })[option], most);
      });
    }
  }

  it("have names of their own", () => {
    const names = limitSettings.map(({ env }) => env);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^CONTENDER_(?:LIMIT|OVERLOAD)_[A-Z0-9]+(_[A-Z0-9]+)*$/);
  });

  it("read their own defaults", () => {
    for (const { env, default: text, read, group, option } of limitSettings) {
      const declared: Readonly<Record<string, { default: number }>> = limitTable[group];
      assert.deepEqual(read(text), { ok: true, value: declared[option]?.default }, env);
    }
  });
});
