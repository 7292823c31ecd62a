import assert from "node:assert/strict";
import type { RouteSpec, Snapshot } from "../../../src/model/route.ts";
import { assignmentIndex, outcomeIndex, trafficIndex } from "../../../src/observe/labels.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { maxRetired } from "../../../src/observe/series-store.ts";
import { type ExposedMetric, parseExposition, samplesOf, valueAt } from "../../support/exposition.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { routeSpec, shadowSpec, variantSpec } from "../../support/routes.ts";

const { live } = trafficIndex;
const { ok } = outcomeIndex;

function newMetrics(clock = new ManualClock()): Metrics {
  return new Metrics({ clock, version: "1.2.3", node: "v24.0.0" });
}

function snapshotOf(routes: readonly RouteSpec[], version = "1"): Snapshot {
  return { version, source: "file:/routes", routes };
}

async function scrape(metrics: Metrics): Promise<Map<string, ExposedMetric>> {
  return parseExposition(await metrics.exposition());
}

describe("metrics", () => {
  it("go on counting where the last configuration stopped", async () => {
    const metrics = newMetrics();
    const before = metrics.routeVariant(routeSpec(), "v41");
    metrics.setGeneration(snapshotOf([routeSpec()], "1"));
    before.request(live, 0, 0, ok, 1, 1);
    const after = metrics.routeVariant(routeSpec({ weights: { v41: 50, v42: 50 } }), "v41");
    metrics.setGeneration(snapshotOf([routeSpec()], "2"));
    after.request(live, 0, 0, ok, 1, 1);
    before.request(live, 0, 0, ok, 1, 1); // a call that began before the swap
    const labels = { route: "fraud", variant: "v41", traffic: "live", method: "other", grpc_code: "OK" };
    assert.equal(valueAt(await scrape(metrics), "contender_requests_total", labels), 3);
  });

  const score = { output: "scores", reduce: "element", index: 0, range: undefined, buckets: [1, 2] } as const;
  for (const [what, changed] of [
    ["a bound", { ...score, buckets: [1, 3] }],
    ["the number of bounds", { ...score, buckets: [1] }],
    ["the output", { ...score, output: "logits" }],
  ] as const) {
    it(`begin a new score histogram when ${what} changes, and keep older calls' scores out of it`, async () => {
      const metrics = newMetrics();
      const before = metrics.routeVariant(routeSpec({ score }), "v41");
      before.score(live, 0.5);
      const after = metrics.routeVariant(routeSpec({ score: changed }), "v41");
      before.score(live, 0.5);
      after.score(live, 0.5);
      const exposed = await scrape(metrics);
      assert.equal(valueAt(exposed, "contender_score_count", { output: changed.output }), 1);
      assert.equal(samplesOf(exposed, "contender_score_count").length, 1);
    });
  }

  it("keep a score histogram whose rule stayed the same", () => {
    const metrics = newMetrics();
    for (let i = 0; i < 3; i++) metrics.routeVariant(routeSpec({ score }), "v41").score(live, 0.5);
    assert.equal(metrics.snapshot().variants[0]?.traffic.live.score?.count, 3);
  });

  it("keep a variant that left the configuration, and of those no more than the latest", async () => {
    const metrics = newMetrics();
    const extra = 5;
    for (let i = 0; i < maxRetired + 1 + extra; i++) {
      const route = routeSpec({ variants: [variantSpec(`v${i}`)], champion: `v${i}`, weights: { [`v${i}`]: 1 } });
      metrics.routeVariant(route, `v${i}`).assigned(assignmentIndex.weight);
      metrics.setGeneration(snapshotOf([route], String(i)));
    }
    const exposed = await scrape(metrics);
    const kept = samplesOf(exposed, "contender_assignments_total").map(({ labels }) => labels.variant);
    assert.equal(kept.length, maxRetired + 1);
    assert.deepEqual([kept[0], kept.at(-1)], [`v${extra}`, `v${maxRetired + extra}`]);
    assert.equal(samplesOf(exposed, "contender_variant_info").length, 1);
  });

  it("keep a variant by when it left, not by when it came", () => {
    const metrics = newMetrics();
    const of = (...names: string[]): RouteSpec =>
      routeSpec({ variants: names.map((name) => variantSpec(name)), champion: names[0] ?? "", weights: {} });
    // `old` is there from the beginning to the end of a hundred changes.
    for (let i = 0; i < 100; i++) metrics.setGeneration(snapshotOf([of("old", `v${i}`)], String(i)));
    metrics.setGeneration(snapshotOf([of("last")]));
    const kept = metrics.snapshot().variants.map(({ variant }) => variant);
    assert.ok(kept.includes("old"));
    assert.equal(kept.length, maxRetired + 1);
  });

  it("keep what the configuration in force has, however many candidates are given up", () => {
    const metrics = newMetrics();
    metrics.setGeneration(snapshotOf([routeSpec()]));
    for (let i = 0; i < 5_000; i++) metrics.routeVariant(routeSpec(), `candidate-${i}`);
    const { variants } = metrics.snapshot();
    assert.equal(variants.filter(({ current }) => current).length, routeSpec().variants.length);
    assert.ok(variants.length < 5_000, `${variants.length} kept`);
  });

  it("keep what the configuration in force has, however many that are", () => {
    const metrics = newMetrics();
    const names = Array.from({ length: 3 * maxRetired }, (_, i) => `v${i}`);
    const route = routeSpec({ variants: names.map((name) => variantSpec(name)), champion: "v0" });
    for (const name of names) metrics.routeVariant(route, name);
    metrics.setGeneration(snapshotOf([route]));
    metrics.setGeneration(snapshotOf([route]));
    assert.equal(metrics.snapshot().variants.length, names.length);
  });

  it("count for a candidate that was built while another configuration was applied", () => {
    const metrics = newMetrics();
    const candidate = metrics.routeVariant(routeSpec(), "v42");
    metrics.setGeneration(snapshotOf([routeSpec({ variants: [variantSpec("v41")] })]));
    metrics.setGeneration(snapshotOf([routeSpec()]));
    candidate.request(live, 0, 0, ok, 1, 1);
    assert.equal(metrics.snapshot().variants.find(({ variant }) => variant === "v42")?.traffic.live.requests, 1);
  });
});

