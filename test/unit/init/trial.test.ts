import assert from "node:assert/strict";
import type { Answer, RawAnswer } from "../../../src/init/model-server.ts";
import { type Callee, longestTrialMs, tryOut, warmUpCalls } from "../../../src/init/trial.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const request = Buffer.from("row");
const refused: Answer<RawAnswer> = { ok: false, code: 3, text: "INVALID_ARGUMENT: no" };
const answered = (variant?: string): Answer<RawAnswer> => ({ ok: true, value: { message: Buffer.alloc(0), variant } });

/** A server and a sidecar that take as long as they are told, by a clock that nothing else moves. */
class Stage {
  readonly clock = new ManualClock();
  readonly order: string[] = [];
  readonly abort = new AbortController();

  callee(name: string, takesMs: (call: number) => number, answer: (call: number) => Answer<RawAnswer>): Callee {
    let calls = 0;
    return {
      askRaw: (path, message) => {
        assert.deepEqual([path, message], ["/s/m", request]);
        this.order.push(name);
        this.clock.advance(takesMs(calls));
        return Promise.resolve(answer(calls++));
      },
    };
  }

  try(direct: Callee, sidecar: Callee, calls: number) {
    return tryOut(direct, sidecar, { path: "/s/m", request, calls, clock: this.clock, signal: this.abort.signal });
  }
}

describe("a trial", () => {
  it("measures pairs, one after the other, and who goes first changes", async () => {
    const stage = new Stage();
    const direct = stage.callee(
      "direct",
      (call) => (call < warmUpCalls ? 0 : call - warmUpCalls + 1),
      () => answered(),
    );
    const sidecar = stage.callee(
      "sidecar",
      (call) => (call < warmUpCalls ? 0 : 10),
      () => answered("v1"),
    );
    const trial = await stage.try(direct, sidecar, 3);
    assert.deepEqual(
      [trial.directMs, trial.sidecarMs],
      [
        [1, 2, 3],
        [10, 10, 10],
      ],
    );
    assert.deepEqual(stage.order.slice(-6), ["direct", "sidecar", "sidecar", "direct", "direct", "sidecar"]);
    assert.deepEqual([trial.directFailed, trial.sidecarFailed, trial.variant], [0, 0, "v1"]);
  });

  it("does not count the calls that warm up", async () => {
    const stage = new Stage();
    const callee = (name: string) =>
      stage.callee(
        name,
        () => 0,
        (call) => (call < 5 ? refused : answered()),
      );
    const trial = await stage.try(callee("direct"), callee("sidecar"), 5);
    assert.equal(stage.order.length, 2 * (warmUpCalls + 5));
    assert.deepEqual([trial.directMs.length, trial.directFailed, trial.sidecarFailed], [5, 0, 0]);
  });

  it("counts a pair only where both were answered, and failures by side", async () => {
    const stage = new Stage();
    const direct = stage.callee(
      "direct",
      () => 0,
      (call) => (call === warmUpCalls ? refused : answered()),
    );
    const sidecar = stage.callee(
      "sidecar",
      () => 0,
      (call) => (call >= warmUpCalls + 3 ? refused : answered()),
    );
    const { directMs, sidecarMs, directFailed, sidecarFailed, failure } = await stage.try(direct, sidecar, 5);
    assert.deepEqual([directMs.length, sidecarMs.length, directFailed, sidecarFailed], [2, 2, 1, 2]);
    assert.equal(failure, refused);
  });

  it("gives up when nothing is answered", async () => {
    const stage = new Stage();
    const trial = await stage.try(
      stage.callee(
        "direct",
        () => 0,
        () => answered(),
      ),
      stage.callee(
        "sidecar",
        () => 0,
        () => refused,
      ),
      1_000,
    );
    assert.equal(trial.sidecarFailed, 10);
  });

  it("of a slow model ends in time, with at least one pair", async () => {
    const stage = new Stage();
    const slow = (name: string) =>
      stage.callee(
        name,
        () => longestTrialMs,
        () => answered(),
      );
    const trial = await stage.try(slow("direct"), slow("sidecar"), 100);
    assert.equal(trial.directMs.length, 1);
    // One pair to warm up, one to count.
    assert.equal(stage.order.length, 4);
  });

  it("of no calls makes none", async () => {
    const stage = new Stage();
    await stage.try(
      stage.callee(
        "direct",
        () => 0,
        () => answered(),
      ),
      stage.callee(
        "sidecar",
        () => 0,
        () => answered(),
      ),
      0,
    );
    assert.deepEqual(stage.order, []);
  });

  it("ends when it is told to", async () => {
    const stage = new Stage();
    const direct = stage.callee(
      "direct",
      () => 0,
      (call) => {
        if (call === 3) stage.abort.abort();
        return answered();
      },
    );
    await stage.try(
      direct,
      stage.callee(
        "sidecar",
        () => 0,
        () => answered(),
      ),
      100,
    );
    assert.equal(stage.order.length, 8);
  });
});
