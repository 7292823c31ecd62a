/** A client and a server of ours back to back: whatever the windows and wherever the bytes are cut, messages arrive. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { type Cut, every, H2Pair, nothingHeld, pattern, sizes, whole } from "../../support/h2-pair.ts";
import { requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { blockOf } from "../../support/hpack.ts";

function exchange(cut: Cut): void {
  const pair = new H2Pair({ cut }).run();
  const body = pattern(3_000);
  const stream = pair.open();
  stream.sendData(body, 0, body.length, true);
  pair.run();
  pair.answer(stream, pattern(2_000, 7));
  pair.run();
  assert.deepEqual(pair.serverSide.body(1), body);
  assert.deepEqual(pair.clientSide.body(1), pattern(2_000, 7));
  assert.deepEqual(
    pair.serverSide.lists.get("head 1"),
    requestFields.map(([name, value]) => `${name}: ${value}`),
  );
  assert.deepEqual(
    pair.clientSide.lists.get("head 1"),
    responseFields.map(([name, value]) => `${name}: ${value}`),
  );
  assert.deepEqual(pair.clientSide.lists.get("trailers 1"), ["grpc-status: 0"]);
  assert.deepEqual(pair.held(), nothingHeld);
}

describe("a client and a server, back to back", () => {
  it("are ready after one exchange of greetings", () => {
    const pair = new H2Pair().run();
    assert.deepEqual(pair.clientSide.take(), ["ready"]);
    assert.deepEqual(pair.serverSide.take(), ["ready"]);
    assert.equal(pair.client.hasCapacity, true);
  });

  for (const [what, cut] of [
    ["uncut", whole],
    ["byte by byte", every(1)],
    ["in pieces of 2 bytes", every(2)],
    ["in pieces of 9 bytes", every(9)],
    ["in pieces of 10 bytes", every(10)],
    ["in odd pieces", sizes([1, 8, 3, 200, 9, 17])],
  ] as const) {
    it(`exchange a call ${what}`, () => exchange(cut));
  }

  it("exchange a call cut in two at every byte of either direction", () => {
    for (let at = 1; at < 5_300; at += at < 400 ? 1 : 97) {
      exchange((bytes) => [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0));
    }
  });

  it("carry 100 calls at once, of which one is not read, on a connection's window that is smaller than its data", () => {
    const pair = new H2Pair({
      server: { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 },
      reading: false,
    }).run();
    const streams = Array.from({ length: 100 }, () => pair.open());
    const body = pattern(40_000);
    for (const stream of streams) stream.sendData(body, 0, body.length, true);
    pair.serverSide.onEvent = (event, stream) => {
      const [what, , count] = event.split(" ");
      if (what === "data" && stream?.id !== 1) stream?.consumed(Number(count));
    };
    pair.run();
    for (const stream of streams) assert.equal(pair.serverSide.body(stream.id).length, 40_000);
  });

  it("stall one stream without delay to the others while nobody reads it", () => {
    const pair = new H2Pair({
      server: { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 },
      reading: false,
    }).run();
    const stalled = pair.open();
    const other = pair.open();
    pair.serverSide.onEvent = (event, stream) => {
      const [what, , count] = event.split(" ");
      if (what === "data" && stream?.id === other.id) stream.consumed(Number(count));
    };
    stalled.sendData(pattern(500_000), 0, 500_000, true);
    other.sendData(pattern(500_000), 0, 500_000, true);
    pair.run();
    assert.equal(pair.serverSide.body(stalled.id).length, 65_535);
    assert.equal(pair.serverSide.body(other.id).length, 500_000);
    assert.equal(pair.clientBudget.held, 500_000 - 65_535);
    pair.served(stalled).consumed(65_535);
    pair.serverSide.onEvent = (event, stream) => {
      if (event.startsWith("data")) stream?.consumed(Number(event.split(" ")[2]));
    };
    pair.run();
    assert.deepEqual(pair.serverSide.body(stalled.id), pattern(500_000));
    assert.equal(pair.clientBudget.held, 0);
  });

  it("lose no credit over many calls that fail", () => {
    const pair = new H2Pair({ server: { connectionWindowBytes: 65_535 }, reading: false }).run();
    for (let i = 0; i < 50; i++) {
      const stream = pair.open();
      stream.sendData(pattern(20_000), 0, 20_000, false);
      // Half of them are reset before their data is on its way.
      if (i % 2 === 0) pair.run();
      stream.reset();
      pair.run();
    }
    assert.deepEqual(pair.held(), nothingHeld);
    const last = pair.open();
    last.sendData(pattern(60_000), 0, 60_000, true);
    pair.run();
    assert.equal(pair.serverSide.body(last.id).length, 60_000);
  });

  it("end together, gracefully, with every call finished", () => {
    const pair = new H2Pair().run();
    const stream = pair.open();
    pair.run();
    pair.server.shutdown();
    pair.run();
    assert.equal(pair.client.goingAway, true);
    assert.equal(pair.client.dead, false);
    stream.sendData(pattern(10), 0, 10, true);
    pair.run();
    pair.answer(stream, pattern(5));
    pair.run();
    assert.deepEqual(pair.clientSide.lists.get("trailers 1"), ["grpc-status: 0"]);
    assert.equal(pair.server.dead, true);
    assert.equal(pair.client.dead, true);
  });
});

interface Message {
  readonly pieces: readonly number[];
  readonly answer: readonly number[];
  /** Whether its ends come as trailers. */
  readonly trailers: boolean;
}

