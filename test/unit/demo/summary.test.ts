import assert from "node:assert/strict";
import { parseExposition } from "../../../src/demo/exposition.ts";
import { isSettled, summarise } from "../../../src/demo/summary.ts";
import { Tally } from "../../../src/demo/tally.ts";

const scrape = (live = 6) => `
contender_build_info{version="0.1.0",node="v24.0.0"} 1
process_resident_memory_bytes 73400320
contender_streams_active{side="downstream"} 3
contender_streams_active{side="upstream"} 0
contender_variant_info{route="r",variant="v1",role="champion",model="",model_version="1"} 1
contender_variant_info{route="r",variant="v2",role="challenger",model="",model_version="2"} 1
contender_variant_info{route="r",variant="v3",role="shadow",model="",model_version="3"} 1
contender_variant_info{route="other",variant="v9",role="champion",model="",model_version=""} 1
contender_route_weight_ratio{route="r",variant="v1"} 0.8
contender_route_weight_ratio{route="r",variant="v2"} 0.2
contender_requests_total{route="r",variant="v1",traffic="live",method="Predict",grpc_code="OK"} 4
contender_requests_total{route="r",variant="v1",traffic="live",method="Predict",grpc_code="UNAVAILABLE"} 1
contender_requests_total{route="r",variant="v2",traffic="live",method="Predict",grpc_code="OK"} 0
contender_requests_total{route="r",variant="v3",traffic="shadow",method="Predict",grpc_code="OK"} 2
contender_requests_total{route="other",variant="v1",traffic="live",method="Predict",grpc_code="OK"} 99
contender_request_duration_seconds_bucket{route="r",variant="v1",traffic="live",outcome="ok",le="0.001"} 0
contender_request_duration_seconds_bucket{route="r",variant="v1",traffic="live",outcome="ok",le="0.002"} 4
contender_request_duration_seconds_bucket{route="r",variant="v1",traffic="live",outcome="ok",le="+Inf"} 4
contender_request_duration_seconds_sum{route="r",variant="v1",traffic="live",outcome="ok"} 0.006
contender_request_duration_seconds_count{route="r",variant="v1",traffic="live",outcome="ok"} 4
contender_upstream_duration_seconds_bucket{route="r",variant="v3",traffic="shadow",outcome="ok",le="0.004"} 2
contender_upstream_duration_seconds_bucket{route="r",variant="v3",traffic="shadow",outcome="ok",le="+Inf"} 2
contender_upstream_duration_seconds_sum{route="r",variant="v3",traffic="shadow",outcome="ok"} 0.003
contender_upstream_duration_seconds_count{route="r",variant="v3",traffic="shadow",outcome="ok"} 2
contender_score_bucket{route="r",variant="v1",traffic="live",output="scores",le="0"} 0
contender_score_bucket{route="r",variant="v1",traffic="live",output="scores",le="0.5"} 4
contender_score_bucket{route="r",variant="v1",traffic="live",output="scores",le="1"} ${live}
contender_score_bucket{route="r",variant="v1",traffic="live",output="scores",le="+Inf"} ${live}
contender_score_sum{route="r",variant="v1",traffic="live",output="scores"} 1.8
contender_score_count{route="r",variant="v1",traffic="live",output="scores"} ${live}
contender_shadow_dropped_total{route="r",variant="v3",reason="in_flight_full"} 3
contender_shadow_dropped_total{route="r",variant="v3",reason="breaker_open"} 1
`;

function tallyOf(...answers: readonly (readonly [user: number, variant: string, rows: number])[]): Tally {
  const tally = new Tally();
  for (const [user, variant, rows] of answers) tally.answered(user, { variant, rows, scores: [] }, 0, 0);
  tally.confirm(0);
  return tally;
}

/** Three users on v1, one of them twice; one on v2, of whose rows the sidecar has counted none yet. */
const tally = () => tallyOf([1, "v1", 1], [2, "v1", 2], [3, "v1", 1], [1, "v1", 2]);

describe("the demo's summary", () => {
  it("puts the sidecar's figures and the callers' side by side", () => {
    const { routes, sidecar } = summarise(parseExposition(scrape()), new Map([["r", tally()]]), []);
    assert.deepEqual(sidecar, { version: "0.1.0", rssBytes: 73_400_320 });
    const [route, none] = routes;
    assert.equal(none, undefined);
    assert.deepEqual(route?.variants[0], {
      name: "v1",
      role: "champion",
      requests: 5,
      errors: 1,
      rowsScored: 6,
      p50Ms: 1.5,
      p99Ms: 1.99,
      scoreMean: 0.3,
      scoreHistogram: [
        { le: 0, count: 0 },
        { le: 0.5, count: 4 },
        { le: 1, count: 2 },
        { le: "+Inf", count: 0 },
      ],
      weight: 0.8,
      users: 3,
      share: 1,
      rowsAnswered: 6,
    });
  });

  it("shows a variant that nobody met with zeros and nulls", () => {
    const v2 = summarise(parseExposition(scrape()), new Map([["r", tally()]]), []).routes[0]?.variants[1];
    assert.deepEqual(
      [v2?.requests, v2?.users, v2?.share, v2?.p50Ms, v2?.scoreMean, v2?.scoreHistogram],
      [0, 0, 0, null, null, []],
    );
  });

  it("counts a shadow's copies and drops apart from live calls", () => {
    const [v3] = summarise(parseExposition(scrape()), new Map([["r", tally()]]), []).routes[0]?.shadows ?? [];
    assert.deepEqual(
      [v3?.name, v3?.requests, v3?.dropped, v3?.dropReasons, v3?.p50Ms],
      ["v3", 2, 4, { in_flight_full: 3, breaker_open: 1 }, 2],
    );
  });

  it("takes shares of distinct users, not of calls", () => {
    const shared = tallyOf([1, "v1", 1], [1, "v1", 1], [1, "v1", 1], [2, "v2", 1]);
    const { variants } = summarise(parseExposition(scrape()), new Map([["r", shared]]), []).routes[0] ?? {
      variants: [],
    };
    assert.deepEqual(
      variants.map(({ share }) => share),
      [0.5, 0.5],
    );
  });

  it("counts calls of all routes, those that failed apart, and hands on what changed", () => {
    const failed = tally();
    failed.failed("14: gone");
    const changes = [{ command: null, printed: null, tookMs: 1, leftOut: 0, routes: [] }];
    const tallies = new Map([["r", failed] as const, ["other", tally()] as const]);
    const report = summarise(parseExposition(scrape()), tallies, changes);
    assert.deepEqual([report.calls, report.changes], [{ answered: 8, failed: 1 }, changes]);
  });

  for (const { what, text, is } of [
    { what: "once every row answered is scored and nothing is under way", text: scrape(), is: true },
    { what: "not while rows are still to be scored", text: scrape(5), is: false },
    { what: "not while a call is under way", text: scrape().replace('"upstream"} 0', '"upstream"} 1'), is: false },
  ]) {
    it(`is settled ${what}`, () => {
      const samples = parseExposition(text);
      assert.equal(isSettled(samples, summarise(samples, new Map([["r", tally()]]), [])), is);
    });
  }
});