describe("metrics before the first call", () => {
  async function fresh(): Promise<Map<string, ExposedMetric>> {
    const metrics = newMetrics();
    const route = routeSpec({ weights: { v41: 90, v42: 10 }, shadows: [shadowSpec("v43", 100)] });
    for (const { name } of route.variants) metrics.routeVariant(route, name, ["Predict", "Classify"]);
    metrics.setGeneration(snapshotOf([route]));
    return await scrape(metrics);
  }

  it("show zero for successful predictions and drawn assignments of variants with live traffic", async () => {
    const exposed = await fresh();
    const shown = (name: string): unknown[] =>
      samplesOf(exposed, name).map(({ labels, value }) => [labels.variant, labels.method, value]);
    assert.deepEqual(shown("contender_requests_total"), [
      ["v41", "Predict", 0],
      ["v41", "Classify", 0],
      ["v42", "Predict", 0],
      ["v42", "Classify", 0],
    ]);
    assert.deepEqual(shown("contender_assignments_total"), [
      ["v41", undefined, 0],
      ["v42", undefined, 0],
    ]);
  });

  it("show nothing else that never happened", async () => {
    const exposed = await fresh();
    const filled = [...exposed].filter(([, { samples }]) => samples.length > 0).map(([name]) => name);
    assert.deepEqual(filled.sort(), [
      "contender_assignments_total",
      "contender_build_info",
      "contender_config_info",
      "contender_config_last_success_timestamp_seconds",
      "contender_config_rejected_total",
      "contender_requests_total",
      "contender_route_weight_ratio",
      "contender_variant_info",
    ]);
  });

  it("show no zero of a variant that left without a call", async () => {
    const metrics = newMetrics();
    metrics.routeVariant(routeSpec(), "v41", ["Predict"]);
    metrics.setGeneration(snapshotOf([routeSpec()]));
    metrics.setGeneration(snapshotOf([routeSpec({ variants: [variantSpec("v50")], champion: "v50" })]));
    const variants = samplesOf(await scrape(metrics), "contender_assignments_total").map(
      ({ labels }) => labels.variant,
    );
    assert.deepEqual(variants, ["v50"]);
  });

  it("show no configuration where there is none yet", async () => {
    const exposed = await scrape(newMetrics());
    for (const name of ["contender_config_info", "contender_config_last_success_timestamp_seconds"]) {
      assert.equal(samplesOf(exposed, name).length, 0, name);
    }
  });
});

