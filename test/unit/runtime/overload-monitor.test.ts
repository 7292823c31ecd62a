import assert from "node:assert/strict";
import { Overload, overloadLevel } from "../../../src/resilience/overload.ts";
import { resolveOverloadOptions } from "../../../src/resilience/overload-options.ts";
import { OverloadMonitor } from "../../../src/runtime/overload-monitor.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A loop, a heap and a memory of which a test says how they are. */
function watched() {
  const manual = new ManualClock();
  let aheadMs = 0;
  const state = { heap: 0.1, memory: 0.1, buffered: 0.1, reads: 0, everyBytes: 0, collections: 0 };
  let read: () => void = () => undefined;
  const told: string[] = [];
  const clock = {
    nowMs: () => manual.nowMs() + aheadMs,
    wallMs: () => manual.wallMs(),
    after: (delayMs: number, fn: () => void) => manual.after(delayMs, fn),
  };
  const overload = new Overload(resolveOverloadOptions());
  const monitor = new OverloadMonitor({
    clock,
    overload,
    machine: {
      heap: () => {
        state.reads++;
        return { usedBytes: state.heap * 1_000, limitBytes: 1_000 };
      },
      memory: () => ({ usedBytes: state.memory * 1_000, limitBytes: 1_000 }),
      collect: () => state.collections++,
    },
    everyBytes: (bytes, fn) => {
      state.everyBytes = bytes;
      read = fn;
    },
    buffered: () => state.buffered,
    onChange: (step, resource) => told.push(`${step} ${resource}`),
  });
  const stall = (ms: number): void => {
    aheadMs += ms;
    manual.advance(50);
  };
  return { manual, state, told, overload, monitor, stall, read: () => read() };
}

describe("the overload monitor", () => {
  it("sees a stall of half a second at its first turn, and forgives it within another half", () => {
    const { manual, overload, stall } = watched();
    manual.advance(200);
    assert.equal(overload.level, overloadLevel.none);
    stall(500);
    assert.equal(overload.level, overloadLevel.shedding);
    assert.equal(overload.stalledMs, 500);
    manual.advance(200);
    assert.equal(overload.level, overloadLevel.shadowsOff);
    manual.advance(300);
    assert.equal(overload.level, overloadLevel.none);
  });

  for (const resource of ["heap", "memory", "buffered"] as const) {
    it(`reads ${resource} within a quarter of a second`, () => {
      const { manual, state, overload } = watched();
      manual.advance(100);
      state[resource] = 0.95;
      manual.advance(300);
      assert.deepEqual([overload.level, overload.worst], [overloadLevel.shedding, resource]);
      state[resource] = 0.5;
      manual.advance(300);
      assert.equal(overload.level, overloadLevel.none);
    });
  }

  it("reads memory at once when a sixty-fourth of it has come in", () => {
    const { state, overload, read } = watched();
    assert.equal(state.everyBytes, 1_000 / 64);
    state.heap = 0.95;
    read();
    assert.equal(overload.level, overloadLevel.shedding);
  });

  it("reads memory four times a second, not at every turn", () => {
    const { manual, state } = watched();
    manual.advance(10_000);
    assert.ok(state.reads >= 40 && state.reads <= 42, String(state.reads));
  });

  it("tells what changes, at most once a second, and how it ended", () => {
    const { manual, told, state } = watched();
    for (let i = 0; i < 8; i++) {
      state.heap = i % 2 === 0 ? 0.95 : 0.5;
      manual.advance(250);
    }
    manual.advance(2_000);
    assert.ok(told.length <= 4, told.join());
    assert.deepEqual([told[0], told.at(-1)], ["shedding heap", "none heap"]);
  });

  it("asks for a collection while memory is short, and for none otherwise", () => {
    const { manual, state } = watched();
    state.heap = 0.95;
    manual.advance(1_000);
    assert.equal(state.collections, 0);
    state.memory = 0.95;
    manual.advance(1_000);
    assert.equal(state.collections, 4);
    state.memory = 0.1;
    manual.advance(1_000);
    assert.equal(state.collections, 4);
  });

  it("gives each resource's reading as a part of its mark", () => {
    const { manual, state, monitor } = watched();
    state.memory = 0.425;
    manual.advance(300);
    assert.equal(Object.fromEntries(monitor.pressures()).memory, 0.5);
  });

  it("leaves no timer behind", () => {
    const { manual, monitor } = watched();
    monitor.close();
    assert.equal(manual.pending, 0);
  });
});
