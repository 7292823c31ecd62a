import assert from "node:assert/strict";
import type { Clock } from "../../../../src/base/clock.ts";
import { Heartbeats } from "../../../../src/control/watch/heartbeats.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const heartbeatMs = 30_000;

function setUp() {
  const clock = new ManualClock();
  const heard = new Map<string, number[]>();
  const heartbeats = new Heartbeats<string>(clock, heartbeatMs, (stream) => {
    heard.set(stream, [...(heard.get(stream) ?? []), clock.nowMs()]);
  });
  return { clock, heard, heartbeats };
}

describe("heartbeats", () => {
  it("reach every stream once in each, whoever else comes and goes", () => {
    const { clock, heard, heartbeats } = setUp();
    const stay = Array.from({ length: 100 }, (_, i) => `stay-${i}`);
    const leaving = Array.from({ length: 100 }, (_, i) => `leaving-${i}`);
    for (const stream of [...stay, ...leaving]) heartbeats.add(stream);
    for (let tick = 0; tick < 60; tick++) {
      for (const stream of leaving.splice(0, tick % 7)) heartbeats.remove(stream);
      for (let i = 0; i < 500; i++) heartbeats.add(`new-${tick}-${i}`);
      clock.advance(heartbeatMs / 10);
    }
    for (const stream of stay) {
      const times = heard.get(stream) ?? [];
      assert.equal(times.length, 6);
      const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
      assert.ok(Math.max(...gaps) <= heartbeatMs, `${stream} waited ${Math.max(...gaps)} ms`);
    }
  });

  it("are spread evenly over streams that come at once", () => {
    const { clock, heard, heartbeats } = setUp();
    for (let i = 0; i < 3_000; i++) heartbeats.add(String(i));
    clock.advance(heartbeatMs);
    const turns = Map.groupBy([...heard.values()].flat(), (time) => time);
    assert.deepEqual([...new Set([...turns.values()].map(({ length }) => length))], [100]);
  });

  it("do not reach a stream that has gone, also within a turn", () => {
    const clock = new ManualClock();
    const heard: string[] = [];
    const heartbeats = new Heartbeats<string>(clock, heartbeatMs, (stream) => {
      heard.push(stream);
      for (let i = 0; i < 60; i++) heartbeats.remove(String(i));
    });
    for (let i = 0; i < 60; i++) heartbeats.add(String(i));
    clock.advance(2 * heartbeatMs);
    assert.equal(heard.length, 1);
  });

  it("are not made up for after a machine slept, and no turn is lost to a loop that is late", () => {
    const clock = new ManualClock();
    const heard: number[] = [];
    let lateMs = 40;
    const slow: Clock = {
      wallMs: () => clock.wallMs(),
      nowMs: () => clock.nowMs(),
      after: (ms, fn) => clock.after(ms + lateMs, fn),
    };
    const heartbeats = new Heartbeats<string>(slow, heartbeatMs, () => void heard.push(clock.nowMs()));
    heartbeats.add("a");
    clock.advance(10 * heartbeatMs + 40);
    assert.equal(heard.length, 10);
    lateMs = 3_600_000;
    clock.advance(2_000);
    lateMs = 0;
    clock.advance(3_600_000);
    assert.ok(heard.length <= 12, `${heard.length}`);
  });

  it("end with the service", () => {
    const { clock, heartbeats } = setUp();
    heartbeats.close();
    assert.equal(clock.pending, 0);
  });
});
