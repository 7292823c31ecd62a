/** Every frame type's rules of length, stream and value, and what a breach of them costs. */
import assert from "node:assert/strict";
import type { Role } from "../../../src/http2/connection.ts";
import { frameType } from "../../../src/http2/constants.ts";
import {
  continuation,
  data,
  flag,
  frame,
  goaway,
  headers,
  number32,
  ping,
  priority,
  rstStream,
  settings,
  windowUpdate,
} from "../../support/h2-frames.ts";
import { RawPeer } from "../../support/h2-raw.ts";

const block = Buffer.from([0x82]);

interface Row {
  readonly what: string;
  readonly send: Buffer;
  /** What the peer is told. */
  readonly says: readonly string[];
  readonly role?: Role;
}

/** Stream 1 is open towards either role; 3, 5 and so on are idle. */
function withStream1(role: Role): RawPeer {
  const peer = RawPeer.ready(role);
  if (role === "server") peer.request(1);
  else peer.open();
  peer.said();
  peer.heard();
  return peer;
}

function check({ what, send, says, role = "server" }: Row): void {
  it(`${what}${role === "client" ? ", to a client," : ""} gives ${says.join(", ") || "nothing"}`, () => {
    const peer = withStream1(role);
    peer.send(send);
    assert.deepEqual(peer.said(), says);
    assert.equal(peer.connection.dead, says.at(-1)?.startsWith("GOAWAY") ?? false);
  });
}

const protocolError = ["GOAWAY 1 PROTOCOL_ERROR"];
const frameSizeError = ["GOAWAY 1 FRAME_SIZE_ERROR"];
const flowControlError = ["GOAWAY 1 FLOW_CONTROL_ERROR"];

