import assert from "node:assert/strict";
import type { ReportRequest } from "../../../src/api/messages.ts";
import { messageType } from "../../../src/api/protos.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { Counts, type CountsBounds, readReport } from "../../../src/control/counts.ts";
import { reportBounds, reportFault } from "../../../src/control/report-bounds.ts";
import { Turns } from "../../../src/control/turns.ts";

const encode = (report: object): Buffer => messageType<object>("ReportRequest").encode(report);
const series = (version = "v", variant = "v41") => ({
  route: "fraud",
  variant,
  traffic: "live",
  version,
  keyed: true,
  codes: [{ code: 0, count: 10 }],
});
const report = (instance: string, sequence = 1, ...of: readonly object[]) =>
  readReport(encode({ instance, startedAt: { seconds: 1 }, sequence, series: of.length === 0 ? [series()] : of }));

interface Told {
  readonly series: readonly { readonly version: string; readonly variant: string; readonly requests: number }[];
  readonly instances: number;
}
const told = async (counts: Counts): Promise<Told> =>
  (await counts.of("fraud", new Turns(systemClock))) as unknown as Told;
const requestsOf = async (counts: Counts): Promise<number> =>
  (await told(counts)).series.reduce((sum, { requests }) => sum + requests, 0);

describe("what sidecars counted", () => {
  const floods: readonly [string, Partial<CountsBounds>][] = [
    ["instances", { instances: 5 }],
    ["bytes", { bytes: 5 * report("a-0").bytes.length }],
  ];
  for (const [what, bounds] of floods) {
    it(`keeps apart what others report while one floods it with ${what}, and loses nobody's sum`, async () => {
      const counts = new Counts(bounds);
      for (const name of ["a-0", "a-1"]) counts.take(report(name), "honest");
      for (let i = 0; i < 8; i++) counts.take(report(`b-${i}`), "flood");
      assert.deepEqual(
        ["a-0", "a-1", "b-0", "b-7"].map((name) => counts.take(report(name, 2), name < "b" ? "honest" : "flood")),
        ["new", "new", "forgotten", "new"],
      );
      assert.equal(await requestsOf(counts), 100);
    });
  }

  it("tells versions of what is not kept apart no longer apart where they become too many, and keeps the sum", async () => {
    const counts = new Counts({ instances: 1, sums: 10 });
    for (let i = 0; i < 30; i++) counts.take(report(`i-${i}`, 1, series(`v${i}`)));
    assert.equal(await requestsOf(counts), 300);
    assert.ok((await told(counts)).series.length <= 11);
  });

  it("has an end for names that somebody makes up", async () => {
    const counts = new Counts({ instances: 1, sums: 10, names: 5 });
    for (let i = 0; i < 30; i++) counts.take(report(`i-${i}`, 1, series("v", `made-up-${i}`)));
    const { series: kept, instances } = await told(counts);
    assert.deepEqual([kept.length, instances], [11, 6]);
  });

  it("says whose each report is, for another replica", () => {
    const counts = new Counts();
    counts.take(report("a"), "honest");
    assert.deepEqual(
      [...counts.owned()].map(({ owner, report: { instance } }: { owner: string; report: ReportRequest }) => [
        owner,
        instance,
      ]),
      [["honest", "a"]],
    );
  });
});

describe("the bounds of a report", () => {
  const codes = Array.from({ length: 17 }, (_, code) => ({ code, count: 1 }));
  const many = (count: number, more: object = {}) => Array.from({ length: count }, () => ({ ...series(), ...more }));

  it("let through what a busy sidecar has to say", () => {
    const histogram = { bounds: 0, counts: Array.from({ length: 20 }, () => 1), sum: 1 };
    const busy = many(4_000, { codes: codes.slice(0, 3), latency: histogram, score: histogram });
    assert.equal(reportFault(encode({ instance: "i", bounds: [{ upper: [1, 2] }], series: busy })), undefined);
  });

  const hostile: readonly [string, () => Buffer, RegExp][] = [
    ["bytes", () => Buffer.alloc(reportBounds.bytes + 1), /a report of 2097153 bytes/],
    ["a million empty series", () => Buffer.alloc(2e6, Buffer.from([0x3a, 0])), /1000000 series, want at most 20000/],
    ["a million empty bounds", () => Buffer.alloc(2e6, Buffer.from([0x32, 0])), /1000000 series, codes and/],
    [
      "series of a million codes",
      () => {
        const inner = Buffer.alloc(1e6, Buffer.from([0x32, 0]));
        return Buffer.concat([Buffer.from([0x3a, 0xc0, 0x84, 0x3d]), inner]);
      },
      /500001 series, codes and/,
    ],
    ["too many codes in all", () => encode({ series: many(8_000, { codes }) }), /144000 series, codes and/],
  ];
  for (const [what, bytes, text] of hostile) {
    it(`stop ${what}, before they are read`, () => {
      const begunMs = performance.now();
      const input = bytes();
      const madeMs = performance.now();
      assert.match(String(reportFault(input)), text);
      assert.ok(performance.now() - madeMs < 200, `${madeMs - begunMs}`);
    });
  }

  const crooked: readonly [string, readonly number[]][] = [
    ["a field that ends too late", [0x3a]],
    ["a length without end", [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ["half a number", [0xff]],
    // The reader takes 2 for the number, and finds bounds behind it.
    ["a number that is written as a text", [0x1a, 2, 0x32, 0]],
    // The reader goes on behind the series' end.
    ["a code that ends behind its series", [0x3a, 2, 0x32, 4, 0x3a, 0, 0x3a, 0]],
    ["counts that end behind their histogram", [0x3a, 5, 0x3a, 3, 0x12, 1, 0x80, 0x3a, 0]],
    ["a group", [0x7b, 0x7c]],
  ];
  for (const [what, bytes] of crooked) {
    it(`stop ${what}, behind which more could hide`, () => {
      assert.equal(reportFault(Buffer.from(bytes)), "a report that is not written as one");
    });
  }

  it("let through fields of later releases", () => {
    assert.equal(reportFault(Buffer.from([0x78, 1, 0x7a, 2, 1, 2, 0x7d, 1, 2, 3, 4])), undefined);
  });
});
