/** Frames that cost a peer little and us something, one below the limit and one above, and what pays for them. */
import assert from "node:assert/strict";
import type { ConnectionFault } from "../../../src/base/connection-ends.ts";
import { frameType } from "../../../src/http2/constants.ts";
import { floodFrames } from "../../support/flood-frames.ts";
import {
  continuation,
  data,
  frame,
  headers,
  number32,
  ping,
  priority,
  rstStream,
  settings,
  windowUpdate,
} from "../../support/h2-frames.ts";
import { type RawOptions, RawPeer, requestFields, responseFields } from "../../support/h2-raw.ts";
import { blockOf } from "../../support/hpack.ts";

const answerBlock = blockOf(responseFields);
const limits: RawOptions = { controlBurst: 100, controlsPerSecond: 0, resetBurst: 100, resetsPerSecond: 0 };

function ended(peer: RawPeer): readonly [boolean, string | undefined, ConnectionFault] {
  const last = peer.said().at(-1);
  return [peer.connection.dead, last?.replace(/ [0-9]+ /, " "), peer.connection.fault];
}

/** Sends frames one by one until the connection ends. @returns how many it took. */
function sentUntilDead(peer: RawPeer, next: (nth: number) => Buffer, most = 1_000): number {
  for (let n = 1; n <= most; n++) {
    peer.send(next(n));
    if (peer.connection.dead) return n;
  }
  return most + 1;
}

const calm = (fault: ConnectionFault) => [true, "GOAWAY ENHANCE_YOUR_CALM", fault];

describe("a flood of frames without a message", () => {
  for (const [what, each, fault] of floodFrames) {
    it(`of ${what} ends the connection with one more than its account holds`, () => {
      const peer = RawPeer.ready("server", limits);
      peer.request(1).request(3);
      peer.send(rstStream(3, 8));
      // Two streams have paid for the greeting and more, but an account never holds more than at first.
      assert.equal(
        sentUntilDead(peer, () => each),
        101,
      );
      assert.deepEqual(ended(peer), calm(fault));
    });
  }

  it("ends an upstream's connection likewise, for interim answers too, which weigh more", () => {
    const peer = RawPeer.ready("client", limits);
    peer.open();
    assert.equal(
      sentUntilDead(peer, () => headers(1, peer.block([[":status", "103"]]))),
      11,
    );
    assert.deepEqual(ended(peer), calm("interim_flood"));
  });

  it("is none where time pays for the frames", () => {
    const peer = RawPeer.ready("server", { ...limits, controlsPerSecond: 1_000 });
    for (let n = 0; n < 1_000; n++) {
      peer.connection.nowMs += 1;
      peer.send(ping());
    }
    assert.equal(peer.connection.dead, false);
    peer.connection.nowMs += 1_000;
    assert.equal(
      sentUntilDead(peer, () => ping()),
      101,
      "what is not drawn does not heap up beyond the account",
    );
  });

  it("is none where calls and data pay for the frames", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    const byCalls = sentUntilDead(
      peer,
      (n) => Buffer.concat([headers(n * 2 + 1, peer.block(requestFields), { end: true }), ...repeat(10, ping())]),
      100,
    );
    assert.equal(byCalls, 101, "ten a call go on for ever");
    const byData = sentUntilDead(peer, () => Buffer.concat([data(1, 1), ...repeat(4, windowUpdate(0, 1))]), 500);
    assert.equal(byData, 501, "four for a DATA frame that came go on for ever");
    const answer = peer.stream(1);
    answer.sendHeaders(answerBlock, false);
    const bySent = sentUntilDead(
      peer,
      () => {
        answer.sendData(Buffer.alloc(1), 0, 1, false);
        return Buffer.concat(repeat(4, windowUpdate(0, 1)));
      },
      500,
    );
    assert.equal(bySent, 501, "four for a DATA frame that went do, too");
  });
});

function repeat(count: number, each: Buffer): Buffer[] {
  return Array<Buffer>(count).fill(each);
}

