import assert from "node:assert/strict";
import type { DurationMessage, ReportRequest, ReportResponse } from "../../../src/api/messages.ts";
import type { CountsReading } from "../../../src/model/counts.ts";
import { Reporter, type ReporterOptions } from "../../../src/sync/reporter.ts";
import { countedSeries, countsReading } from "../../support/counted.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { turns } from "../../support/until.ts";

const node = { instance: "i1", startedAtMs: 0, namespace: "", workload: "" };

interface Sent {
  readonly request: ReportRequest;
  /** When it was sent. */
  readonly atMs: number;
  take(nextReport?: DurationMessage): Promise<void>;
  refuse(): Promise<void>;
}

/** A reporter whose service does as the test says, and whose next count is one call more. */
function reporting(options: ReporterOptions = {}, chance = 0.5) {
  const clock = new ManualClock();
  const sent: Sent[] = [];
  const acknowledged: number[] = [];
  const failures: string[] = [];
  let id = 0;
  const counts = {
    read: (): CountsReading => countsReading(++id, countedSeries(id)),
    acknowledge: (each: number) => void acknowledged.push(each),
  };
  const send = (request: ReportRequest): Promise<ReportResponse> =>
    new Promise((resolve, reject) => {
      sent.push({
        request,
        atMs: clock.nowMs(),
        take: (nextReport) => {
          resolve({ nextReport: nextReport ?? null });
          return turns();
        },
        refuse: () => {
          reject(new Error("no"));
          return turns();
        },
      });
    });
  const onFailure = (reason: unknown, inARow: number): void =>
    void failures.push(`${(reason as Error).message} ${inARow}`);
  const reporter = new Reporter(node, { clock, chance: { next: () => chance }, counts, send, onFailure }, options);
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turns();
  };
  return { clock, sent, acknowledged, failures, counts, reporter, advance };
}

const sentAt = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => atMs);

