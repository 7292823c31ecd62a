import assert from "node:assert/strict";
import { writeGoaway, writeNumberFrame, writePing, writeSettingsAck } from "../../../src/http2/frames.ts";
import { Output } from "../../../src/http2/output.ts";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";

function write(output: Output, text: string): void {
  output.reserve(text.length);
  output.wrote(output.pos + output.buf.write(text, output.pos, "latin1"));
}

function text(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString("latin1");
}

describe("an output", () => {
  it("hands over what was written, in order, once", () => {
    const output = new Output(() => undefined);
    write(output, "abc");
    write(output, "def");
    assert.equal(output.bytes, 6);
    assert.equal(text(output.take()), "abcdef");
    assert.equal(output.bytes, 0);
    assert.deepEqual(output.take(), []);
  });

  it("asks to be taken once, at the first byte after a take", () => {
    let asked = 0;
    const output = new Output(() => asked++);
    write(output, "a");
    write(output, "b");
    output.slice(Buffer.from("c"));
    assert.equal(asked, 1);
    output.take();
    output.slice(Buffer.from("d"));
    write(output, "e");
    assert.equal(asked, 2);
  });

  it("keeps slices in their place, uncopied", () => {
    const output = new Output(() => undefined);
    const slice = Buffer.from("SLICE");
    write(output, "a");
    output.slice(slice);
    output.slice(slice);
    write(output, "b");
    assert.equal(output.bytes, 12);
    const pieces = output.take();
    assert.equal(text(pieces), "aSLICESLICEb");
    assert.equal(pieces[1], slice);
  });

  it("gives its only piece without a list", () => {
    const output = new Output(() => undefined);
    assert.equal(output.takeOne(), undefined);
    write(output, "abc");
    assert.equal(output.takeOne()?.toString(), "abc");
    assert.equal(output.bytes, 0);
    assert.equal(output.takeOne(), undefined);
    output.slice(Buffer.from("x"));
    write(output, "y");
    assert.equal(output.takeOne(), undefined);
    assert.equal(text(output.take()), "xy");
  });

  it("goes on in another arena when one is full, and makes one as large as it takes", () => {
    const output = new Output(() => undefined);
    let expected = "";
    for (let i = 0; i < 10; i++) {
      const part = String.fromCharCode(97 + i).repeat(20_000);
      write(output, part);
      expected += part;
    }
    write(output, "z".repeat(200_000));
    const pieces = output.take();
    assert.ok(pieces.length > 1);
    assert.equal(text(pieces), expected + "z".repeat(200_000));
  });

  it("never writes over what it has handed over, until it is told that all of that is gone", () => {
    const output = new Output(() => undefined);
    write(output, "first");
    const first = output.take()[0];
    write(output, "second");
    assert.equal(first?.toString(), "first");
    output.rewind();
    assert.equal(text(output.take()), "second", "what was not taken stays");
    output.rewind();
    assert.equal(output.pos, 0);
    write(output, "third");
    assert.equal(text(output.take()), "third");
  });

  it("holds read memory that a slice lies in until the socket has passed on what it took", () => {
    const output = new Output(() => undefined);
    const [first, second] = [ReadMemory.take(), ReadMemory.take()];
    lent.begin(first);
    output.slice(first.bytes, 0, 5);
    output.slice(first.bytes, 5, 10);
    lent.end();
    output.rewind();
    assert.equal(first.free, false, "it has not been taken");
    output.take();
    lent.begin(second);
    output.slice(second.bytes, 0, 5);
    lent.end();
    assert.deepEqual([first.free, second.free], [false, false]);
    output.rewind();
    assert.deepEqual([first.free, second.free], [true, false]);
    output.take();
    output.rewind();
    assert.equal(second.free, true);
    output.rewind();
    second.hold();
    assert.equal(second.free, false, "nothing is given back twice");
    second.release();
  });

  it("does not go back over a slice that was not taken", () => {
    const output = new Output(() => undefined);
    output.slice(Buffer.from("s"));
    output.rewind();
    write(output, "t");
    assert.equal(text(output.take()), "st");
  });
});

describe("frames", () => {
  function bytes(fn: (output: Output) => void): string {
    const output = new Output(() => undefined);
    fn(output);
    return Buffer.concat(output.take()).toString("hex");
  }

  it("have their bytes where RFC 9113 puts them", () => {
    assert.equal(
      bytes((out) => writeNumberFrame(out, 8, 0x7fffffff, 0x01020304)),
      "00000408007fffffff01020304",
    );
    assert.equal(
      bytes((out) => writeNumberFrame(out, 3, 1, 0xffffffff)),
      "000004030000000001ffffffff",
    );
    assert.equal(
      bytes((out) => writePing(out, false, Buffer.from("..12345678"), 2)),
      "0000080600000000003132333435363738",
    );
    assert.equal(
      bytes((out) => writePing(out, true, Buffer.from("12345678"), 0)),
      "0000080601000000003132333435363738",
    );
    assert.equal(bytes(writeSettingsAck), "000000040100000000");
    assert.equal(
      bytes((out) => writeGoaway(out, 5, 11, "no")),
      "00000a070000000000000000050000000b6e6f",
    );
  });

  it("moves what fits into memory of another, and keeps the rest in its order", () => {
    const output = new Output(() => undefined);
    write(output, "abc");
    output.slice(Buffer.from("SLICE"));
    write(output, "def");
    const target = Buffer.alloc(5);
    const moved: string[] = [];
    while (output.bytes > 0) moved.push(target.toString("latin1", 0, output.move(target)));
    assert.deepEqual(moved, ["abcSL", "ICEde", "f"]);
    assert.equal(output.move(target), 0);
    assert.equal(output.pos, 0);
  });

  it("gives back read memory as soon as it has been moved out of it", () => {
    const output = new Output(() => undefined);
    const memory = ReadMemory.take();
    lent.begin(memory);
    output.slice(memory.bytes, 0, 4);
    lent.end();
    const target = Buffer.alloc(3);
    output.move(target);
    assert.equal(memory.free, false);
    output.move(target);
    assert.equal(memory.free, true);
  });
});
