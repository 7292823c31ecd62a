import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { catalogue, type MetricDefinition } from "../../../src/observe/catalogue.ts";
import { readExposition, writeExposition } from "../../../src/observe/exposition-text.ts";
import { GroupExposition, mergeRules } from "../../../src/observe/group-exposition.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { collectProcessMetrics } from "../../../src/observe/process-metrics.ts";
import { parseExposition, samplesOf, valueAt } from "../../support/exposition.ts";
import { fullMetrics } from "../../support/full-metrics.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const counter = (value: number, name = "contender_resends_total") =>
  `# HELP ${name} Help.\n# TYPE ${name} counter\n${name}{route="fraud",variant="v41"} ${value}\n`;
const gauge = (name: string, value: number | string) =>
  `# HELP ${name} Help.\n# TYPE ${name} gauge\n${name} ${value}\n`;
const none = "# HELP contender_resends_total Help.\n# TYPE contender_resends_total counter\n";

/** A histogram with one bound, and `count` values below it. */
const histogram = (bound: string, count: number) =>
  [
    "# HELP contender_score Help.",
    "# TYPE contender_score histogram",
    `contender_score_bucket{le="${bound}",route="fraud"} ${count}`,
    `contender_score_bucket{le="+Inf",route="fraud"} ${count}`,
    `contender_score_sum{route="fraud"} ${count / 2}`,
    `contender_score_count{route="fraud"} ${count}`,
    "",
  ].join("\n");

const read = (text: string) => parseExposition(text);

describe("the exposition of several processes", () => {
  it("is read and written without a difference", async () => {
    const text = await fullMetrics({ clock: systemClock }).metrics.exposition();
    assert.equal(writeExposition(readExposition(text)), text);
  });

  it("knows how every gauge becomes one, and names no metric that there is not", async () => {
    const metrics = new Metrics({ clock: new ManualClock(), version: "0", node: "v24" });
    collectProcessMetrics(metrics.registry);
    const all = read(await metrics.exposition());
    const gauges = [...all].filter(([, { type }]) => type === "gauge").map(([name]) => name);
    assert.deepEqual(
      gauges.filter((name) => mergeRules[name] === undefined),
      [],
    );
    assert.deepEqual(
      Object.keys(mergeRules).filter((name) => !all.has(name)),
      [],
    );
    const definitions = Object.entries<MetricDefinition>(catalogue);
    assert.ok(definitions.every(([name]) => all.has(name)));
  });

  it("adds up counters and histograms", () => {
    const group = new GroupExposition();
    group.note(1, counter(3) + histogram("0.5", 4));
    group.note(2, counter(4) + histogram("0.5", 6));
    const metrics = read(group.together(none));
    assert.equal(valueAt(metrics, "contender_resends_total"), 7);
    assert.deepEqual(
      samplesOf(metrics, "contender_score_bucket").map(({ value }) => value),
      [10, 10],
    );
    assert.deepEqual([valueAt(metrics, "contender_score_sum"), valueAt(metrics, "contender_score_count")], [5, 10]);
  });

  for (const [name, own, values, expected] of [
    ["contender_queue_calls", "0", [2, 3], 5],
    ["nodejs_eventloop_lag_p99_seconds", "0.1", [0.2, 0.3], 0.3],
    ["nodejs_eventloop_lag_p99_seconds", "Nan", ["Nan", 0.3], 0.3],
    ["process_start_time_seconds", "7", [8, 9], 7],
    ["contender_workers", "2", [0, 0], 2],
  ] as const) {
    it(`of ${name} with ${own}, ${values.join(" and ")} is ${expected}`, () => {
      const group = new GroupExposition();
      for (const [i, value] of values.entries()) group.note(i + 1, gauge(name, value));
      assert.equal(valueAt(read(group.together(gauge(name, own))), name), expected);
    });
  }

  it("keeps what an ended worker counted, and what the next one counts on top", () => {
    const group = new GroupExposition();
    group.note(1, counter(3) + gauge("contender_queue_calls", 2));
    group.note(2, counter(4));
    group.end(1);
    const after = read(group.together(none));
    assert.equal(valueAt(after, "contender_resends_total"), 7);
    assert.equal(valueAt(after, "contender_queue_calls"), undefined);
    group.note(1, counter(1));
    group.end(1);
    group.note(1, counter(1));
    assert.equal(valueAt(read(group.together(none)), "contender_resends_total"), 9);
  });

  it("keeps the counters of a worker that does not answer, and leaves its gauges out", () => {
    const group = new GroupExposition();
    group.note(1, counter(3) + gauge("contender_queue_calls", 2));
    group.missed(1);
    for (const metrics of [read(group.together(none)), read(group.apart(none))]) {
      assert.equal(valueAt(metrics, "contender_resends_total"), 3);
      assert.equal(valueAt(metrics, "contender_queue_calls"), undefined);
    }
    group.note(1, counter(4) + gauge("contender_queue_calls", 2));
    assert.equal(valueAt(read(group.together(none)), "contender_queue_calls"), 2);
  });

  it("does not mix histograms of other bounds: the living one's stay, and of the dead the latest", () => {
    const group = new GroupExposition();
    group.note(1, histogram("0.5", 4));
    group.end(1);
    group.note(1, histogram("0.7", 5));
    group.end(1);
    const dead = read(group.together(none));
    assert.deepEqual(
      samplesOf(dead, "contender_score_bucket").map(({ labels, value }) => [labels.le, value]),
      [
        ["0.7", 5],
        ["+Inf", 5],
      ],
    );
    group.note(1, histogram("0.9", 6));
    assert.equal(valueAt(read(group.together(none)), "contender_score_count"), 6);
  });

  it("refused configurations are counted once, by the primary", () => {
    const group = new GroupExposition();
    const name = "contender_config_rejected_total";
    group.note(1, counter(1, name));
    group.end(1);
    group.note(2, counter(1, name));
    assert.equal(valueAt(read(group.together(counter(1, name))), name), 1);
  });

  it("is told for each process where that is asked for", () => {
    const group = new GroupExposition();
    group.note(1, counter(3));
    group.note(2, gauge("contender_queue_calls", 4));
    group.end(1);
    const metrics = read(group.apart(gauge("contender_queue_calls", 0)));
    assert.equal(valueAt(metrics, "contender_resends_total", { worker: "ended" }), 3);
    assert.equal(valueAt(metrics, "contender_queue_calls", { worker: "2" }), 4);
    assert.equal(valueAt(metrics, "contender_queue_calls", { worker: "primary" }), 0);
  });
});
