import assert from "node:assert/strict";
import { lagMarks, memoryMarks, nextLevel, Overload, overloadLevel } from "../../../src/resilience/overload.ts";
import { resolveOverloadOptions } from "../../../src/resilience/overload-options.ts";

const options = resolveOverloadOptions({
  shadowLagMs: 100,
  shedLagMs: 300,
  shadowMemoryPercent: 80,
  shedMemoryPercent: 90,
});
const { none, shadowsOff, shedding } = overloadLevel;

describe("the level of a resource", () => {
  const lag = lagMarks(options);
  const memory = memoryMarks(options);
  const rows = [
    ["stays none below every mark", lag, none, 99.9, none],
    ["is shadows off at the first mark", lag, none, 100, shadowsOff],
    ["is shedding at the second mark, from below both", lag, none, 300, shedding],
    ["stays shadows off until half of its mark", lag, shadowsOff, 50.1, shadowsOff],
    ["is none again at half of its mark", lag, shadowsOff, 50, none],
    ["stays shedding until half of its mark", lag, shedding, 150.1, shedding],
    ["goes back by one step where the reading is between the marks", lag, shedding, 150, shadowsOff],
    ["goes back by two where the reading is below both", lag, shedding, 0, none],
    ["of memory is shadows off at its percentage", memory, none, 0.8, shadowsOff],
    ["of memory is shedding at its percentage", memory, shadowsOff, 0.9, shedding],
    ["of memory stays shedding within five points of its mark", memory, shedding, 0.851, shedding],
    ["of memory admits calls five points below its mark", memory, shedding, 0.85, shadowsOff],
    ["of memory has its shadows again five points below their mark", memory, shadowsOff, 0.75, none],
  ] as const;
  for (const [what, marks, before, reading, expected] of rows) {
    it(what, () => assert.equal(nextLevel(before, reading, marks), expected));
  }

  it("does not flap at the edge of a mark", () => {
    const levels: number[] = [];
    let level: number = none;
    for (const reading of [0.79, 0.81, 0.79, 0.81, 0.79]) {
      level = nextLevel(level, reading, memory);
      levels.push(level);
    }
    assert.deepEqual(levels, [none, shadowsOff, shadowsOff, shadowsOff, shadowsOff]);
  });
});

describe("an overload", () => {
  function watched() {
    const entered: string[] = [];
    const overload = new Overload(options, (level, resource) => entered.push(`${level} ${resource}`));
    return { overload, entered };
  }

  it("is as bad as its worst resource, which it names", () => {
    const { overload } = watched();
    overload.read("event_loop", 120);
    overload.read("heap", 0.95);
    overload.read("memory", 0.1);
    assert.deepEqual([overload.level, overload.worst], [shedding, "heap"]);
  });

  it("ends when the last resource has recovered", () => {
    const { overload } = watched();
    overload.read("event_loop", 400);
    overload.read("buffered", 0.85);
    overload.read("event_loop", 0);
    assert.deepEqual([overload.level, overload.worst], [shadowsOff, "buffered"]);
    overload.read("buffered", 0.5);
    assert.equal(overload.level, none);
  });

  it("tells of each step that it takes, and of none that it takes back", () => {
    const { overload, entered } = watched();
    overload.read("memory", 0.82);
    overload.read("heap", 0.99);
    overload.read("heap", 0.1);
    overload.read("memory", 0.1);
    overload.read("event_loop", 500);
    assert.deepEqual(entered, ["1 memory", "2 heap", "1 event_loop", "2 event_loop"]);
  });

  it("tells pressure as a part of the mark at which calls are refused", () => {
    const { overload } = watched();
    assert.deepEqual([overload.pressure("event_loop", 150), overload.pressure("heap", 0.9)], [0.5, 1]);
  });
});
