import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type Flushable, FlushLoop } from "../../../src/transport/flush-loop.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function setUp() {
  const clock = new ManualClock({ nowMs: 50 });
  const flushed: string[] = [];
  const link = (name: string, then: () => void = () => undefined): Flushable => ({
    flush: () => {
      flushed.push(name);
      then();
    },
  });
  return { clock, flushed, loop: new FlushLoop(clock), link };
}

describe("the flush loop", () => {
  it("flushes at the end of the turn, in the order of asking", async () => {
    const { loop, link, flushed } = setUp();
    loop.add(link("a"));
    loop.add(link("b"));
    assert.deepEqual(flushed, []);
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b"]);
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b"]);
  });

  it("flushes what asks again meanwhile in the turn after", async () => {
    const { loop, link, flushed } = setUp();
    const again = link("again");
    loop.add(link("a", () => loop.add(again)));
    loop.add(link("b"));
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b"]);
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b", "again"]);
  });

  it("flushes what nobody waits for after all others", async () => {
    const { loop, link, flushed } = setUp();
    loop.addLate(link("late"));
    loop.add(link("a"));
    await setImmediate();
    assert.deepEqual(flushed, ["a", "late"]);
  });

  it("flushes at the end of a read that stands alone", () => {
    const { loop, link, flushed } = setUp();
    loop.beginRead();
    loop.add(link("a"));
    loop.addLate(link("late"));
    assert.deepEqual(flushed, []);
    loop.endRead(100);
    assert.deepEqual(flushed, ["a", "late"]);
  });

  it("gathers the reads of one turn", async () => {
    const { clock, loop, link, flushed } = setUp();
    loop.beginRead();
    loop.endRead(100);
    for (const name of ["a", "b"]) {
      clock.advance(0.02);
      loop.beginRead();
      loop.add(link(name));
      loop.endRead(100);
    }
    assert.deepEqual(flushed, []);
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b"]);
  });

  it("gathers reads that follow each other however long each of them takes", async () => {
    const { clock, loop, link, flushed } = setUp();
    loop.beginRead();
    clock.advance(1);
    loop.endRead(100);
    clock.advance(0.02);
    loop.beginRead();
    loop.add(link("a"));
    clock.advance(1);
    loop.endRead(100);
    assert.deepEqual(flushed, []);
    await setImmediate();
    assert.deepEqual(flushed, ["a"]);
  });

  it("waits after a long read that stands alone: the rest of it follows", async () => {
    const { loop, link, flushed } = setUp();
    loop.beginRead();
    loop.add(link("a"));
    loop.endRead(65_536);
    assert.deepEqual(flushed, []);
    await setImmediate();
    assert.deepEqual(flushed, ["a"]);
  });

  it("tells when the read under way began, however long it has taken, and whatever is read within it", () => {
    const { clock, loop } = setUp();
    const startMs = clock.nowMs();
    loop.beginRead();
    clock.advance(3);
    loop.beginRead();
    assert.equal(loop.readMs, startMs);
    loop.endRead(1);
    loop.endRead(1);
    loop.beginRead();
    assert.equal(loop.readMs, startMs + 3);
  });

  it("flushes at the end of a read again once reads come one at a time", () => {
    const { clock, loop, link, flushed } = setUp();
    for (const name of ["a", "b"]) {
      clock.advance(1);
      loop.beginRead();
      loop.add(link(name));
      loop.endRead(100);
      assert.equal(flushed.at(-1), name);
    }
  });

  it("keeps to the end of the turn what others asked for before a read", async () => {
    const { clock, loop, link, flushed } = setUp();
    loop.add(link("a"));
    clock.advance(1);
    loop.beginRead();
    loop.add(link("b"));
    loop.endRead(100);
    assert.deepEqual(flushed, []);
    await setImmediate();
    assert.deepEqual(flushed, ["a", "b"]);
  });

  it("takes a read within a read for one", () => {
    const { loop, link, flushed } = setUp();
    loop.beginRead();
    loop.beginRead();
    loop.add(link("a"));
    loop.endRead(100);
    assert.deepEqual(flushed, []);
    loop.endRead(100);
    assert.deepEqual(flushed, ["a"]);
  });
});