describe("metrics of the configuration in force", () => {
  it("tell each variant's role, share of weight, and model expected", async () => {
    const metrics = newMetrics(new ManualClock({ wallMs: 1_700_000_000_500 }));
    const model = { name: "fraud_next", version: "43", label: undefined, restoreResponse: false };
    const route = routeSpec({
      match: { dialect: "tensorflow-serving", models: ["fraud"], services: [] },
      variants: [variantSpec("v41", { expectVersion: "41" }), variantSpec("v42"), variantSpec("v43", { model })],
      weights: { v41: 3, v42: 1 },
      shadows: [shadowSpec("v43", 100), shadowSpec("v42", 100)],
    });
    metrics.setGeneration(snapshotOf([route], "9"));
    const exposed = await scrape(metrics);
    const common = { route: "fraud" };
    assert.deepEqual(
      samplesOf(exposed, "contender_variant_info").map(({ labels }) => labels),
      [
        { ...common, variant: "v41", role: "champion", model: "fraud", model_version: "41" },
        { ...common, variant: "v42", role: "challenger", model: "fraud", model_version: "" },
        { ...common, variant: "v43", role: "shadow", model: "fraud_next", model_version: "43" },
      ],
    );
    assert.deepEqual(
      samplesOf(exposed, "contender_route_weight_ratio").map(({ value }) => value),
      [0.75, 0.25, 0],
    );
    assert.equal(valueAt(exposed, "contender_config_info", { version: "9", source: "file:/routes" }), 1);
    assert.equal(valueAt(exposed, "contender_config_last_success_timestamp_seconds"), 1_700_000_000.5);
  });

  it("say so alone: the version before is gone", async () => {
    const metrics = newMetrics();
    metrics.setGeneration(snapshotOf([routeSpec()], "1"));
    metrics.setGeneration(snapshotOf([routeSpec()], "2"));
    const versions = samplesOf(await scrape(metrics), "contender_config_info").map(({ labels }) => labels.version);
    assert.deepEqual(versions, ["2"]);
  });

  it("cut a label that would make every scrape large", async () => {
    const metrics = newMetrics();
    metrics.setGeneration(snapshotOf([routeSpec()], "x".repeat(10_000)));
    const [info] = samplesOf(await scrape(metrics), "contender_config_info");
    assert.equal(info?.labels.version?.length, 256);
  });
});

describe("metrics read at scrape", () => {
  it("add up rows with the same labels, of one reader or of several", async () => {
    const metrics = newMetrics();
    const row = { labels: ["downstream"], value: 2 };
    metrics.register("contender_streams_active", () => [row, row]);
    metrics.register("contender_streams_active", () => [row, { labels: ["upstream"], value: 5 }]);
    const exposed = await scrape(metrics);
    assert.equal(valueAt(exposed, "contender_streams_active", { side: "downstream" }), 6);
    assert.equal(valueAt(exposed, "contender_streams_active", { side: "upstream" }), 5);
  });

  it("add a reader's GOAWAYs to those counted here", async () => {
    const metrics = newMetrics();
    metrics.goaway("upstream", "received");
    metrics.register("contender_goaways_total", () => [{ labels: ["upstream", "received"], value: 3 }]);
    const labels = { side: "upstream", direction: "received" };
    assert.equal(valueAt(await scrape(metrics), "contender_goaways_total", labels), 4);
  });

  it("stop reading when told so", async () => {
    const metrics = newMetrics();
    const stop = metrics.register("contender_buffered_bytes", () => [{ labels: ["received"], value: 1 }]);
    stop();
    assert.equal(samplesOf(await scrape(metrics), "contender_buffered_bytes").length, 0);
  });

  it("count a reader that throws or gives a row of the wrong shape, and expose everything else", async () => {
    const metrics = newMetrics();
    metrics.register("contender_streams_active", () => {
      throw new Error("gone");
    });
    metrics.register("contender_streams_active", () => [
      { labels: [], value: 1 },
      { labels: ["upstream"], value: Number.NaN },
      { labels: ["downstream"], value: 7 },
    ]);
    await metrics.exposition();
    const exposed = await scrape(metrics);
    assert.equal(valueAt(exposed, "contender_streams_active", { side: "downstream" }), 7);
    // Three at each of two scrapes; this metric comes after those that failed.
    assert.equal(valueAt(exposed, "contender_hook_failures_total", { hook: "scrape" }), 6);
  });
});
