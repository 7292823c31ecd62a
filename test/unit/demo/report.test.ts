import assert from "node:assert/strict";
import { formatLegend, formatReport, sparkline } from "../../../src/demo/report.ts";
import type { DemoReport, ScoreBucket } from "../../../src/demo/summary.ts";

const buckets = (...counts: number[]): ScoreBucket[] =>
  counts.map((count, i) => ({ le: i === counts.length - 1 ? "+Inf" : i / 10, count }));

const report: DemoReport = {
  routes: [
    {
      route: "credit-tfs",
      variants: [
        {
          name: "v1",
          role: "champion",
          weight: 0.8,
          users: 1921,
          share: 0.8004,
          requests: 4810,
          errors: 0,
          rowsAnswered: 12_000,
          rowsScored: 12_000,
          p50Ms: 1.418,
          p99Ms: 6.3,
          scoreMean: 0.30941,
          scoreHistogram: buckets(0, 8, 4, 0),
        },
      ],
      shadows: [
        {
          name: "v3",
          role: "shadow",
          requests: 962,
          errors: 1,
          dropped: 2,
          dropReasons: { in_flight_full: 2 },
          rowsScored: 0,
          p50Ms: null,
          p99Ms: null,
          scoreMean: null,
          scoreHistogram: [],
        },
      ],
    },
  ],
  calls: { answered: 5771, failed: 1 },
  changes: [],
  sidecar: { version: "0.1.0", rssBytes: 73_400_320 },
};

describe("the demo's report", () => {
  it("has a heading per route, a line per variant, and every column in line", () => {
    assert.equal(
      formatReport(report, new Map([["credit-tfs", "TensorFlow Serving"]])),
      [
        "credit-tfs (TensorFlow Serving)",
        "  variant  role      weight  share  users  requests  errors  dropped  p50 ms  p99 ms  score  its distribution",
        "  v1       champion   80.0%  80.0%  1,921     4,810       0        –    1.42    6.30  0.309  █▄",
        "  v3       shadow         –      –      –       962       1        2       –       –      –  –",
        "",
      ].join("\n"),
    );
  });

  it("counts calls, and names the sidecar's version and memory", () => {
    assert.match(formatLegend(report), /5,771 answered, 1 failed[\s\S]*version 0\.1\.0, 70 MiB/);
  });
});

describe("the plot of a distribution", () => {
  for (const { what, counts, is } of [
    { what: "is as high as its bin beside the fullest one", counts: [0, 8, 4, 1, 0], is: "█▄▁" },
    { what: "leaves a space for an empty bin", counts: [0, 8, 0, 8, 0], is: "█ █" },
    { what: "shows even one row among many", counts: [0, 1000, 1, 0], is: "█▁" },
    { what: "puts what lies outside the range into the bins at its ends", counts: [4, 4, 1, 7], is: "██" },
    { what: "is a dash where nothing was counted", counts: [0, 0, 0, 0], is: "–" },
  ]) {
    it(what, () => {
      assert.equal(sparkline(buckets(...counts)), is);
    });
  }
});
