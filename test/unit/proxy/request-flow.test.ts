import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteBudget, Holder } from "../../../src/http2/byte-budget.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { MessageRewriter } from "../../../src/proxy/message-rewriter.ts";
import { RequestFlow } from "../../../src/proxy/request-flow.ts";
import { pattern } from "../../support/h2-pair.ts";
import { framed } from "../../support/predict.ts";

/** The caller's half: counts what it may send again. */
class Down {
  credited = 0;
  readonly holder = new Holder();

  consumed(count: number): void {
    this.credited += count;
  }
}

/** The upstream's half: takes at most `room` bytes at once and holds the rest. */
class Up {
  readonly pieces: Buffer[] = [];
  ended = false;
  queuedBytes = 0;
  room: number;

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  sendData(buf: Buffer, start: number, end: number, endStream: boolean): number {
    assert.equal(this.ended, false, "data after the end");
    this.pieces.push(Buffer.from(buf.subarray(start, end)));
    this.ended ||= endStream;
    const now = Math.min(this.room, end - start);
    this.room -= now;
    this.queuedBytes += end - start - now;
    return now;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

const as = (half: Down | Up): H2Stream => half as unknown as H2Stream;

function setUp(keepBytes = 1 << 20, budget = new ByteBudget()): { down: Down; flow: RequestFlow } {
  const down = new Down();
  return { down, flow: new RequestFlow(as(down), budget, keepBytes) };
}

/** What was held goes out. */
function deliver(flow: RequestFlow, up: Up, bytes = up.queuedBytes): void {
  up.queuedBytes -= bytes;
  flow.delivered(as(up), bytes);
}

/** Rewrites each message to itself and an exclamation mark. */
function loud(): MessageRewriter {
  const rewrite = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
    Buffer.concat([bytes.subarray(start, end), Buffer.from("!")]);
  return new MessageRewriter(rewrite, undefined, 1 << 20);
}

/** As `prepareRequest` does it. */
function rewrite(flow: RequestFlow): void {
  const rewriter = loud();
  flow.flatten();
  flow.rewrite(rewriter, rewriter.push(flow.head, flow.start, flow.end));
}

describe("a request's flow", () => {
  it("is part of what the process holds, until it is forgotten", () => {
    const budget = new ByteBudget(100);
    const { flow } = setUp(1 << 20, budget);
    flow.hold(Buffer.alloc(10), 0, 10, true);
    flow.hold(Buffer.alloc(10), 0, 5, false);
    assert.equal(budget.held, 15);
    flow.sendHeld(as(new Up()));
    assert.equal(budget.held, 15, "kept for a second try");
    flow.forget();
    flow.forget();
    assert.equal(budget.held, 0);
  });

  it("keeps nothing for a second try once the process holds too much", () => {
    const budget = new ByteBudget(100);
    const { flow, down } = setUp(1 << 20, budget);
    const up = new Up();
    flow.relay(as(up), Buffer.alloc(60), 0, 60);
    assert.equal(flow.replayable, true);
    budget.hold(down.holder, 50);
    flow.relay(as(up), Buffer.alloc(10), 0, 10);
    assert.deepEqual([flow.replayable, budget.held, up.bytes.length], [false, 50, 70]);
  });

  it("credits what goes out at once, and the rest when it does", () => {
    const { down, flow } = setUp();
    const up = new Up(6);
    flow.relay(as(up), Buffer.from("0123456789"), 0, 10);
    assert.equal(down.credited, 6);
    deliver(flow, up, 3);
    assert.equal(down.credited, 9);
    deliver(flow, up);
    assert.equal(down.credited, 10);
    assert.equal(up.bytes.toString(), "0123456789");
  });

  it("credits held bytes once: when they come, or when they go out", () => {
    const { down, flow } = setUp();
    const up = new Up();
    flow.hold(Buffer.from("abc"), 0, 3, true);
    assert.equal(down.credited, 3);
    flow.hold(Buffer.from("defg"), 0, 4, false);
    assert.equal(down.credited, 3);
    flow.sendHeld(as(up));
    assert.equal(down.credited, 7);
    flow.relay(as(up), Buffer.from("hi"), 0, 2);
    assert.equal(down.credited, 9);
    assert.equal(up.bytes.toString(), "abcdefghi");
  });

  it("sends the end with the last byte", () => {
    const { flow } = setUp();
    const up = new Up();
    flow.hold(Buffer.from("abc"), 0, 3, true);
    flow.ended = true;
    assert.equal(flow.sendHeld(as(up)), true);
    assert.equal(up.ended, true);
  });

  it("keeps what it sent while that is short, and forgets it when it grows", () => {
    const { flow } = setUp(10);
    const up = new Up();
    flow.relay(as(up), Buffer.from("0123456789"), 0, 10);
    assert.deepEqual([flow.replayable, flow.bytes], [true, 10]);
    flow.relay(as(up), Buffer.from("x"), 0, 1);
    assert.deepEqual([flow.replayable, flow.bytes], [false, 0]);
    assert.equal(up.bytes.toString(), "0123456789x");
  });

  it("forgets the beginning of a message that says it will be longer than the limit", () => {
    const { flow } = setUp(100);
    flow.hold(framed("x".repeat(96)), 0, 20, true);
    flow.sendHeld(as(new Up()));
    assert.equal(flow.replayable, false);
  });

  it("forgets held bytes over the limit once they are sent, not before", () => {
    const { flow } = setUp(3);
    flow.hold(Buffer.from("abcdef"), 0, 6, true);
    assert.equal(flow.replayable, true);
    flow.sendHeld(as(new Up()));
    assert.deepEqual([flow.replayable, flow.bytes], [false, 0]);
  });

  it("sends everything again to another stream, and credits nothing twice", () => {
    const { down, flow } = setUp();
    const first = new Up(4);
    flow.hold(Buffer.from("abc"), 0, 3, true);
    flow.sendHeld(as(first));
    flow.relay(as(first), Buffer.from("defg"), 0, 4);
    assert.equal(down.credited, 4);
    flow.restart();
    const second = new Up();
    flow.ended = true;
    flow.sendHeld(as(second));
    assert.equal(second.bytes.toString(), "abcdefg");
    assert.equal(second.ended, true);
    assert.equal(down.credited, 7);
  });

  it("credits every byte once, whatever is held, sent, held up and sent again", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("bytes" as const), length: fc.integer({ min: 0, max: 50 }), credit: fc.boolean() }),
      fc.record({ kind: fc.constant("deliver" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant("room" as const), room: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ kind: fc.constant("open" as const) }),
      fc.record({ kind: fc.constant("restart" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { down, flow } = setUp();
        const sent = framed(pattern(1_995));
        let at = 0;
        let up: Up | undefined;
        const open = (): void => {
          up = new Up(20);
          flow.sendHeld(as(up));
        };
        for (const each of steps) {
          if (each.kind === "bytes") {
            const end = at + each.length;
            if (up === undefined) flow.hold(sent, at, end, each.credit);
            else flow.relay(as(up), sent, at, end);
            at = end;
          } else if (each.kind === "deliver" && up !== undefined) {
            deliver(flow, up, Math.floor(up.queuedBytes * each.share));
          } else if (each.kind === "room" && up !== undefined) {
            up.room = up.queuedBytes > 0 ? 0 : each.room;
          } else if (each.kind === "open" && up === undefined) {
            open();
          } else if (each.kind === "restart" && up !== undefined && flow.replayable) {
            flow.restart();
            up = undefined;
          }
          assert.ok(down.credited <= at, "credit for bytes that never came");
        }
        if (up === undefined) open();
        deliver(flow, up as unknown as Up);
        assert.equal(down.credited, at);
        assert.deepEqual((up as unknown as Up).bytes, sent.subarray(0, at));
      }),
      { numRuns: 200 },
    );
  });
});

