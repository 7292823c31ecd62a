import assert from "node:assert/strict";
import type { CountsBounds } from "../../../../src/control/counts/counts.ts";
import { Counts } from "../../../../src/control/counts/counts.ts";
import { processId } from "../../../../src/control/counts/ended-counts.ts";
import { reportBounds, reportFault, reportHead } from "../../../../src/control/counts/report-bounds.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import {
  countsAlone,
  encodeReport as encode,
  noneEnded,
  reportOf as report,
  requestsOf,
  countedSeries as series,
  toldCounts,
} from "../../../support/reports.ts";

const idOf = (instance: string): string => processId(report(instance).report);

describe("what sidecars counted", () => {
  const floods: readonly [string, Partial<CountsBounds>][] = [
    ["instances", { instances: 16 }],
    ["bytes", { bytes: 16 * report("b-10").bytes.length }],
  ];
  for (const [what, bounds] of floods) {
    it(`has room for what others report while one floods it with ${what}, and for all that it has taken in`, async () => {
      const counts = countsAlone(bounds);
      for (const name of ["a-00", "a-01"]) counts.take(report(name), "honest");
      const taken = Array.from({ length: 20 }, (_, i) => counts.take(report(`b-${i + 10}`), "flood"));
      assert.equal(taken.filter((each) => each === "new").length, 12);
      assert.deepEqual(
        ["a-00", "a-01", "a-02"].map((name) => counts.take(report(name, 2), "honest")),
        ["new", "new", "new"],
      );
      assert.deepEqual(
        ["b-10", "b-21", "b-22"].map((name) => counts.take(report(name, 2), "flood")),
        ["new", "new", "full"],
      );
      assert.equal(await requestsOf(counts), 150);
    });
  }

  it("keeps the report of a process whose next one is too large, and takes in what another replica has", async () => {
    const counts = countsAlone({ bytes: 200 });
    counts.take(report("a"));
    const more = { series: Array.from({ length: 10 }, (_, i) => series(`v${i}`)) };
    assert.equal(counts.take(report("a", 2, more)), "full");
    assert.equal(await requestsOf(counts), 10);
    assert.equal(counts.note(report("a", 2, more)), "new");
    assert.equal(await requestsOf(counts), 100);
  });

  it("takes for over who said so, or was silent for long, and nobody else", () => {
    const clock = new ManualClock();
    const counts = new Counts({ clock, ended: noneEnded }, { silentMs: 1_000 });
    const over = () => [...counts.over()].map(([id]) => id);
    counts.take(report("a"));
    counts.take(report("b"));
    counts.take(report("c", 1, { final: true }));
    assert.deepEqual(over(), [idOf("c")]);
    clock.advance(999);
    counts.take(report("a", 2));
    clock.advance(1);
    assert.deepEqual(over(), [idOf("b"), idOf("c")]);
  });

  it("takes nothing in again of a process that was summed up", async () => {
    const gone = new Set([idOf("a")]);
    const counts = new Counts({ clock: new ManualClock(), ended: { ...noneEnded, has: (id) => gone.has(id) } });
    assert.deepEqual(
      [counts.take(report("a", 7)), counts.note(report("a", 8)), counts.take(report("b"))],
      ["forgotten", "forgotten", "new"],
    );
    assert.equal((await toldCounts(counts)).instances, 1);
  });

  it("says whose each report is, for another replica", () => {
    const counts = countsAlone();
    counts.take(report("a"), "honest");
    const told = counts.ids().map((id) => counts.get(id));
    assert.deepEqual(
      told.map((each) => [each?.owner, each?.report.instance]),
      [["honest", "a"]],
    );
  });
});

describe("whose a report is", () => {
  it("is known without what is in it, wherever in it that stands", () => {
    const bytes = encode({
      instance: "i-1",
      namespace: "ml",
      workload: "fraud",
      sequence: 7,
      series: [series(), series()],
    });
    assert.deepEqual(reportHead(bytes), { instance: "i-1", namespace: "ml", workload: "fraud" });
    const later = Buffer.concat([bytes, encode({ instance: "i-2" })]);
    assert.equal(reportHead(later)?.instance, "i-2");
    assert.deepEqual(reportHead(Buffer.alloc(0)), { instance: "", namespace: "", workload: "" });
  });

  for (const bytes of [[0x0a], [0x0a, 5, 0x41], [0x08, 1], [0x7b], [0xff]]) {
    it(`is not known of bytes that are no report: ${bytes}`, () => {
      assert.equal(reportHead(Buffer.from(bytes)), undefined);
    });
  }
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
      const input = bytes();
      // By the processor: on a machine with much to do the clock tells of others.
      const before = process.cpuUsage();
      assert.match(String(reportFault(input)), text);
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 400_000, `${user + system} µs`);
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
