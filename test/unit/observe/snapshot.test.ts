import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { outcomeIndex, trafficIndex } from "../../../src/observe/labels.ts";
import { parseExposition, samplesOf } from "../../support/exposition.ts";
import { fullMetrics } from "../../support/full-metrics.ts";

const { shadow } = trafficIndex;
const { ok } = outcomeIndex;

describe("snapshot of the metrics", () => {
  it("is plain data, by route, variant and traffic, that later calls do not move", () => {
    const { metrics, cells } = fullMetrics({ clock: systemClock, methods: 1, codes: 1 });
    const before = metrics.snapshot();
    const copy = structuredClone(before);
    for (const each of cells) each.request(shadow, 0, 0, ok, 1, 1);
    assert.deepEqual(before, copy);
    assert.deepEqual(JSON.parse(JSON.stringify(before)), copy);
    assert.equal(before.version, "7");
    assert.deepEqual(
      before.variants.map(({ route, variant, current }) => [route, variant, current]),
      [
        ["route-0", "v41", true],
        ["route-0", "v42", true],
        ["route-0", "v43", true],
      ],
    );
  });

  it("agrees with the exposition", async () => {
    const { metrics } = fullMetrics({ clock: systemClock });
    const exposed = parseExposition(await metrics.exposition());
    for (const { route, variant, traffic, assignments, fallbacks } of metrics.snapshot().variants) {
      const total = (name: string, labels: Record<string, string> = {}): number =>
        samplesOf(exposed, name, { route, variant, ...labels }).reduce((sum, { value }) => sum + value, 0);
      for (const kind of ["live", "shadow"] as const) {
        const { requests, durations } = traffic[kind];
        assert.equal(total("contender_requests_total", { traffic: kind }), requests);
        const timed = Object.values(durations).reduce((sum, { count }) => sum + count, 0);
        assert.equal(total("contender_request_duration_seconds_count", { traffic: kind }), timed);
        assert.equal(timed, requests);
      }
      assert.equal(total("contender_assignments_total", { reason: "pinned" }), assignments.pinned);
      assert.equal(total("contender_fallbacks_total", { result: "ok" }), fallbacks.ok);
    }
  });
});