describe("a request's flow to another model", () => {
  const plain = Buffer.concat([framed("one"), framed("two"), framed("three")]);
  const changed = Buffer.concat([framed("one!"), framed("two!"), framed("three!")]);

  it("sends held messages rewritten, and those to come", () => {
    const { down, flow } = setUp();
    const up = new Up();
    flow.hold(plain, 0, 8, true);
    rewrite(flow);
    assert.equal(flow.sendHeld(as(up)), true);
    flow.ended = true;
    assert.equal(flow.relay(as(up), plain, 8, plain.length), true);
    assert.deepEqual(up.bytes, changed);
    assert.equal(up.ended, true);
    assert.equal(down.credited, plain.length);
  });

  it("counts what was made of the held bytes as held, until it goes out or the call ends", () => {
    const budget = new ByteBudget(100);
    for (const end of ["sent", "dropped"] as const) {
      const { flow } = setUp(0, budget);
      flow.hold(plain, 0, 8, true);
      rewrite(flow);
      assert.equal(budget.held, 8 + 9);
      if (end === "sent") flow.sendHeld(as(new Up()));
      else flow.drop();
      assert.equal(budget.held, 0, end);
    }
  });

  it("rewrites what comes while it waits for a connection, and credits it when it goes out", () => {
    const { down, flow } = setUp();
    flow.hold(plain, 0, 8, true);
    rewrite(flow);
    flow.hold(plain, 8, 12, false);
    flow.hold(plain, 12, plain.length, false);
    flow.ended = true;
    assert.equal(down.credited, 8);
    const up = new Up();
    assert.equal(flow.sendHeld(as(up)), true);
    assert.deepEqual(up.bytes, changed);
    assert.equal(up.ended, true);
    assert.equal(down.credited, plain.length);
  });

  it("keeps the caller's own bytes for a second try, also those that came while it waited", () => {
    const { down, flow } = setUp();
    flow.hold(plain, 0, 8, true);
    rewrite(flow);
    flow.hold(plain, 8, plain.length, false);
    flow.ended = true;
    flow.sendHeld(as(new Up()));
    flow.restart();
    const second = new Up();
    flow.sendHeld(as(second));
    assert.deepEqual(second.bytes, plain);
    assert.equal(down.credited, plain.length);
  });

  it("gives no credit while more than its mark waits for the upstream", () => {
    const { down, flow } = setUp(0);
    const up = new Up(0);
    const message = framed("x".repeat(300_000));
    flow.hold(message, 0, message.length, true);
    rewrite(flow);
    flow.sendHeld(as(up));
    flow.relay(as(up), plain, 0, plain.length);
    assert.equal(down.credited, message.length);
    deliver(flow, up, 100_000);
    assert.equal(down.credited, message.length + plain.length);
    deliver(flow, up, 100_000);
    assert.equal(down.credited, message.length + plain.length, "and gives it once");
  });

  for (const when of ["held", "relayed"] as const) {
    it(`does not end a request within a message as if it ended before it, ${when}`, () => {
      const { flow } = setUp();
      const up = new Up();
      const cut = plain.subarray(0, plain.length - 1);
      flow.hold(cut, 0, 8, true);
      rewrite(flow);
      if (when === "held") flow.hold(cut, 8, cut.length, false);
      flow.ended = when === "held";
      const held = flow.sendHeld(as(up));
      flow.ended = true;
      const sent = when === "held" ? held : flow.relay(as(up), cut, 8, cut.length);
      assert.equal(sent, false);
      assert.equal(up.ended, false);
      assert.deepEqual(up.bytes, changed.subarray(0, framed("one!").length + framed("two!").length));
    });
  }

  it("says where a message can't be rewritten, and sends those before it", () => {
    const { flow } = setUp();
    const up = new Up();
    flow.hold(plain, 0, 8, true);
    rewrite(flow);
    flow.sendHeld(as(up));
    const bad = framed("bad", 1);
    assert.equal(flow.relay(as(up), Buffer.concat([framed("two"), bad]), 0, 8 + bad.length), false);
    assert.deepEqual(up.bytes, Buffer.concat([framed("one!"), framed("two!")]));
    assert.equal(up.ended, false);
  });
});
