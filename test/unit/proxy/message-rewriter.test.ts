import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ByteBudget, Holder } from "../../../src/http2/byte-budget.ts";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";
import { ChargedBuffer } from "../../../src/proxy/charged-buffer.ts";
import { MessageRewriter, type Rewrite } from "../../../src/proxy/message-rewriter.ts";
import { framed } from "../../support/predict.ts";

/** Every message in upper case, so that a rewritten byte differs from a passed one, and a byte longer. */
const upper: Rewrite = (bytes, start, end) =>
  Buffer.from(`${Buffer.from(bytes.subarray(start, end)).toString("latin1").toUpperCase()}!`, "latin1");

function push(rewriter: MessageRewriter, bytes: Buffer): string {
  return rewriter.push(bytes, 0, bytes.length).toString("latin1");
}

function wire(...messages: readonly string[]): string {
  return Buffer.concat(messages.map((message) => framed(message))).toString("latin1");
}

describe("a message rewriter", () => {
  it("gives each message rewritten and framed anew", () => {
    const rewriter = new MessageRewriter(upper, undefined, 100);
    assert.equal(push(rewriter, Buffer.concat([framed("ab"), framed(""), framed("cd")])), wire("AB!", "!", "CD!"));
    assert.equal(rewriter.messages, 3);
    assert.equal(rewriter.partial, false);
  });

  it("reads a range of its buffer only", () => {
    const rewriter = new MessageRewriter(upper, undefined, 100);
    const bytes = Buffer.concat([Buffer.from("xx"), framed("ab"), Buffer.from("xx")]);
    assert.equal(rewriter.push(bytes, 2, bytes.length - 2).toString("latin1"), wire("AB!"));
    assert.equal(rewriter.push(bytes, 2, 2).length, 0);
  });

  it("keeps the beginning of a message when the next read goes over it", () => {
    const rewriter = new MessageRewriter(upper, undefined, 100);
    const memory = ReadMemory.take();
    const bytes = framed("abcdef");
    let out = "";
    for (const [start, end] of [
      [0, 3],
      [3, 6],
      [6, 8],
      [8, bytes.length],
    ] as const) {
      bytes.copy(memory.bytes, 0, start, end);
      lent.begin(memory);
      out += rewriter.push(memory.bytes, 0, end - start).toString("latin1");
      lent.end();
    }
    assert.equal(out, wire("ABCDEF!"));
    memory.leave();
  });

  it("gives the same whatever pieces the messages come in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 30 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
        (messages, cuts) => {
          const rewriter = new MessageRewriter(upper, undefined, 1_000);
          const ascii = messages.map((message) => Buffer.from(message).toString("hex"));
          const bytes = Buffer.from(wire(...ascii), "latin1");
          let out = "";
          let at = 0;
          for (let i = 0; at < bytes.length; i++) {
            const end = Math.min(bytes.length, at + (cuts[i % cuts.length] as number));
            out += rewriter.push(bytes, at, end).toString("latin1");
            at = end;
          }
          assert.equal(out, wire(...ascii.map((message) => `${message.toUpperCase()}!`)));
          assert.equal(rewriter.partial, false);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("knows that a message has begun", () => {
    const rewriter = new MessageRewriter(upper, undefined, 100);
    const bytes = framed("abc");
    for (let end = 1; end < bytes.length; end++) {
      assert.equal(rewriter.push(bytes, end - 1, end).length, 0);
      assert.equal(rewriter.partial, true);
    }
    assert.equal(rewriter.push(bytes, bytes.length - 1, bytes.length).toString("latin1"), wire("ABC!"));
    assert.equal(rewriter.partial, false);
  });

  it("unpacks a compressed message and sends it plain", () => {
    const rewriter = new MessageRewriter(upper, "gzip", 100);
    assert.equal(push(rewriter, framed(gzipSync("packed"), 1)), wire("PACKED!"));
  });

  for (const [what, encoding, bytes] of [
    ["longer than its limit, as soon as its prefix says so", undefined, framed("x".repeat(101)).subarray(0, 5)],
    ["longer than its limit once unpacked", "gzip", framed(gzipSync("y".repeat(101)), 1)],
    ["compressed by nobody knows what", undefined, framed("abc", 1)],
    ["compressed by something unknown", "zstd", framed("abc", 1)],
    ["that does not unpack", "gzip", framed("abc", 1)],
    ["with a flag that does not exist", "gzip", framed("abc", 2)],
  ] as const) {
    it(`fails at a message ${what}, after those before it, and says no more`, () => {
      const rewriter = new MessageRewriter(upper, encoding, 100);
      assert.equal(push(rewriter, Buffer.concat([framed("ok"), bytes])), wire("OK!"));
      assert.equal(rewriter.failed, true);
      assert.equal(rewriter.messages, 1);
      assert.equal(push(rewriter, framed("ok")), "");
    });
  }

  it("counts what it holds as its caller's, lets go of it with the message or the call, and holds none beyond the budget", () => {
    const budget = new ByteBudget(50);
    const holder = new Holder();
    const make = () => new MessageRewriter(upper, undefined, 100, new ChargedBuffer(budget, holder));
    const rewriter = make();
    const message = framed("x".repeat(60));
    push(rewriter, message.subarray(0, 40));
    assert.equal(holder.held, 40);
    push(rewriter, Buffer.concat([message.subarray(40), framed("y")]));
    assert.deepEqual([holder.held, rewriter.messages], [0, 2]);
    push(rewriter, message.subarray(0, 30));
    rewriter.drop();
    assert.equal(holder.held, 0);
    const other = make();
    for (const byte of message.subarray(0, 51)) push(other, Buffer.of(byte));
    assert.deepEqual([other.failed, holder.held, budget.held], [true, 0, 0]);
  });

  it("fails at a message that can't be rewritten", () => {
    const rewriter = new MessageRewriter(() => undefined, undefined, 100);
    assert.equal(push(rewriter, framed("ok")), "");
    assert.equal(rewriter.failed, true);
  });

  it("takes a message of exactly its limit", () => {
    const rewriter = new MessageRewriter((bytes, start, end) => bytes.subarray(start, end), undefined, 100);
    assert.equal(push(rewriter, framed("x".repeat(100))), wire("x".repeat(100)));
    assert.equal(rewriter.failed, false);
  });
});