describe("a reporter", () => {
  it("sends the first report after one interval, and each further one an interval after the last was taken in", async () => {
    const { sent, reporter, advance } = reporting();
    reporter.start();
    await advance(9_999);
    assert.equal(sent.length, 0);
    await advance(1);
    await advance(3_000);
    await sent[0]?.take();
    await advance(10_000);
    assert.deepEqual(sentAt(sent), [10_000, 23_000]);
    assert.deepEqual(
      sent.map(({ request }) => [
        request.instance,
        request.sequence,
        request.final,
        request.series[0]?.codes[0]?.count,
      ]),
      [
        ["i1", 1, false, 1],
        ["i1", 2, false, 2],
      ],
    );
  });

  for (const [chance, ms] of [
    [0, 9_000],
    [0.999_999, 11_000],
  ] as const) {
    it(`comes within a tenth of the interval, so that a fleet does not report at one moment: ${ms} ms`, async () => {
      const { clock, reporter } = reporting({}, chance);
      reporter.start();
      assert.ok(Math.abs((clock.nextDueMs ?? 0) - ms) < 1);
    });
  }

  it("acknowledges what was taken in, and nothing else", async () => {
    const { sent, acknowledged, reporter, advance } = reporting();
    reporter.start();
    await advance(10_000);
    assert.deepEqual(acknowledged, []);
    await sent[0]?.refuse();
    await advance(10_000);
    await sent[1]?.take();
    assert.deepEqual([acknowledged, reporter.taken, reporter.failed], [[2], 1, 1]);
  });

  it("has one report under way, however long that takes", async () => {
    const { sent, reporter, advance } = reporting({ timeoutMs: 100_000 });
    reporter.start();
    await advance(90_000);
    assert.equal(sent.length, 1);
  });

  it("takes one that nobody answers in time for failed, and goes on", async () => {
    const { sent, failures, reporter, advance } = reporting({ timeoutMs: 5_000 });
    reporter.start();
    await advance(10_000);
    await advance(5_000);
    await advance(10_000);
    assert.deepEqual(sentAt(sent), [10_000, 25_000]);
    assert.deepEqual(failures, ["the report was not taken in within 5000 ms 1"]);
  });

  it("waits longer each time that it fails, up to a minute, and not once it has succeeded", async () => {
    const { sent, failures, reporter, advance } = reporting();
    reporter.start();
    for (const pauseMs of [10_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]) {
      await advance(pauseMs - 1);
      const before = sent.length;
      await advance(1);
      assert.equal(sent.length, before + 1);
      await (sent.length < 7 ? sent.at(-1)?.refuse() : sent.at(-1)?.take());
    }
    await advance(10_000);
    assert.equal(sent.length, 8);
    assert.deepEqual(failures.at(-1), "no 6");
  });

  it("goes by the interval that the last answer names", async () => {
    const { sent, reporter, advance } = reporting();
    reporter.start();
    await advance(10_000);
    await sent[0]?.take({ seconds: 2, nanos: 500_000_000 });
    await advance(2_500);
    await sent[1]?.take();
    await advance(2_500);
    assert.deepEqual(sentAt(sent), [10_000, 12_500, 15_000]);
  });

  it("goes by the interval that it is told meanwhile, from then on, however often it is told", async () => {
    const { sent, reporter, advance } = reporting();
    reporter.start();
    await advance(1_000);
    reporter.want(5_000);
    for (let i = 0; i < 4; i++) {
      await advance(1_000);
      reporter.want(5_000);
    }
    await advance(1_000);
    assert.deepEqual(sentAt(sent), [6_000]);
  });

  it("is told an interval while a report is under way, and does not begin another for it", async () => {
    const { clock, sent, reporter, advance } = reporting();
    reporter.start();
    await advance(10_000);
    reporter.want(2_000);
    await advance(4_000);
    assert.equal(sent.length, 1);
    await sent[0]?.take();
    assert.equal(clock.nextDueMs, 16_000);
  });

  for (const [what, ms] of [
    ["none", undefined],
    ["zero", 0],
    ["less than zero", -5],
    ["no number", Number.NaN],
  ] as const) {
    it(`is not changed by an interval that is ${what}`, () => {
      const { clock, reporter } = reporting();
      reporter.start();
      reporter.want(ms);
      assert.equal(clock.nextDueMs, 10_000);
    });
  }

  it("reports once a second at most, whatever it is asked for", () => {
    const { clock, reporter } = reporting();
    reporter.start();
    reporter.want(1);
    assert.equal(clock.nextDueMs, 1_000);
  });

  it("reports every ten minutes at least, whatever it is asked for", async () => {
    const { clock, sent, reporter, advance } = reporting();
    reporter.start();
    await advance(10_000);
    await sent[0]?.take({ seconds: 30 * 86_400, nanos: 0 });
    assert.equal(clock.nextDueMs, 610_000);
  });

  it("takes counts that can't be read for a report that failed", async () => {
    const { counts, failures, sent, reporter, advance } = reporting();
    counts.read = () => {
      throw new Error("no counts");
    };
    reporter.start();
    await advance(10_000);
    assert.deepEqual([sent.length, failures], [0, ["no counts 1"]]);
  });

  it("sends a last report when the process ends, and none after it", async () => {
    const { clock, sent, acknowledged, reporter, advance } = reporting();
    reporter.start();
    await advance(4_000);
    const ended = reporter.end();
    await turns();
    assert.deepEqual([sent[0]?.request.final, sent[0]?.request.sequence], [true, 1]);
    await sent[0]?.take();
    assert.deepEqual([await ended, acknowledged, clock.pending], [true, [1], 0]);
    reporter.start();
    reporter.want(2_000);
    await advance(60_000);
    assert.equal(sent.length, 1);
    assert.equal(await reporter.end(), true);
  });

  it("holds the end up for a second at most", async () => {
    const { sent, reporter, advance } = reporting();
    reporter.start();
    const ended = reporter.end();
    await advance(1_000);
    assert.equal(await ended, false);
    assert.equal(sent.length, 1);
  });

  it("sends the last beside one that is under way, with a higher sequence, and none when that one fails", async () => {
    const { sent, clock, reporter, advance } = reporting();
    reporter.start();
    await advance(10_000);
    const ended = reporter.end();
    await turns();
    assert.deepEqual([sent[1]?.request.final, sent[1]?.request.sequence], [true, 2]);
    await sent[0]?.refuse();
    await sent[1]?.take();
    assert.deepEqual([await ended, clock.pending], [true, 0]);
  });

  it("is no reason for an end to fail", async () => {
    const { sent, reporter, failures } = reporting();
    const ended = reporter.end();
    await turns();
    await sent[0]?.refuse();
    assert.deepEqual([await ended, failures], [false, ["no 1"]]);
  });
});