describe("frames", () => {
  describe("larger than SETTINGS_MAX_FRAME_SIZE", () => {
    for (const [name, type] of Object.entries(frameType)) {
      const send = frame(type, 0, type === frameType.DATA ? 1 : 0, Buffer.alloc(1), 16_385);
      check({ what: `a ${name}`, send, says: frameSizeError });
    }
    check({ what: "one of unknown type", send: frame(0xee, 0, 0, Buffer.alloc(0), 16_385), says: frameSizeError });

    it("are found out by their head alone, wherever that is cut", () => {
      for (const type of [frameType.PING, frameType.DATA]) {
        for (let cut = 1; cut < 9; cut++) {
          const peer = withStream1("server");
          const head = frame(type, 0, 1, Buffer.alloc(0), 16_385);
          peer.send(head.subarray(0, cut));
          assert.deepEqual(peer.said(), []);
          peer.send(head.subarray(cut));
          assert.deepEqual(peer.said(), frameSizeError);
        }
      }
    });

    it("are ignored as others are where they are of exactly that size, whole or in pieces", () => {
      const bytes = Buffer.concat([frame(0xee, 0, 0, Buffer.alloc(16_384)), ping()]);
      for (const cut of [0, 5, 9, 1_000]) {
        const peer = withStream1("server");
        peer.send(bytes.subarray(0, cut)).send(bytes.subarray(cut));
        assert.deepEqual(peer.said(), ["PING ACK 3132333435363738"], `cut at ${cut}`);
      }
    });

    it("are taken up to the limit that was announced", () => {
      const peer = RawPeer.ready("server", { maxFrameBytes: 30_000 });
      peer.request(1).data(1, 30_000).heard();
      assert.equal(peer.recorder.body(1).length, 30_000);
    });
  });

  describe("of unknown types", () => {
    check({ what: "one on stream 0", send: frame(0xee, 0xff, 0, Buffer.alloc(20)), says: [] });
    check({ what: "one on an idle stream", send: frame(0xee, 0xff, 9, Buffer.alloc(20)), says: [] });
    check({
      what: "one with the reserved bit set, then a PING",
      send: Buffer.concat([frame(0xee, 0, 0x8000_0001), ping()]),
      says: ["PING ACK 3132333435363738"],
    });
  });

  describe("SETTINGS", () => {
    check({ what: "one on a stream", send: frame(frameType.SETTINGS, 0, 1), says: protocolError });
    check({ what: "one of 5 bytes", send: frame(frameType.SETTINGS, 0, 0, Buffer.alloc(5)), says: frameSizeError });
    check({
      what: "an acknowledgement with a payload",
      send: frame(frameType.SETTINGS, flag.ACK, 0, Buffer.alloc(6)),
      says: frameSizeError,
    });
    check({ what: "ENABLE_PUSH of 2", send: settings({ ENABLE_PUSH: 2 }), says: protocolError });
    check({ what: "ENABLE_PUSH of 1", send: settings({ ENABLE_PUSH: 1 }), says: ["SETTINGS ACK"] });
    check({
      what: "ENABLE_PUSH of 1",
      send: settings({ ENABLE_PUSH: 1 }),
      says: ["GOAWAY 0 PROTOCOL_ERROR"],
      role: "client",
    });
    check({
      what: "INITIAL_WINDOW_SIZE above 2^31-1",
      send: settings({ INITIAL_WINDOW_SIZE: 2 ** 31 }),
      says: flowControlError,
    });
    check({
      what: "INITIAL_WINDOW_SIZE of 2^31-1",
      send: settings({ INITIAL_WINDOW_SIZE: 2 ** 31 - 1 }),
      says: ["SETTINGS ACK"],
    });
    check({ what: "MAX_FRAME_SIZE below 2^14", send: settings({ MAX_FRAME_SIZE: 16_383 }), says: protocolError });
    check({ what: "MAX_FRAME_SIZE above 2^24-1", send: settings({ MAX_FRAME_SIZE: 2 ** 24 }), says: protocolError });
    check({
      what: "MAX_FRAME_SIZE of 2^24-1",
      send: settings({ MAX_FRAME_SIZE: 2 ** 24 - 1 }),
      says: ["SETTINGS ACK"],
    });
  });

  describe("PING", () => {
    check({ what: "one", send: ping("abcdefgh"), says: ["PING ACK 6162636465666768"] });
    check({ what: "an answer", send: ping("abcdefgh", true), says: [] });
    check({ what: "one on a stream", send: frame(frameType.PING, 0, 1, Buffer.alloc(8)), says: protocolError });
    check({ what: "one of 7 bytes", send: frame(frameType.PING, 0, 0, Buffer.alloc(7)), says: frameSizeError });
    check({ what: "one of 9 bytes", send: frame(frameType.PING, 0, 0, Buffer.alloc(9)), says: frameSizeError });
  });

  describe("GOAWAY", () => {
    check({ what: "one on a stream", send: frame(frameType.GOAWAY, 0, 1, Buffer.alloc(8)), says: protocolError });
    check({ what: "one of 7 bytes", send: frame(frameType.GOAWAY, 0, 0, Buffer.alloc(7)), says: frameSizeError });
    check({ what: "one with debug data", send: goaway(0, 0, "bye"), says: [] });
  });

  describe("WINDOW_UPDATE", () => {
    check({
      what: "one of 3 bytes",
      send: frame(frameType.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)),
      says: frameSizeError,
    });
    check({ what: "an increment of 0 on the connection", send: windowUpdate(0, 0), says: protocolError });
    check({ what: "an increment of 0 on a stream", send: windowUpdate(1, 0), says: ["RST_STREAM 1 PROTOCOL_ERROR"] });
    check({ what: "one on an idle stream", send: windowUpdate(3, 1), says: protocolError });
    check({
      what: "one on an idle stream",
      send: windowUpdate(3, 1),
      says: ["GOAWAY 0 PROTOCOL_ERROR"],
      role: "client",
    });
    check({
      what: "one on a stream that only a server could open",
      send: windowUpdate(2, 1),
      says: protocolError,
    });
    check({
      what: "an increment of 0 on a closed stream",
      send: Buffer.concat([rstStream(1, 8), windowUpdate(1, 0)]),
      says: ["RST_STREAM 1 PROTOCOL_ERROR"],
    });
    check({
      what: "an increment on a closed stream",
      send: Buffer.concat([rstStream(1, 8), windowUpdate(1, 5)]),
      says: [],
    });
    check({
      what: "a connection's window above 2^31-1",
      send: windowUpdate(0, 2 ** 31 - 65_535),
      says: flowControlError,
    });
    check({ what: "a connection's window of 2^31-1", send: windowUpdate(0, 2 ** 31 - 65_536), says: [] });
    check({
      what: "a stream's window above 2^31-1",
      send: windowUpdate(1, 2 ** 31 - 65_535),
      says: ["RST_STREAM 1 FLOW_CONTROL_ERROR"],
    });
    check({ what: "a stream's window of 2^31-1", send: windowUpdate(1, 2 ** 31 - 65_536), says: [] });
    check({
      what: "a stream's window above 2^31-1 by SETTINGS",
      send: Buffer.concat([windowUpdate(1, 2 ** 31 - 65_536), settings({ INITIAL_WINDOW_SIZE: 65_536 })]),
      says: flowControlError,
    });
    check({
      what: "an increment with the reserved bit set",
      send: frame(frameType.WINDOW_UPDATE, 0, 0, number32(0x8000_0001)),
      says: [],
    });
  });

  describe("RST_STREAM", () => {
    check({ what: "one of 3 bytes", send: frame(frameType.RST_STREAM, 0, 1, Buffer.alloc(3)), says: frameSizeError });
    check({ what: "one on stream 0", send: rstStream(0, 8), says: protocolError });
    check({ what: "one on an idle stream", send: rstStream(3, 8), says: protocolError });
    check({ what: "one on an idle stream", send: rstStream(3, 8), says: ["GOAWAY 0 PROTOCOL_ERROR"], role: "client" });
    check({ what: "one, twice", send: Buffer.concat([rstStream(1, 8), rstStream(1, 8)]), says: [] });
  });

  describe("PRIORITY", () => {
    check({ what: "one on an idle stream", send: priority(3, 1), says: [] });
    check({ what: "one on an open stream", send: priority(1, 3), says: [] });
    check({ what: "one on stream 0", send: priority(0, 1), says: protocolError });
    check({
      what: "one of 4 bytes",
      send: frame(frameType.PRIORITY, 0, 1, Buffer.alloc(4)),
      says: ["RST_STREAM 1 FRAME_SIZE_ERROR"],
    });
    check({
      what: "one of 4 bytes on an idle stream",
      send: frame(frameType.PRIORITY, 0, 3, Buffer.alloc(4)),
      says: frameSizeError,
    });
    check({
      what: "one of 4 bytes on a closed stream",
      send: Buffer.concat([rstStream(1, 8), frame(frameType.PRIORITY, 0, 1, Buffer.alloc(4))]),
      says: ["RST_STREAM 1 FRAME_SIZE_ERROR"],
    });
    check({ what: "one that depends on itself", send: priority(1, 1), says: ["RST_STREAM 1 PROTOCOL_ERROR"] });
    check({ what: "one on an idle stream that depends on itself", send: priority(3, 3), says: protocolError });
  });

  describe("HEADERS", () => {
    check({ what: "one on stream 0", send: headers(0, block), says: protocolError });
    check({ what: "one on an even stream", send: headers(2, block), says: protocolError });
    check({
      what: "one on a stream that was never opened",
      send: headers(3, block),
      says: ["GOAWAY 0 PROTOCOL_ERROR"],
      role: "client",
    });
    check({
      what: "one on an even stream",
      send: headers(2, block),
      says: ["GOAWAY 0 PROTOCOL_ERROR"],
      role: "client",
    });
    check({
      what: "a padded one without a pad length",
      send: frame(frameType.HEADERS, flag.PADDED | flag.END_HEADERS, 3),
      says: frameSizeError,
    });
    check({
      what: "one with more padding than payload",
      send: frame(frameType.HEADERS, flag.PADDED | flag.END_HEADERS, 3, Buffer.from([2, 0x82])),
      says: protocolError,
    });
    check({
      what: "one too short for its priority",
      send: frame(frameType.HEADERS, flag.PRIORITY | flag.END_HEADERS, 3, Buffer.alloc(4)),
      says: frameSizeError,
    });
    check({
      what: "a block that HPACK can't read",
      send: headers(3, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])),
      says: ["GOAWAY 1 COMPRESSION_ERROR"],
    });
  });

  describe("DATA", () => {
    check({ what: "one on stream 0", send: data(0, 1), says: protocolError });
    check({ what: "one on an idle stream", send: data(3, 1), says: protocolError });
    check({ what: "one on an idle stream", send: data(3, 1), says: ["GOAWAY 0 PROTOCOL_ERROR"], role: "client" });
    check({ what: "one before any head", send: data(1, 1), says: ["RST_STREAM 1 PROTOCOL_ERROR"], role: "client" });
    check({
      what: "a padded one without a pad length",
      send: frame(frameType.DATA, flag.PADDED, 1),
      says: frameSizeError,
    });
    check({
      what: "one with as much padding as payload",
      send: frame(frameType.DATA, flag.PADDED, 1, Buffer.from([3, 0, 0])),
      says: protocolError,
    });
    check({ what: "one of padding only", send: data(1, 0, false, 2), says: [] });
  });

  describe("CONTINUATION", () => {
    check({ what: "one without a block", send: continuation(1, block), says: protocolError });
    check({ what: "one on stream 0", send: continuation(0, block), says: protocolError });
    check({
      what: "one after a whole block",
      send: Buffer.concat([headers(3, Buffer.from([0x83, 0x86, 0x84])), continuation(3, block)]),
      says: ["GOAWAY 3 PROTOCOL_ERROR"],
    });
    check({
      what: "one of another stream",
      send: Buffer.concat([headers(3, block, { last: false }), continuation(5, block)]),
      says: protocolError,
    });
    for (const [name, send] of [
      ["PING", ping()],
      ["DATA", data(1, 1)],
      ["HEADERS of the same stream", headers(3, block)],
      ["PRIORITY", priority(3, 1)],
      ["a frame of unknown type", frame(0xee, 0, 3)],
    ] as const) {
      check({
        what: `in its place ${name}`,
        send: Buffer.concat([headers(3, block, { last: false }), send]),
        says: protocolError,
      });
    }
  });

  describe("PUSH_PROMISE", () => {
    const promise = frame(frameType.PUSH_PROMISE, flag.END_HEADERS, 1, Buffer.concat([number32(2), block]));
    check({ what: "one", send: promise, says: protocolError });
    check({ what: "one", send: promise, says: ["GOAWAY 0 PROTOCOL_ERROR"], role: "client" });
  });
});
