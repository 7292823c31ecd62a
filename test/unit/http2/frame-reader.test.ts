import assert from "node:assert/strict";
import fc from "fast-check";
import { frameFlag, frameType, preface } from "../../../src/http2/constants.ts";
import { FrameReader, type FrameSink } from "../../../src/http2/frame-reader.ts";
import { frame } from "../../support/h2-frames.ts";

/** What a reader reports of a stream of bytes; pieces of one DATA frame put together again. */
class Told implements FrameSink {
  dead = false;
  nowMs = 0;
  readonly lines: string[] = [];
  #data = "";

  frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void {
    this.lines.push(`${type} ${flags} ${id} ${buf.toString("hex", start, end)}`);
  }
  dataHead(length: number, padded: boolean, id: number): boolean {
    this.lines.push(`data ${length} ${padded} ${id}`);
    this.#data = "";
    return id !== 99;
  }
  padding(count: number): void {
    this.lines.push(`padding ${count}`);
  }
  dataPiece(chunk: Buffer, start: number, end: number): void {
    this.#data += chunk.toString("hex", start, end);
  }
  dataDone(chunk: Buffer, start: number, end: number, ends: boolean): void {
    this.lines.push(`done ${this.#data}${chunk.toString("hex", start, end)} ${ends}`);
  }
  fail(code: number, why: string): void {
    this.dead = true;
    this.lines.push(`fail ${code} ${why}`);
  }
}

function readAll(bytes: Buffer, cuts: readonly number[], expectPreface = false): string[] {
  const told = new Told();
  const reader = new FrameReader(told, 16_384, expectPreface);
  let from = 0;
  for (const cut of [...cuts.filter((at) => at < bytes.length), bytes.length].sort((a, b) => a - b)) {
    reader.receive(bytes.subarray(from, cut), cut - from);
    from = cut;
  }
  return told.lines;
}

const story = Buffer.concat([
  frame(frameType.SETTINGS, 0, 0, Buffer.alloc(6, 1)),
  frame(frameType.DATA, 0, 1, Buffer.from("abcdef")),
  frame(frameType.DATA, frameFlag.PADDED, 3, Buffer.from([2, 0x61, 0x62, 0, 0])),
  frame(frameType.DATA, frameFlag.PADDED, 3, Buffer.from([0])),
  frame(frameType.DATA, frameFlag.END_STREAM, 1, Buffer.alloc(0)),
  frame(frameType.PING, frameFlag.ACK, 0, Buffer.alloc(8, 7)),
]);

describe("a frame reader", () => {
  const whole = readAll(story, []);

  it("hands on every frame, DATA with its padding told apart", () => {
    assert.deepEqual(whole, [
      "4 0 0 010101010101",
      "data 6 false 1",
      "done 616263646566 false",
      "data 5 true 3",
      "padding 3",
      "done 6162 false",
      "data 1 true 3",
      "padding 1",
      "done  false",
      "data 0 false 1",
      "done  true",
      "6 1 0 0707070707070707",
    ]);
  });

  it("tells the same, wherever the bytes are cut", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: story.length - 1 }), { maxLength: 20 });
    fc.assert(fc.property(cuts, (at) => assert.deepEqual(readAll(story, at), whole)));
    const everywhere = Array.from({ length: story.length - 1 }, (_, at) => at + 1);
    assert.deepEqual(readAll(story, everywhere), whole);
  });

  it("wants a client's preface first, in however many pieces", () => {
    const bytes = Buffer.concat([preface, story]);
    assert.deepEqual(readAll(bytes, [1, 5, 23], true), whole);
    assert.deepEqual(readAll(Buffer.from("PRI * HTTP/2.1"), [3], true), ["fail 1 no HTTP/2 connection preface"]);
  });

  it("refuses a frame that is larger than we said, by its head alone", () => {
    const head = frame(frameType.DATA, 0, 1, Buffer.alloc(0));
    head.writeUIntBE(16_385, 0, 3);
    for (const cuts of [[], [4]]) {
      assert.deepEqual(readAll(head, cuts), ["fail 6 frame larger than SETTINGS_MAX_FRAME_SIZE"]);
    }
  });

  it("says since when there has been the beginning of a frame without its end", () => {
    const told = new Told();
    const reader = new FrameReader(told, 16_384, true);
    const ping = frame(frameType.PING, 0, 0, Buffer.alloc(8));
    const pieces = [preface, ping.subarray(0, 3), ping.subarray(3, 12), ping.subarray(12), ping.subarray(0, 1)];
    const states = pieces.map((bytes) => {
      told.nowMs += 100;
      reader.receive(bytes, bytes.length);
      return reader.unfinishedSinceMs;
    });
    assert.deepEqual(states, [-1, 200, 200, -1, 500]);
    // A new frame begins in the read that ends the one before.
    told.nowMs = 700;
    reader.receive(Buffer.concat([ping.subarray(1), ping.subarray(0, 10)]), 26);
    assert.equal(reader.unfinishedSinceMs, 700);
  });
});
