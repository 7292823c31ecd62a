import assert from "node:assert/strict";
import { connectionFaults, streamFaults } from "../../../src/base/connection-ends.ts";
import { grpcStatusNames } from "../../../src/grpc/status.ts";
import { errorCode } from "../../../src/http2/constants.ts";
import { faultOf, streamFaultOf } from "../../../src/http2/faults.ts";
import { catalogue, type MetricDefinition } from "../../../src/observe/catalogue.ts";
import { grpcCodes, indexesOf, plainStatuses, plainStatusIndex } from "../../../src/observe/labels.ts";

describe("label sets", () => {
  it("name gRPC codes as the status table does", () => {
    assert.deepEqual(grpcCodes, grpcStatusNames);
  });

  it("name a connection's faults as the codec does", () => {
    const found = new Set(Object.values(errorCode).map(faultOf));
    assert.deepEqual(
      connectionFaults.filter((fault) => found.has(fault)),
      ["protocol", "frame_size", "flow_control", "stream_closed", "compression"],
    );
    assert.equal(found.size, 5);
  });

  it("name a stream's faults as the codec does", () => {
    const found = new Set(Object.values(errorCode).map(streamFaultOf));
    assert.deepEqual(
      streamFaults.filter((fault) => found.has(fault)),
      streamFaults,
    );
    assert.equal(found.size, streamFaults.length);
  });

  it("give each word its position", () => {
    assert.deepEqual(indexesOf(["a", "b"]), { a: 0, b: 1 });
  });
});

describe("an HTTP status", () => {
  for (const [status, label] of [
    [0, "aborted"],
    [200, "2xx"],
    [299, "2xx"],
    [304, "3xx"],
    [404, "4xx"],
    [500, "5xx"],
    [599, "5xx"],
    [999, "5xx"],
  ] as const) {
    it(`${status} counts as ${label}`, () => {
      assert.equal(plainStatuses[plainStatusIndex(status)], label);
    });
  }
});

describe("catalogue", () => {
  const definitions = Object.entries<MetricDefinition>(catalogue);

  it("has only names and labels that Prometheus takes, and none that it keeps for itself", () => {
    for (const [name, { labels }] of definitions) {
      assert.match(name, /^contender_[a-z_]+$/);
      assert.equal(new Set(labels).size, labels.length);
      for (const label of labels) assert.match(label, /^(?!__|le$|quantile$)[a-z][a-z_]*$/, name);
    }
  });

  it("ends a counter's name, and only a counter's, in _total", () => {
    for (const [name, { type }] of definitions) assert.equal(name.endsWith("_total"), type === "counter", name);
  });

  it("says a variant's role in one metric only, so that a promotion breaks no series", () => {
    const withRole = definitions.filter(([, { labels }]) => labels.includes("role")).map(([name]) => name);
    assert.deepEqual(withRole, ["contender_variant_info"]);
  });

  it("keeps kinds of traffic apart wherever calls of both are counted", () => {
    const kept = definitions.filter(([, { labels }]) => labels.includes("traffic")).map(([name]) => name);
    assert.deepEqual(kept, [
      "contender_requests_total",
      "contender_request_duration_seconds",
      "contender_upstream_duration_seconds",
      "contender_score",
      "contender_score_invalid_total",
      "contender_breaker_open",
    ]);
  });
});