const piece = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40_000 }));
const message = fc.record<Message>({
  pieces: fc.array(piece, { maxLength: 5 }),
  answer: fc.array(piece, { maxLength: 5 }),
  trailers: fc.boolean(),
});
const window = fc.oneof(fc.integer({ min: 1_024, max: 3_000 }), fc.integer({ min: 3_000, max: 300_000 }));
const options = fc.record({
  streamWindowBytes: window,
  connectionWindowBytes: fc.integer({ min: 65_535, max: 200_000 }),
  maxFrameBytes: fc.integer({ min: 16_384, max: 60_000 }),
  sliceBytes: fc.integer({ min: 2_048, max: 20_000 }),
  outputHighWaterBytes: fc.integer({ min: 65_536, max: 100_000 }),
  decoderTableBytes: fc.integer({ min: 0, max: 4_096 }),
});
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20_000 })), {
  minLength: 1,
  maxLength: 6,
});

/** Sends pieces as one stream of bytes that tell their place. @returns all of them. */
function sendPieces(stream: H2Stream, pieces: readonly number[], seed: number, end: boolean): Buffer {
  const total = pieces.reduce((sum, length) => sum + length, 0);
  const bytes = pattern(total, seed);
  let at = 0;
  for (const [i, length] of pieces.entries()) {
    stream.sendData(bytes, at, at + length, end && i === pieces.length - 1);
    at += length;
  }
  if (end && pieces.length === 0) stream.sendData(bytes, 0, 0, true);
  return bytes;
}

describe("random messages over random cuts and windows", () => {
  it("arrive whole and in order, and nothing is held when they are over", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 6 }),
        options,
        options,
        cuts,
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 4 }),
        (messages, client, server, cut, reads) => {
          const pair = new H2Pair({ client, server, cut: sizes(cut), reading: false }).run();
          // Bytes are credited late and in odd amounts, as they would be by who passes them on.
          const unread = new Map<H2Stream, number>();
          let next = 0;
          for (const side of [pair.clientSide, pair.serverSide]) {
            side.onEvent = (event, stream) => {
              if (!event.startsWith("data") || stream === undefined) return;
              unread.set(stream, (unread.get(stream) ?? 0) + Number(event.split(" ")[2]));
            };
          }
          const settle = (): void => {
            for (pair.run(); [...unread.values()].some((count) => count > 0); pair.run()) {
              for (const [stream, count] of unread) {
                const taken = Math.min(count, reads[next++ % reads.length] as number);
                unread.set(stream, count - taken);
                stream.consumed(taken);
              }
            }
          };

          const streams = messages.map(() => pair.open());
          const sent = messages.map(({ pieces, trailers }, i) => {
            const stream = streams[i] as H2Stream;
            const bytes = sendPieces(stream, pieces, i, !trailers);
            if (trailers) stream.sendTrailers(blockOf([["x-sum", String(i)]]));
            return bytes;
          });
          settle();
          const answered = messages.map(({ answer, trailers }, i) => {
            const served = pair.served(streams[i] as H2Stream);
            served.sendHeaders(blockOf(responseFields), false);
            const bytes = sendPieces(served, answer, 100 + i, !trailers);
            if (trailers) served.sendTrailers(blockOf(trailerFields));
            return bytes;
          });
          settle();

          for (const [i, { id }] of streams.entries()) {
            assert.deepEqual(pair.serverSide.body(id), sent[i]);
            assert.deepEqual(pair.clientSide.body(id), answered[i]);
            assert.equal(pair.clientSide.lists.has(`trailers ${id}`), messages[i]?.trailers);
          }
          assert.deepEqual(pair.held(), nothingHeld);
        },
      ),
      { numRuns: 60 },
    );
  });
});
