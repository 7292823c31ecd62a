import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { parseExposition, quantile, select, selectHistogram, total } from "../../../src/demo/exposition.ts";
import { catalogue } from "../../../src/observe/catalogue.ts";
import { registerCollected } from "../../../src/observe/exposition.ts";
import { HistogramRows } from "../../../src/observe/histogram.ts";

const text = `# HELP requests_total Calls.
# TYPE requests_total counter
requests_total{route="a",code="OK"} 12
requests_total{route="a",code="UNAVAILABLE"} 3
requests_total{route="b",code="OK"} 40 1700000000000
up 1
odd{text="say \\"hi\\", {x}=1\\nback\\\\slash"} 1.5e-3
nothing NaN
most +Inf

not a sample
`;

describe("the reader of the text exposition", () => {
  const samples = parseExposition(text);

  it("reads names, labels and values, with and without labels and time stamps", () => {
    assert.deepEqual(samples.slice(0, 4), [
      { name: "requests_total", labels: { route: "a", code: "OK" }, value: 12 },
      { name: "requests_total", labels: { route: "a", code: "UNAVAILABLE" }, value: 3 },
      { name: "requests_total", labels: { route: "b", code: "OK" }, value: 40 },
      { name: "up", labels: {}, value: 1 },
    ]);
  });

  it("undoes the escapes of a label's value", () => {
    assert.equal(select(samples, "odd")[0]?.labels.text, 'say "hi", {x}=1\nback\\slash');
  });

  it("reads what is no finite number", () => {
    assert.deepEqual(
      ["nothing", "most"].map((name) => select(samples, name)[0]?.value),
      [Number.NaN, Number.POSITIVE_INFINITY],
    );
  });

  it("leaves out comments and lines that are no samples", () => {
    assert.equal(samples.length, 7);
  });

  it("selects by all labels that are given and adds up", () => {
    assert.equal(total(select(samples, "requests_total", { route: "a" })), 15);
    assert.equal(total(select(samples, "requests_total", { route: "a", code: "OK" })), 12);
    assert.equal(total(select(samples, "requests_total", { route: "c" })), 0);
  });

  it("reads back a histogram that the sidecar's own registry wrote", async () => {
    const rows = new HistogramRows(1, [0, 0.5, 1]);
    for (const value of [0, 0.2, 0.4, 0.9, 7]) rows.observe(0, value);
    const registry = new Registry();
    registerCollected(registry, "contender_score", catalogue.contender_score, (collected) =>
      collected.addHistogram({ route: "r", variant: "v1", traffic: "live", output: "scores" }, rows, 0),
    );
    const histogram = selectHistogram(parseExposition(await registry.metrics()), "contender_score", { variant: "v1" });
    assert.deepEqual(histogram, {
      bounds: [0, 0.5, 1, Number.POSITIVE_INFINITY],
      counts: [1, 2, 1, 1],
      sum: 8.5,
      count: 5,
    });
  });

  it("adds up the histograms that the labels leave open", () => {
    const both = parseExposition(`
d_bucket{v="1",outcome="ok",le="1"} 3
d_bucket{v="1",outcome="ok",le="+Inf"} 4
d_sum{v="1",outcome="ok"} 5
d_count{v="1",outcome="ok"} 4
d_bucket{v="1",outcome="error",le="1"} 1
d_bucket{v="1",outcome="error",le="+Inf"} 1
d_sum{v="1",outcome="error"} 0.5
d_count{v="1",outcome="error"} 1
d_bucket{v="2",outcome="ok",le="1"} 9
`);
    assert.deepEqual(selectHistogram(both, "d", { v: "1" }), {
      bounds: [1, Number.POSITIVE_INFINITY],
      counts: [4, 1],
      sum: 5.5,
      count: 5,
    });
  });
});

describe("a quantile of a histogram", () => {
  const bounds = [1, 2, 4, Number.POSITIVE_INFINITY];
  const of = (counts: number[]) => ({ bounds, counts, sum: 0, count: counts.reduce((a, b) => a + b, 0) });
  for (const { what, counts, q, is } of [
    { what: "lies straight between the bounds of its bucket", counts: [0, 10, 0, 0], q: 0.5, is: 1.5 },
    { what: "starts at zero in the first bucket", counts: [10, 0, 0, 0], q: 0.1, is: 0.1 },
    { what: "passes over empty buckets", counts: [5, 0, 5, 0], q: 0.75, is: 3 },
    { what: "is the last bound for what lies beyond it", counts: [1, 0, 0, 9], q: 0.99, is: 4 },
    { what: "is unknown where nothing was counted", counts: [0, 0, 0, 0], q: 0.5, is: undefined },
  ]) {
    it(what, () => {
      assert.equal(quantile(of(counts), q), is);
    });
  }
});
