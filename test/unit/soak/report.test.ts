import assert from "node:assert/strict";
import { agreement, leftOver } from "../../soak/agreement.ts";
import { type Findings, formatReport, judge } from "../../soak/report.ts";
import type { Figures } from "../../soak/tally.ts";
import { parseExposition } from "../../support/exposition.ts";

const figures: Figures = {
  started: 1_000,
  heldBack: 0,
  fences: 2,
  connections: 8,
  outcomes: { 0: 950, 4: 20, 14: 10, cancelled: 20 },
  byKind: { predict: { 0: 950, 14: 10 }, cancelled: { cancelled: 20 }, deadline: { 4: 20 } },
  minutes: [{ minute: 0, calls: 950, p50Ms: 1, p99Ms: 5 }],
  examples: [],
};

const steady = Array.from({ length: 20 }, (_, i) => ({ atMs: i * 3_000, value: 20 }));

const good: Findings = {
  options: { minutes: 1, rate: 10, seed: 1, json: undefined },
  seconds: 60,
  interrupted: false,
  figures,
  unrest: { "weights changed": 60 },
  samples: { heapBytes: steady, buffersBytes: steady, residentBytes: steady, descriptors: steady },
  processorSeconds: 1,
  agreement: [],
  ended: "exit code 0",
  troubles: [],
};

const failing = (findings: Partial<Findings>): string[] =>
  judge({ ...good, ...findings })
    .checks.filter(({ holds }) => !holds)
    .map(({ what }) => what);

describe("a soak's report", () => {
  it("passes where nothing is wrong, and has every figure", () => {
    const report = judge(good);
    assert.equal(report.passed, true);
    const text = formatReport(report);
    for (const part of [
      /1,000 calls in 60 s/,
      /OK +950/,
      /DEADLINE_EXCEEDED +20/,
      /weights changed 60x/,
      /soak passed/,
    ]) {
      assert.match(text, part);
    }
  });

  const leaking = steady.map(({ atMs }, i) => ({ atMs, value: i * 1_048_576 }));
  for (const [what, findings] of [
    ["no call is lost", { figures: { ...figures, outcomes: { ...figures.outcomes, 0: 949, lost: 1 } } }],
    ["no answer is wrong", { figures: { ...figures, outcomes: { ...figures.outcomes, 0: 949, wrong: 1 } } }],
    ["every call has one outcome", { figures: { ...figures, outcomes: { ...figures.outcomes, 0: 949 } } }],
    ["the load was there", { options: { ...good.options, rate: 1_000 } }],
    ["heap after collection stays flat", { samples: { ...good.samples, heapBytes: leaking } }],
    ["descriptors stays flat", { samples: { ...good.samples, descriptors: leaking } }],
    ["the sidecar ended in order", { ended: "signal SIGKILL" }],
    ["the soak itself had no trouble", { troubles: ["a model did not start"] }],
    ["calls with OK", { agreement: [{ what: "calls with OK", holds: false, detail: "" }] }],
  ] as const) {
    it(`fails for this alone: ${what}`, () => {
      assert.deepEqual(failing(findings), [what]);
      assert.equal(judge({ ...good, ...findings }).passed, false);
    });
  }

  it("of a soak that was interrupted at once can't tell a slope, and holds that against nobody", () => {
    const few = steady.slice(0, 3);
    const samples = { heapBytes: few, buffersBytes: few, residentBytes: few, descriptors: few };
    assert.equal(failing({ samples }).length, 4);
    assert.deepEqual(failing({ samples, interrupted: true }), []);
  });
});

describe("the agreement of sidecar and callers", () => {
  const lines = [
    "# TYPE contender_requests_total counter",
    'contender_requests_total{traffic="live",grpc_code="OK",variant="v41"} 951',
    'contender_requests_total{traffic="live",grpc_code="DEADLINE_EXCEEDED",variant="v41"} 20',
    'contender_requests_total{traffic="live",grpc_code="UNAVAILABLE",variant="v41"} 10',
    'contender_requests_total{traffic="live",grpc_code="CANCELLED",variant="v41"} 19',
    'contender_requests_total{traffic="shadow",grpc_code="OK",variant="v43"} 500',
    "# TYPE contender_assignments_total counter",
    'contender_assignments_total{reason="weight"} 1000',
    "# TYPE contender_local_replies_total counter",
    'contender_local_replies_total{reason="bad_timeout"} 2',
    "# TYPE contender_streams_active gauge",
    'contender_streams_active{side="upstream"} 0',
    "# TYPE contender_route_weight_ratio gauge",
    'contender_route_weight_ratio{route="streams",variant="v41"} 0.9',
  ];
  const failed = (...changes: readonly (readonly [string, string])[]): string[] => {
    const text = changes.reduce((all, [from, to]) => all.replace(from, to), lines.join("\n"));
    return agreement(parseExposition(text), figures, 90)
      .filter(({ holds }) => !holds)
      .map(({ what }) => what);
  };

  it("holds where a call that the caller took back may have been answered", () => {
    assert.deepEqual(failed(), []);
  });

  it("does not hold by a single call", () => {
    assert.deepEqual(failed(["} 951", "} 952"]), ["calls in the sidecar's counters"]);
    assert.deepEqual(failed(["DEADLINE_EXCEEDED", "INTERNAL"]), [
      "calls with DEADLINE_EXCEEDED",
      "calls with INTERNAL",
    ]);
    assert.deepEqual(failed(["} 1000", "} 999"]), ["assignments"]);
    assert.deepEqual(failed(['bad_timeout"} 2', 'bad_timeout"} 3']), ["refused fences"]);
    assert.deepEqual(failed(["} 0.9", "} 0.8"]), ["the weights written last are in force"]);
  });

  it("takes memory to read into for what is kept, as far as sockets and those to come need it", () => {
    const said = (bytes: number): string[] => {
      const kept = ["# TYPE contender_buffered_bytes gauge", `contender_buffered_bytes{kind="read_memory"} ${bytes}`];
      return agreement(parseExposition([...lines, ...kept].join("\n")), figures, 90)
        .filter(({ holds }) => !holds)
        .map(({ what }) => what);
    };
    const pieces = 64;
    assert.deepEqual(said(pieces * 65_536), []);
    assert.deepEqual(said(pieces * 65_536 + 1), ["memory to read into"]);
  });

  it("knows what is left under way", () => {
    const metrics = parseExposition(lines.join("\n").replace('side="upstream"} 0', 'side="upstream"} 3'));
    assert.deepEqual(leftOver(metrics), ["contender_streams_active upstream 3"]);
  });
});
