import assert from "node:assert/strict";
import { grpcStatus, grpcStatusOfReset } from "../../../src/grpc/status.ts";
import {
  type BreakerVerdict,
  breakerVerdict,
  countsAsFailure,
  failedStatuses,
  isFairTimeout,
  judgedStatus,
} from "../../../src/resilience/classify.ts";

describe("what a call says about its upstream", () => {
  const answered: Record<keyof typeof grpcStatus, BreakerVerdict> = {
    OK: "success",
    CANCELLED: "neither",
    UNKNOWN: "failure",
    INVALID_ARGUMENT: "success",
    DEADLINE_EXCEEDED: "neither",
    NOT_FOUND: "success",
    ALREADY_EXISTS: "success",
    PERMISSION_DENIED: "success",
    RESOURCE_EXHAUSTED: "neither",
    FAILED_PRECONDITION: "success",
    ABORTED: "success",
    OUT_OF_RANGE: "success",
    UNIMPLEMENTED: "success",
    INTERNAL: "failure",
    UNAVAILABLE: "failure",
    DATA_LOSS: "failure",
    UNAUTHENTICATED: "success",
  };
  for (const [name, want] of Object.entries(answered)) {
    it(`is ${want} where it answers ${name}`, () => {
      const code = grpcStatus[name as keyof typeof grpcStatus];
      assert.equal(breakerVerdict(code, "answered", false), want);
      assert.equal(countsAsFailure(code, "answered", false), want === "failure");
    });
  }

  it("is failure where a deadline ran out that we had set, whoever noticed first", () => {
    assert.equal(breakerVerdict(grpcStatus.DEADLINE_EXCEEDED, "answered", true), "failure");
    assert.equal(breakerVerdict(grpcStatus.DEADLINE_EXCEEDED, "reset", true), "failure");
  });

  it("is nothing where the caller's own deadline was too short", () => {
    assert.equal(breakerVerdict(grpcStatus.DEADLINE_EXCEEDED, "gone", false), "neither");
  });

  for (const transport of ["connect_failed", "reset", "gone", "protocol"] as const) {
    it(`is failure where the transport says ${transport}, whatever status we made of it`, () => {
      for (const code of [grpcStatus.OK, grpcStatus.UNAVAILABLE, grpcStatus.CANCELLED, grpcStatus.PERMISSION_DENIED]) {
        assert.equal(breakerVerdict(code, transport, false), "failure");
      }
    });
  }

  it("is nothing where the upstream resets with ENHANCE_YOUR_CALM: it asks for less, not for none", () => {
    assert.equal(breakerVerdict(grpcStatusOfReset(11), "reset", false), "neither");
  });

  it("is nothing where we cancelled, even if a failure or an answer came at the same moment", () => {
    for (const code of Object.values(grpcStatus)) {
      for (const ours of [true, false]) assert.equal(breakerVerdict(code, "cancelled", ours), "neither");
    }
  });

  for (const code of [-1, 17, 99, Number.NaN]) {
    it(`is failure where it answers ${code}, which gRPC does not know`, () => {
      assert.equal(breakerVerdict(code, "answered", false), "failure");
    });
  }

  it("is judged by gRPC's own numbers", () => {
    const { OK, CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED } = grpcStatus;
    const { UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS } = grpcStatus;
    assert.deepEqual({ OK, CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED }, judgedStatus);
    assert.deepEqual([UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS], failedStatuses);
  });
});

describe("a time-out of ours", () => {
  for (const [stalledMs, fair] of [
    [0, true],
    [24, true],
    [25, false],
    [500, false],
  ] as const) {
    it(`of 100 ms says ${fair ? "something" : "nothing"} of the upstream where we stood still for ${stalledMs}`, () => {
      assert.equal(isFairTimeout(100, stalledMs), fair);
    });
  }
});
