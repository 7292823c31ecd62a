import assert from "node:assert/strict";
import { preface } from "../../../src/http2/constants.ts";
import {
  data,
  flag,
  frame,
  goaway,
  headers,
  ping,
  settings,
  settingsAck,
  windowUpdate,
} from "../../support/h2-frames.ts";
import { RawPeer } from "../../support/h2-raw.ts";

const serverGreeting = [
  "SETTINGS HEADER_TABLE_SIZE=4096 MAX_CONCURRENT_STREAMS=1000 INITIAL_WINDOW_SIZE=262144 MAX_FRAME_SIZE=16384 MAX_HEADER_LIST_SIZE=32768",
  "WINDOW_UPDATE 0 +4128769",
];
const clientGreeting = [
  "SETTINGS HEADER_TABLE_SIZE=4096 ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=262144 MAX_FRAME_SIZE=16384 MAX_HEADER_LIST_SIZE=32768",
  "WINDOW_UPDATE 0 +4128769",
];

describe("a connection's start", () => {
  it("of a server says its settings and the rest of its window before it has read anything", () => {
    const peer = new RawPeer("server");
    assert.equal(peer.dirty, 1);
    assert.deepEqual(peer.said(), serverGreeting);
  });

  it("of a client says the preface first", () => {
    const peer = new RawPeer("client");
    const bytes = Buffer.concat(peer.connection.output.take());
    assert.equal(bytes.subarray(0, preface.length).toString("latin1"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert.deepEqual(new RawPeer("client").said(), clientGreeting);
  });

  it("says no WINDOW_UPDATE where the connection's window is the protocol's own", () => {
    const peer = new RawPeer("server", { connectionWindowBytes: 65_535 });
    assert.equal(peer.said().length, 1);
  });

  it("takes the preface and the first SETTINGS at every place they may be cut", () => {
    const bytes = Buffer.concat([preface, settings({ MAX_FRAME_SIZE: 16_384 }), ping()]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const peer = new RawPeer("server");
      peer.said();
      peer.send(bytes.subarray(0, cut)).send(bytes.subarray(cut));
      assert.deepEqual(peer.said(), ["SETTINGS ACK", "PING ACK 3132333435363738"], `cut at ${cut}`);
      assert.deepEqual(peer.heard(), ["ready"]);
    }
  });

  for (const [what, bytes] of [
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a preface that goes wrong at its end", Buffer.concat([preface.subarray(0, 23), Buffer.from("X")])],
  ] as const) {
    it(`ends with PROTOCOL_ERROR where a client says ${what}`, () => {
      const peer = new RawPeer("server");
      peer.said();
      peer.send(bytes);
      assert.deepEqual(peer.said(), ["GOAWAY 0 PROTOCOL_ERROR"]);
      assert.deepEqual(peer.heard(), ["closed"]);
      assert.equal(peer.connection.dead, true);
      assert.equal(peer.connection.failureText, "no HTTP/2 connection preface");
    });
  }

  for (const role of ["server", "client"] as const) {
    for (const [what, bytes] of [
      ["a PING", ping()],
      ["an acknowledgement of SETTINGS", settingsAck()],
      ["a WINDOW_UPDATE", windowUpdate(0, 1)],
      ["a GOAWAY", goaway(0)],
      ["DATA", data(1, 1)],
      ["HEADERS", headers(1, Buffer.from([0x82]))],
      ["a frame of unknown type", frame(0x42, 0, 0)],
    ] as const) {
      it(`of a ${role} ends with PROTOCOL_ERROR where the peer's first frame is ${what}`, () => {
        const peer = new RawPeer(role);
        peer.said();
        peer.send(role === "server" ? Buffer.concat([preface, bytes]) : bytes);
        assert.deepEqual(peer.said(), ["GOAWAY 0 PROTOCOL_ERROR"]);
        assert.equal(peer.connection.failureText, "the first frame is not SETTINGS");
      });
    }
  }

  it("reads nothing more once it has failed", () => {
    const peer = RawPeer.ready("server");
    peer.send(ping().subarray(0, 8), Buffer.from([1]), Buffer.alloc(8));
    assert.deepEqual(peer.said(), ["GOAWAY 0 PROTOCOL_ERROR"]);
    peer.request(1).send(ping());
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), ["closed"]);
  });

  it("has no capacity before the peer's settings are here, and tells when they are", () => {
    const peer = new RawPeer("client");
    let told = 0;
    peer.connection.onceReady(() => told++);
    assert.equal(peer.connection.hasCapacity, false);
    assert.equal(peer.connection.peerMaxStreams, 100);
    peer.send(settings());
    assert.equal(peer.connection.hasCapacity, true);
    peer.send(settings());
    assert.equal(told, 1);
    assert.deepEqual(peer.heard(), ["ready"]);
  });

  it("counts the peer's first SETTINGS without MAX_CONCURRENT_STREAMS as no limit", () => {
    const peer = new RawPeer("client").send(settings({ MAX_FRAME_SIZE: 16_384 }));
    assert.equal(peer.connection.peerMaxStreams, 2 ** 31 - 1);
  });

  it("keeps a limit that later SETTINGS do not mention", () => {
    const peer = new RawPeer("client").send(
      settings({ MAX_CONCURRENT_STREAMS: 7 }),
      settings({ MAX_FRAME_SIZE: 20_000 }),
    );
    assert.equal(peer.connection.peerMaxStreams, 7);
  });

  it("acknowledges every SETTINGS of the peer's, and no acknowledgement", () => {
    const peer = RawPeer.ready("server");
    peer.send(settings(), settingsAck(), settings({ HEADER_TABLE_SIZE: 100 }));
    assert.deepEqual(peer.said(), ["SETTINGS ACK", "SETTINGS ACK"]);
  });

  it("ignores settings it doesn't know", () => {
    const peer = RawPeer.ready("server");
    peer.send(frame(4, 0, 0, Buffer.from([0xfa, 0xfa, 0xff, 0xff, 0xff, 0xff])));
    assert.deepEqual(peer.said(), ["SETTINGS ACK"]);
  });

  it("says its flags with no END_HEADERS on an acknowledgement", () => {
    const peer = new RawPeer("client").send(settings());
    const ack = peer.frames().at(-1);
    assert.deepEqual(
      { flags: ack?.flags, length: ack?.payload.length, id: ack?.id },
      { flags: flag.ACK, length: 0, id: 0 },
    );
  });
});
