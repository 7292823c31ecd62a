import assert from "node:assert/strict";
import type { DropReason } from "../../../src/compare/drop-reason.ts";
import { LineWriter, type LineWriterOptions } from "../../../src/compare/line-writer.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type Attempt, ScriptedSink } from "../../support/scripted-sink.ts";
import { turns, until } from "../../support/until.ts";

function writing(options: LineWriterOptions = {}, ...script: readonly Attempt[]) {
  const clock = new ManualClock();
  const sink = new ScriptedSink(...script);
  const states: unknown[] = [];
  const writer = new LineWriter({ clock, sink, onState: (failing) => states.push(failing) }, options);
  const dropped: Partial<Record<DropReason, number>> = {};
  const add = (...lines: readonly string[]): void => {
    for (const line of lines) {
      writer.add(line, (reason, count) => {
        dropped[reason] = (dropped[reason] ?? 0) + count;
      });
    }
  };
  const settled = (): Promise<void> => until(() => writer.held === 0, "nothing is held");
  return { clock, sink, states, writer, dropped, add, settled };
}

const lines = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `line ${from + i}\n`);

describe("a line writer", () => {
  it("writes the first line at once, and those that follow closely together, a pause later", async () => {
    const { clock, sink, add, settled } = writing({ flushMs: 200 });
    add("one\n");
    await settled();
    add("two\n", "three\n");
    clock.advance(199);
    await turns();
    assert.deepEqual(sink.taken, ["one\n"]);
    clock.advance(1);
    await settled();
    assert.deepEqual(sink.taken, ["one\n", "two\nthree\n"]);
  });

  it("does not let a full batch wait", async () => {
    const { sink, add, settled } = writing({ flushMs: 200, batchBytes: 14 });
    add("first\n");
    await settled();
    add(...lines(4));
    await until(() => sink.text.includes("line 3"), "the fourth is written");
    assert.deepEqual(sink.taken, ["first\n", "line 0\nline 1\n", "line 2\nline 3\n"]);
  });

  it("writes one batch at a time, and in order, however slow that is", async () => {
    const { clock, sink, add, settled } = writing({ flushMs: 0 });
    sink.hold();
    add(...lines(3));
    await turns();
    assert.equal(sink.starts.length, 1);
    add(...lines(3, 3));
    sink.release();
    clock.advance(0);
    await settled();
    assert.equal(sink.text, lines(6).join(""));
  });

  it("goes on where a part was taken", async () => {
    const { sink, add, settled } = writing({}, { written: 3 }, { written: 2 });
    add("abcdefgh\n");
    await settled();
    assert.deepEqual(
      [sink.taken, sink.starts],
      [
        ["abc", "de", "fgh\n"],
        [0, 3, 5],
      ],
    );
  });

  it("waits for a pipe that takes no more for now, and drops nothing", async () => {
    const { clock, sink, add, settled, dropped, states } = writing({ busyMs: 20 }, { code: "EAGAIN", written: 2 });
    add("abcdefgh\n");
    await until(() => clock.pending === 1, "it waits");
    clock.advance(19);
    await turns();
    assert.equal(sink.starts.length, 1);
    clock.advance(1);
    await settled();
    assert.deepEqual([sink.taken, dropped, states], [["ab", "cdefgh\n"], {}, []]);
  });

  it("holds so many lines and no more, those that are being written included", async () => {
    const { clock, sink, add, settled, dropped } = writing({ maxLines: 3 });
    sink.hold();
    add(...lines(5));
    assert.deepEqual(dropped, { buffer_full: 2 });
    sink.release();
    clock.advance(0);
    await turns();
    clock.advance(200);
    await settled();
    assert.equal(sink.text, lines(3).join(""));
  });

  it("holds so many bytes and no more, counted as UTF-8", () => {
    const { sink, add, dropped, writer } = writing({ maxBytes: 10 });
    sink.hold();
    add("äöü\n", "ab\n", "c\n");
    assert.deepEqual([writer.held, dropped], [2, { buffer_full: 1 }]);
  });

  it("takes lines again once some are written", async () => {
    const { add, settled, dropped, writer } = writing({ maxLines: 1 });
    add("a\n", "b\n");
    await settled();
    add("c\n");
    assert.deepEqual([writer.held, dropped], [1, { buffer_full: 1 }]);
  });
});