describe("streams that come to nothing", () => {
  const begin = (peer: RawPeer, id: number): Buffer => headers(id, peer.block(requestFields), { end: true });

  it("by the caller's early resets end the connection with one more than the account holds", () => {
    const peer = RawPeer.ready("server", limits);
    const sent = sentUntilDead(peer, (n) => Buffer.concat([begin(peer, n * 2 - 1), rstStream(n * 2 - 1, 8)]));
    assert.equal(sent, 101);
    assert.deepEqual(ended(peer), calm("reset_flood"));
  });

  const provocations: readonly (readonly [what: string, bytes: (id: number, peer: RawPeer) => Buffer])[] = [
    ["a WINDOW_UPDATE of 0", (id) => windowUpdate(id, 0)],
    ["a window that overflows", (id) => windowUpdate(id, 0x7fffffff)],
    ["DATA after its end", (id) => data(id, 5)],
    ["PRIORITY of a wrong length", (id) => frame(frameType.PRIORITY, 0, id, Buffer.alloc(4))],
    ["a stream that depends on itself", (id) => priority(id, id)],
    ["a second header list after its end", (id, peer) => headers(id, peer.block(requestFields), { end: true })],
  ];
  for (const [what, provoke] of provocations) {
    it(`because of ${what} end the connection likewise: the peer made us reset them`, () => {
      const peer = RawPeer.ready("server", limits);
      const sent = sentUntilDead(peer, (n) => Buffer.concat([begin(peer, n * 2 - 1), provoke(n * 2 - 1, peer)]));
      assert.equal(sent, 101);
      assert.deepEqual(ended(peer), calm("reset_flood"));
    });
  }

  it("because they are malformed from the start, or too many at once, end it likewise", () => {
    for (const [options, fields] of [
      [limits, requestFields.slice(1)],
      [limits, [...requestFields, ["content-length", "5"] as const]],
      [{ ...limits, maxConcurrentStreams: 1 }, requestFields],
    ] as const) {
      const peer = RawPeer.ready("server", options);
      peer.request(1);
      const sent = sentUntilDead(peer, (n) => headers(n * 2 + 1, peer.block(fields), { end: true }));
      assert.equal(sent, 101);
      assert.deepEqual(ended(peer), calm("reset_flood"));
    }
  });

  it("cost nothing after they had their place for a while: a thousand calls may reach their deadlines at once, again and again", () => {
    const peer = RawPeer.ready("server", limits);
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 1_000 }, (_, n) => (round * 1_000 + n) * 2 + 1);
      for (const id of ids) peer.send(begin(peer, id));
      peer.connection.nowMs += 10;
      for (const id of ids) peer.send(rstStream(id, 8));
    }
    assert.equal(peer.connection.dead, false);
    assert.equal(peer.connection.streamCount, 0);
  });

  it("cost nothing once their answer has begun, nor where as many others came to their end", () => {
    const peer = RawPeer.ready("server", limits);
    for (let n = 0; n < 1_000; n++) {
      const id = n * 4 + 1;
      peer.send(begin(peer, id), begin(peer, id + 2));
      respond(peer, id);
      peer.send(rstStream(id + 2, 8));
    }
    assert.equal(peer.connection.dead, false, "one for one");
    for (let n = 1_000; n < 2_000; n++) {
      const id = n * 4 + 1;
      peer.send(begin(peer, id));
      respond(peer, id, false);
      peer.send(rstStream(id, 8));
    }
    assert.equal(peer.connection.dead, false, "answers under way");
  });

  it("are not paid for by streams that were answered without anybody having been asked", () => {
    const peer = RawPeer.ready("server", limits);
    const sent = sentUntilDead(peer, (n) => {
      const id = n * 4 + 1;
      peer.send(begin(peer, id));
      peer.stream(id).unearned = true;
      respond(peer, id);
      return Buffer.concat([begin(peer, id + 2), rstStream(id + 2, 8)]);
    });
    assert.equal(sent, 101);
    assert.deepEqual(ended(peer), calm("reset_flood"));
  });

  it("are paid for by time", () => {
    const peer = RawPeer.ready("server", { ...limits, resetsPerSecond: 200 });
    for (let n = 1; n <= 1_000; n++) {
      peer.connection.nowMs += 5;
      peer.send(begin(peer, n * 2 - 1), rstStream(n * 2 - 1, 8));
    }
    assert.equal(peer.connection.dead, false);
  });

  it("by an upstream's doing cost only themselves: it is we who begin them", () => {
    const peer = RawPeer.ready("client", limits);
    for (let n = 0; n < 500; n++) {
      const { id } = peer.open(true);
      peer.send(rstStream(id, 11));
      peer.open(true);
      peer.send(data(id + 2, 5));
    }
    assert.equal(peer.connection.dead, false);
  });
});

function respond(peer: RawPeer, id: number, end = true): void {
  const stream = peer.stream(id);
  stream.sendHeaders(answerBlock, end);
}

describe("frames of honest peers", () => {
  it("may be padded as they like: bytes in a message pay for the frame they came in", () => {
    for (const padding of [0, 1, 200]) {
      const peer = RawPeer.ready("server", limits);
      peer.request(1);
      for (let n = 0; n < 500; n++) peer.data(1, 5, false, padding);
      assert.equal(peer.connection.dead, false, `padding ${padding}`);
    }
  });

  it("of padding alone are empty all the same", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    assert.equal(
      sentUntilDead(peer, () => data(1, 0, false, 5)),
      101,
    );
  });

  it("may give credit for each 4 KiB, on both levels, as Go's net/http does", () => {
    const peer = RawPeer.ready("server", limits, { INITIAL_WINDOW_SIZE: 1 << 30 });
    peer.request(1);
    respond(peer, 1, false);
    const piece = Buffer.alloc(16_384);
    const credit = Buffer.concat(
      Array.from({ length: 4 }, () => [windowUpdate(0, 4_096), windowUpdate(1, 4_096)]).flat(),
    );
    for (let n = 0; n < 500; n++) {
      peer.stream(1).sendData(piece, 0, piece.length, false);
      peer.flush();
      peer.send(credit);
    }
    assert.equal(peer.connection.dead, false);
  });
});

