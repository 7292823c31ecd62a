import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { systemClock } from "../../../src/base/clock.ts";
import { catalogue, type MetricDefinition } from "../../../src/observe/catalogue.ts";
import { outcomeIndex, trafficIndex } from "../../../src/observe/labels.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { type ExposedMetric, parseExposition, samplesOf, valueAt } from "../../support/exposition.ts";
import { fullMetrics } from "../../support/full-metrics.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { routeSpec } from "../../support/routes.ts";

function newMetrics(clock = new ManualClock()): Metrics {
  return new Metrics({ clock, version: "1.2.3", node: "v24.0.0" });
}

async function scrape(metrics: Metrics): Promise<Map<string, ExposedMetric>> {
  return parseExposition(await metrics.exposition());
}

describe("exposition", () => {
  it("has every metric of the catalogue with its type, help and labels", async () => {
    const { metrics } = fullMetrics({ clock: systemClock });
    const exposed = await scrape(metrics);
    assert.deepEqual([...exposed.keys()].sort(), Object.keys(catalogue).sort());
    for (const [name, { type, help, labels }] of Object.entries<MetricDefinition>(catalogue)) {
      const metric = exposed.get(name);
      assert.deepEqual([metric?.type, metric?.help], [type, help], name);
      const seen = new Set(metric?.samples.flatMap((sample) => Object.keys(sample.labels)));
      seen.delete("le");
      assert.deepEqual([...seen].sort(), [...labels].sort(), name);
    }
  });

  it("has histograms as cumulative buckets whose last equals the count", async () => {
    const metrics = newMetrics();
    const cells = metrics.routeVariant(routeSpec(), "v41");
    const { live } = trafficIndex;
    const { ok } = outcomeIndex;
    for (const ms of [0.04, 0.04, 7, 90_000]) cells.request(live, 0, 0, ok, ms, ms);
    const exposed = await scrape(metrics);
    const name = "contender_request_duration_seconds";
    const buckets = samplesOf(exposed, `${name}_bucket`);
    const at = (le: string): number | undefined => buckets.find((sample) => sample.labels.le === le)?.value;
    assert.equal(buckets.length, 21);
    assert.deepEqual([at("0.00005"), at("0.005"), at("0.01"), at("60"), at("+Inf")], [2, 2, 3, 3, 4]);
    assert.equal(valueAt(exposed, `${name}_count`), 4);
    assert.equal(valueAt(exposed, `${name}_sum`)?.toFixed(6), "90.007080");
    assert.deepEqual(
      buckets.map(({ value }) => value),
      buckets.map(({ value }) => value).sort((a, b) => a - b),
    );
  });

  it("escapes whatever a name holds", async () => {
    const metrics = newMetrics();
    const hostile = 'a"b\\c\nd{e="f"} 1';
    metrics.routeVariant(routeSpec({ name: hostile }), "v41").versionMismatch();
    const [sample] = samplesOf(await scrape(metrics), "contender_version_mismatch_total");
    assert.equal(sample?.labels.route, hostile);
  });

  it("is text format 0.0.4", () => {
    assert.equal(newMetrics().contentType, "text/plain; version=0.0.4; charset=utf-8");
  });

  it("is made once for scrapes at the same time, and anew for the next", async () => {
    const metrics = newMetrics();
    let reads = 0;
    metrics.register("contender_streams_active", () => [{ labels: ["upstream"], value: ++reads }]);
    const [first, second] = await Promise.all([metrics.exposition(), metrics.exposition()]);
    assert.deepEqual([first, reads], [second, 1]);
    assert.equal(valueAt(await scrape(metrics), "contender_streams_active"), 2);
  });

  it("is the same through prom-client's own ways: the registry's text and JSON", async () => {
    const { metrics } = fullMetrics({ clock: systemClock });
    assert.equal(await metrics.registry.metrics(), await metrics.exposition());
    const json = await metrics.registry.getMetricsAsJSON();
    const labels = new Set(
      json.find(({ name }) => name === "contender_score")?.values.flatMap(({ labels: all }) => Object.keys(all)),
    );
    assert.deepEqual([...labels].sort(), ["le", "output", "route", "traffic", "variant"]);
  });

  it("has at most 3,700 series for a route of three variants, when all that can happen has happened", async () => {
    const { metrics } = fullMetrics({ clock: systemClock, scoreBuckets: 60 });
    const exposed = await scrape(metrics);
    const ofRoute = [...exposed.values()].flatMap(({ samples }) => samples).filter(({ labels }) => "route" in labels);
    assert.ok(ofRoute.length > 3_000, `only ${ofRoute.length}: the case is not the worst`);
    assert.ok(ofRoute.length <= 3_700, `${ofRoute.length} series`);
  });

  it("gives way to other work between pieces, and needs no turn of the clock where it is small", async () => {
    const clock = new ManualClock();
    await newMetrics(clock).exposition();
    const { metrics } = fullMetrics({ clock, routes: 3 });
    let done = false;
    const scraping = metrics.exposition().then((text) => {
      done = true;
      return text;
    });
    let turns = 0;
    while (!done) {
      // Every microtask of the scrape runs before this continues; then it either waits for the clock or is done.
      await new Promise((resolve) => setImmediate(resolve));
      turns += clock.pending;
      clock.advance(0);
    }
    const pieces = Math.floor((await scraping).length / 65_536);
    assert.ok(turns > 1 && turns <= pieces, `${turns} turns for ${pieces} pieces of text`);
  });

  it("holds the event loop for less than 5 ms with three routes of three variants", async () => {
    const { metrics } = fullMetrics({
      clock: systemClock,
      routes: 3,
      scoreBuckets: 20,
      methods: 2,
      codes: 4,
      traffic: "live",
    });
    const heldMs: number[] = [];
    for (let i = 0; i < 30; i++) {
      let worst = 0;
      let last = performance.now();
      let done = false;
      const tick = (): void => {
        worst = Math.max(worst, performance.now() - last);
        last = performance.now();
        if (!done) setImmediate(tick);
      };
      setImmediate(tick);
      await metrics.exposition();
      done = true;
      heldMs.push(Math.max(worst, performance.now() - last));
    }
    // The least of them: what else the machine is busy with must not decide.
    const least = Math.min(...heldMs);
    assert.ok(least < 5, `${least} ms at least`);
  });
});