describe("a line writer that can't write", () => {
  const failures: readonly [code: string, reason: DropReason][] = [
    ["ENOSPC", "no_space"],
    ["EDQUOT", "no_space"],
    ["EPIPE", "no_reader"],
    ["ENXIO", "no_reader"],
    ["ENOENT", "not_found"],
    ["ENOTDIR", "not_found"],
    ["EROFS", "not_permitted"],
    ["EACCES", "not_permitted"],
    ["EIO", "io_error"],
    ["EMFILE", "io_error"],
  ];
  for (const [code, reason] of failures) {
    it(`because of ${code} drops the batch as ${reason}, says so once, and tries again after a pause`, async () => {
      const { clock, sink, add, settled, dropped, states } = writing({ retryMs: 1_000 }, { code }, { code });
      add("a\n");
      await settled();
      assert.deepEqual([dropped, states], [{ [reason]: 1 }, [{ reason, code }]]);
      add("b\n");
      clock.advance(999);
      await turns();
      assert.equal(sink.starts.length, 1);
      clock.advance(1);
      await settled();
      assert.deepEqual([dropped, states], [{ [reason]: 2 }, [{ reason, code }]]);
      add("c\n");
      clock.advance(1_000);
      await settled();
      assert.deepEqual([sink.text, states], ["c\n", [{ reason, code }, undefined]]);
      assert.deepEqual(dropped, { [reason]: 2 });
    });
  }

  for (const [written, whole] of [
    [0, 0],
    [6, 0],
    [7, 1],
    [16, 2],
  ] as const) {
    it(`after ${written} bytes of four lines counts only those that were not taken whole`, async () => {
      const { clock, add, settled, dropped } = writing({}, "all", { code: "ENOSPC", written });
      add("first\n");
      await settled();
      add(...lines(4));
      clock.advance(200);
      await settled();
      assert.deepEqual(dropped, { no_space: 4 - whole });
    });
  }

  it("pauses also where a full batch waits", async () => {
    const { clock, sink, add, settled } = writing({ batchBytes: 7 }, { code: "ENOSPC" });
    add("lost\n");
    await settled();
    add(...lines(3));
    clock.advance(999);
    await turns();
    assert.equal(sink.starts.length, 1);
    clock.advance(1);
    await settled();
    assert.equal(sink.text, lines(3).join(""));
  });

  it("holds what comes during the pause, and gives the trouble as the reason for what doesn't fit", async () => {
    const { clock, sink, add, settled, dropped } = writing({ maxLines: 2 }, { code: "ENOSPC" });
    add("lost\n");
    await settled();
    add(...lines(3));
    assert.deepEqual(dropped, { no_space: 2 });
    clock.advance(1_000);
    await settled();
    assert.equal(sink.text, "line 0\nline 1\n");
  });

  it("says so again where the reason changes", async () => {
    const { clock, add, settled, states } = writing({}, { code: "ENOSPC" }, { code: "ENOENT" });
    add("a\n");
    await settled();
    add("b\n");
    clock.advance(1_000);
    await settled();
    assert.deepEqual(states, [
      { reason: "no_space", code: "ENOSPC" },
      { reason: "not_found", code: "ENOENT" },
    ]);
  });
});

describe("a line writer that is closed", () => {
  it("writes at once what it holds, all batches of it, and leaves no timer", async () => {
    const { clock, sink, add, settled, writer, dropped } = writing({ batchBytes: 14 });
    add("first\n");
    await settled();
    add("a\n");
    await writer.close(1_000);
    assert.deepEqual([sink.text, dropped, clock.pending], ["first\na\n", {}, 0]);
  });

  it("finishes the batch under way, then the rest", async () => {
    const { sink, add, writer } = writing({ batchBytes: 14 });
    sink.hold();
    add(...lines(5));
    const closed = writer.close(1_000);
    sink.release();
    await closed;
    assert.equal(sink.text, lines(5).join(""));
  });

  it("takes nothing more", async () => {
    const { sink, add, writer, dropped } = writing();
    const closed = writer.close(1_000);
    add("late\n");
    await closed;
    assert.deepEqual([sink.text, dropped], ["", { closing: 1 }]);
  });

  it("gives up after its time, and counts what is left", async () => {
    const { clock, sink, add, writer, dropped } = writing();
    sink.hold();
    add(...lines(3));
    const closed = writer.close(1_000);
    clock.advance(1_000);
    await closed;
    assert.deepEqual([dropped, writer.held], [{ closing: 3 }, 0]);
    sink.release();
    await turns();
    assert.deepEqual(dropped, { closing: 3 });
  });

  it("has given up for good: a batch that fails after that is counted no second time", async () => {
    const { clock, sink, add, writer, dropped, states } = writing({}, { code: "EPIPE" });
    sink.hold();
    add(...lines(3));
    const closed = writer.close(1_000);
    clock.advance(1_000);
    await closed;
    sink.release();
    await turns();
    assert.deepEqual([dropped, states], [{ closing: 3 }, []]);
  });

  it("gives up at the first failure, and counts what is left", async () => {
    const { sink, add, writer, dropped } = writing({ batchBytes: 7 }, "all", { code: "EPIPE" });
    sink.hold();
    add(...lines(3));
    const closed = writer.close(1_000);
    sink.release();
    await closed;
    assert.deepEqual([sink.text, dropped], ["line 0\n", { no_reader: 1, closing: 1 }]);
  });

  it("does not wait for the clock where a pipe takes no more, but asks again", async () => {
    const { add, writer, sink, clock } = writing({}, { code: "EAGAIN" }, { code: "EAGAIN" }, { code: "EAGAIN" });
    add("last\n");
    await until(() => clock.pending === 1, "it waits");
    await writer.close(1_000);
    assert.deepEqual([sink.text, sink.starts.length], ["last\n", 4]);
  });

  it("twice is closed once", async () => {
    const { add, writer, sink } = writing();
    add("a\n");
    await Promise.all([writer.close(1_000), writer.close(1_000)]);
    assert.equal(sink.text, "a\n");
  });
});

describe("a line writer's options", () => {
  it("are refused by name where unknown or below zero", () => {
    const make = (options: object) => () => writing(options);
    assert.throws(make({ maxByte: 1 }), new RangeError('unknown line writer option "maxByte"'));
    assert.throws(
      make({ maxLines: -1 }),
      new RangeError('line writer option "maxLines": want a number from 0, got -1'),
    );
  });
});