describe("frames for streams that are gone", () => {
  it("of DATA end with END_STREAM: another is none that was on its way", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    peer.stream(1).reset();
    peer.said();
    peer.data(1, 5).data(1, 0, true);
    assert.deepEqual(peer.said(), []);
    peer.data(1, 0, true);
    assert.deepEqual(peer.said(), ["GOAWAY 1 STREAM_CLOSED"]);
  });

  it("are of as many as may be open, all reset at once", () => {
    const peer = RawPeer.ready("server", { ...limits, resetBurst: 10 });
    for (let id = 1; id < 2_000; id += 2) peer.request(id);
    for (let id = 1; id < 2_000; id += 2) peer.stream(id).reset();
    peer.said();
    for (let id = 1; id < 2_000; id += 2) peer.data(id, 5);
    peer.request(1, { fields: [["x-trailer", "1"]], end: true });
    assert.deepEqual(peer.said(), []);
  });

  it("of DATA pay for nothing", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    peer.stream(1).reset();
    for (let n = 0; n < 50; n++) peer.data(1, 1);
    assert.equal(
      sentUntilDead(peer, () => Buffer.concat([data(1, 1), ping()])),
      101,
    );
  });

  it("of DATA may use up the window that the stream had, or would have had, and no more", () => {
    const window = { streamWindowBytes: 65_535 };
    const peer = RawPeer.ready("server", { ...limits, ...window, maxConcurrentStreams: 1 });
    peer.request(1).data(1, 5_535);
    peer.request(3); // refused
    peer.stream(1).reset();
    peer.said();
    const pieces = [...repeat(6, data(1, 10_000)), ...repeat(6, data(3, 10_000)), data(3, 5_535)];
    for (const each of pieces) peer.send(each);
    assert.equal(peer.connection.dead, false);
    peer.data(3, 1);
    assert.deepEqual(ended(peer), [true, "GOAWAY FLOW_CONTROL_ERROR", "flow_control"]);
  });

  it("of HEADERS after our last GOAWAY are a flood like others, and pay for nothing", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    peer.connection.shutdown();
    peer.send(ping("\0".repeat(8), true));
    peer.said();
    const sent = sentUntilDead(peer, (n) => headers(n * 2 + 1, peer.block(requestFields), { end: true }));
    assert.equal(sent, 10, "ten control frames' worth each, and the PING's answer was one");
    assert.deepEqual(ended(peer), calm("header_flood"));
  });
});

describe("one frame that asks for too much", () => {
  it("of SETTINGS ends the connection with one entry more than allowed", () => {
    const entries = (count: number): Buffer =>
      frame(frameType.SETTINGS, 0, 0, Buffer.concat(repeat(count, Buffer.from([0, 9, 0, 0, 0, 1]))));
    const peer = RawPeer.ready("server");
    peer.send(entries(32));
    assert.deepEqual(peer.said(), ["SETTINGS ACK"]);
    peer.send(entries(33));
    assert.deepEqual(ended(peer), calm("settings_flood"));
  });

  it("of SETTINGS moves every stream's window once, however often it sets it, and by what it says last", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true });
    const windows = [70_000, 0x7fffffff, 70_001].map((value) => Buffer.concat([Buffer.from([0, 4]), number32(value)]));
    peer.send(frame(frameType.SETTINGS, 0, 0, Buffer.concat(windows)));
    assert.deepEqual(peer.said(), ["SETTINGS ACK"]);
    assert.equal(peer.stream(1).sendWindow, 70_001);
  });

  it("of SETTINGS that moves the windows of many streams costs as much as they are", () => {
    const peer = RawPeer.ready("server", limits);
    for (let n = 0; n < 320; n++) peer.request(n * 2 + 1);
    // One for the frame, and ten for the streams.
    assert.equal(
      sentUntilDead(peer, (n) => settings({ INITIAL_WINDOW_SIZE: n })),
      10,
    );
    assert.deepEqual(ended(peer), calm("settings_flood"));
  });

  it("of header block pieces without an end is a flood of headers", () => {
    const peer = RawPeer.ready("server", { maxContinuations: 3 });
    peer.send(headers(1, Buffer.alloc(0), { last: false }));
    assert.equal(
      sentUntilDead(peer, () => continuation(1, Buffer.alloc(0), false)),
      4,
    );
    assert.deepEqual(ended(peer), calm("header_flood"));
  });

  it("of header lists for streams that are gone, which have to be decoded, is a flood of headers", () => {
    const peer = RawPeer.ready("server", limits);
    peer.request(1);
    peer.stream(1).reset();
    peer.said();
    // Ten control frames' worth each; the stream begun has paid for one.
    const sent = sentUntilDead(peer, () => headers(1, peer.block(requestFields), { end: true }));
    assert.equal(sent, 11);
    assert.deepEqual(ended(peer), calm("header_flood"));
  });
});
