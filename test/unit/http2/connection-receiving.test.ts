/** Flow control of what a peer sends: its bytes are credited to the connection on receipt, to their stream on delivery. */
import assert from "node:assert/strict";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { preface } from "../../../src/http2/constants.ts";
import { data, settings, settingsAck } from "../../support/h2-frames.ts";
import { type RawOptions, RawPeer, requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import type { Pair } from "../../support/hpack.ts";

/** Streams 1 and 3 are open; nothing is credited but by hand. */
function withStreams(options: RawOptions = {}): RawPeer {
  const peer = RawPeer.ready("server", { reading: false, ...options });
  peer.request(1).request(3);
  peer.heard();
  return peer;
}

const windows = { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 };

describe("DATA", () => {
  it("is handed on piece by piece, as it arrives, at whatever byte it is cut", () => {
    const bytes = Buffer.concat([
      data(1, Buffer.from("abc")),
      data(1, Buffer.from("defg"), false, 5),
      data(1, Buffer.alloc(0), false, 2),
      data(1, Buffer.from("h"), true, 1),
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const peer = withStreams();
      peer.send(bytes.subarray(0, cut)).send(bytes.subarray(cut));
      assert.equal(peer.recorder.body(1).toString(), "abcdefgh", `cut at ${cut}`);
      const heard = peer.heard();
      assert.equal(heard.filter((event) => event.endsWith("end")).length, 1);
      assert.equal(heard.includes("data 1 0"), false, "nothing is reported that says nothing");
      assert.deepEqual(peer.said(), []);
    }
  });

  it("is handed on before its frame is whole", () => {
    const peer = withStreams();
    peer.send(data(1, 100, true).subarray(0, 9 + 40));
    assert.deepEqual(peer.heard(), ["data 1 40"]);
    peer.send(data(1, 100, true).subarray(9 + 40));
    assert.deepEqual(peer.heard(), ["data 1 60 end"]);
  });

  it("that is empty is not reported, but for its end", () => {
    const peer = withStreams();
    peer.data(1, 0).data(1, 0, false, 3);
    assert.deepEqual(peer.heard(), []);
    peer.data(1, 0, true);
    assert.deepEqual(peer.heard(), ["data 1 0 end"]);
  });

  it("that ends within padding is reported once the padding is over", () => {
    const peer = withStreams();
    const bytes = data(1, Buffer.from("ab"), true, 3);
    peer.send(bytes.subarray(0, bytes.length - 1));
    assert.deepEqual(peer.heard(), ["data 1 2"]);
    peer.send(bytes.subarray(bytes.length - 1));
    assert.deepEqual(peer.heard(), ["data 1 0 end"]);
  });
});

describe("a connection's credit", () => {
  it("is returned on receipt, in halves of the window, whether anybody reads or not", () => {
    const peer = withStreams(windows);
    peer.data(1, 16_384);
    assert.deepEqual(peer.said(), []);
    peer.data(3, 16_384);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 0 +32768"]);
  });

  it("is returned for padding and pad lengths too", () => {
    const peer = withStreams(windows);
    for (let i = 0; i < 128; i++) peer.data(1, 0, false, 255);
    assert.deepEqual(
      peer.said().filter((line) => line.startsWith("WINDOW_UPDATE 0")),
      ["WINDOW_UPDATE 0 +32768"],
    );
  });

  it("is returned for the data of streams that we have reset", () => {
    const peer = withStreams(windows);
    peer.stream(1).reset(8);
    peer.stream(3).reset(8);
    peer.said();
    for (let i = 0; i < 8; i++) peer.data(i < 4 ? 1 : 3, 16_000);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 0 +48000", "WINDOW_UPDATE 0 +48000"]);
    assert.deepEqual(peer.heard(), []);
  });

  it("is returned for the data of a stream that was refused", () => {
    const peer = withStreams({ ...windows, maxConcurrentStreams: 2 });
    peer.request(5).data(5, 16_384).data(5, 16_384, true);
    assert.deepEqual(peer.said(), ["RST_STREAM 5 REFUSED_STREAM", "WINDOW_UPDATE 0 +32768"]);
  });

  it("overrun ends the connection", () => {
    const peer = withStreams({ connectionWindowBytes: 65_535, streamWindowBytes: 1 << 20, maxFrameBytes: 100_000 });
    peer.data(1, 65_536);
    assert.deepEqual(peer.said(), ["GOAWAY 3 FLOW_CONTROL_ERROR"]);
    assert.deepEqual(peer.heard(), [
      "reset 1 FLOW_CONTROL_ERROR protocol",
      "reset 3 FLOW_CONTROL_ERROR protocol",
      "closed",
    ]);
  });

  it("used up to its last byte is no overrun", () => {
    const peer = withStreams({ connectionWindowBytes: 65_535, streamWindowBytes: 1 << 20, maxFrameBytes: 100_000 });
    peer.data(1, 65_535);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 0 +65535"]);
  });

  it("not yet returned is missing from the next frame", () => {
    const peer = withStreams({ connectionWindowBytes: 65_535, streamWindowBytes: 1 << 20, maxFrameBytes: 100_000 });
    peer.data(1, 32_767).data(1, 32_769);
    assert.deepEqual(peer.said(), ["GOAWAY 3 FLOW_CONTROL_ERROR"]);
  });
});

describe("a stream's credit", () => {
  it("is returned as its bytes find their place, in halves of the window", () => {
    const peer = withStreams({ streamWindowBytes: 10_000 });
    peer.data(1, 9_000);
    assert.deepEqual(peer.said(), []);
    peer.stream(1).consumed(4_999);
    assert.deepEqual(peer.said(), []);
    peer.stream(1).consumed(1);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 1 +5000"]);
    peer.stream(1).consumed(0);
    peer.stream(1).consumed(4_000);
    assert.deepEqual(peer.said(), []);
  });

  it("is returned for padding, which nobody reads", () => {
    const peer = withStreams({ streamWindowBytes: 1_024 });
    peer.data(1, 0, false, 255).data(1, 0, false, 255);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 1 +512"]);
  });

  it("overrun costs that stream only", () => {
    const peer = withStreams({ streamWindowBytes: 10_000 });
    peer.data(1, 10_000).data(1, 1);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    assert.deepEqual(peer.heard(), ["data 1 10000", "reset 1 FLOW_CONTROL_ERROR protocol"]);
    peer.data(3, 10_000);
    assert.deepEqual(peer.heard(), ["data 3 10000"]);
  });

  it("overrun by padding alone counts as well", () => {
    const peer = withStreams({ streamWindowBytes: 1_024 });
    peer.data(1, 1_000).data(1, 20, false, 4);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
  });

  it("is not returned once the peer's half has ended, or the stream is gone", () => {
    const peer = withStreams({ streamWindowBytes: 10_000 });
    peer.data(1, 9_000, true).data(3, 9_000);
    peer.stream(1).consumed(9_000);
    peer.stream(3).reset(8);
    peer.said();
    peer.stream(3).consumed(9_000);
    assert.deepEqual(peer.said(), []);
  });

  it("is the protocol's own until the peer has acknowledged ours, where ours is smaller", () => {
    const peer = new RawPeer("server", { reading: false, streamWindowBytes: 1_024 });
    peer.send(preface, settings());
    peer.request(1).data(1, 16_384);
    peer.send(settingsAck());
    peer.request(3).data(3, 1_024).data(3, 1);
    assert.deepEqual(peer.said().slice(-1), ["RST_STREAM 3 FLOW_CONTROL_ERROR"]);
    assert.equal(peer.recorder.body(1).length, 16_384);
  });
});

describe("data for a stream that is not open", () => {
  it("after the peer's own end costs the stream, while we still answer", () => {
    const peer = withStreams();
    peer.data(1, 1, true).data(1, 1);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 STREAM_CLOSED"]);
    assert.deepEqual(peer.heard(), ["data 1 1 end", "reset 1 STREAM_CLOSED protocol"]);
  });

  it("after both halves have ended costs the connection", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.respond(1, { fields: responseFields }).respond(1, { fields: trailerFields, end: true });
    peer.said();
    peer.data(1, 1);
    assert.deepEqual(peer.said(), ["GOAWAY 0 STREAM_CLOSED"]);
  });

  it("after the peer's own reset costs the connection", () => {
    const peer = withStreams();
    peer.send(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8])).data(1, 1);
    assert.deepEqual(peer.said(), ["GOAWAY 3 STREAM_CLOSED"]);
  });

  it("so long gone that nobody remembers how is answered with a reset", () => {
    const peer = withStreams();
    peer.send(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]));
    for (let id = 5; id < 5 + 2 * 2_048; id += 2) {
      peer.request(id);
      peer.stream(id).reset(8);
    }
    peer.said();
    peer.data(1, 1);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 STREAM_CLOSED"]);
    peer.request(1, { fields: requestFields });
    assert.deepEqual(peer.said(), ["GOAWAY 4099 PROTOCOL_ERROR"]);
  });

  it("that a client took back, however long ago, is ignored: the answer was on its way", () => {
    const peer = RawPeer.ready("client");
    const late = peer.open(true);
    late.reset(8);
    for (let i = 0; i < 600; i++) {
      const { id } = peer.open(true);
      peer.respond(id, { end: true });
    }
    const next = peer.open(true);
    peer.said();
    peer.heard();
    peer.respond(late.id).data(late.id, 100).respond(late.id, { fields: trailerFields, end: true });
    assert.deepEqual([peer.said(), peer.heard()], [[], []]);
    peer.respond(next.id, { end: true });
    assert.equal(peer.connection.dead, false);
    assert.equal(peer.connection.streamCount, 0);
  });

  it("within a frame whose stream was reset meanwhile is dropped", () => {
    const peer = withStreams();
    const bytes = data(1, 100, true);
    peer.send(bytes.subarray(0, 50));
    peer.stream(1).reset(8);
    peer.heard();
    peer.send(bytes.subarray(50)).data(3, 5);
    assert.deepEqual(peer.heard(), ["data 3 5"]);
  });

  it("whose length a message did not declare is dropped to the end of its frame", () => {
    const peer = RawPeer.ready("server");
    const fields: readonly Pair[] = [...requestFields, ["content-length", "10"]];
    peer.request(1, { fields });
    const bytes = data(1, 100, true);
    peer.send(bytes.subarray(0, 50)).send(bytes.subarray(50)).request(3);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "reset 1 PROTOCOL_ERROR protocol", "request 3 /s/m"]);
  });
});

describe("the byte budget", () => {
  it("withholds a stream's credit while the process holds too much, and gives it when a tenth is free", () => {
    const budget = new ByteBudget(1_000);
    const peer = withStreams({ budget, streamWindowBytes: 2_048 });
    budget.hold(peer.connection.holder, 1_001);
    peer.data(1, 2_000).data(3, 2_000);
    peer.stream(1).consumed(2_000);
    peer.stream(3).consumed(1_500);
    assert.deepEqual(peer.said(), []);
    budget.release(peer.connection.holder, 100);
    assert.deepEqual(peer.said(), [], "901 of 1,000 is still more than nine tenths");
    budget.release(peer.connection.holder, 1);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 1 +2000", "WINDOW_UPDATE 3 +1500"]);
  });

  it("gives all that was delivered while the stream waited", () => {
    const budget = new ByteBudget(1_000);
    const peer = withStreams({ budget, streamWindowBytes: 2_048 });
    budget.hold(peer.connection.holder, 1_001);
    peer.data(1, 2_000);
    peer.stream(1).consumed(1_024);
    peer.stream(1).consumed(976);
    budget.release(peer.connection.holder, 1_001);
    assert.deepEqual(peer.said(), ["WINDOW_UPDATE 1 +2000"]);
  });

  it("gives no credit to a stream whose peer has ended its half while it waited", () => {
    const budget = new ByteBudget(1_000);
    const peer = withStreams({ budget, streamWindowBytes: 2_048 });
    budget.hold(peer.connection.holder, 1_001);
    peer.data(1, 2_000);
    peer.stream(1).consumed(2_000);
    peer.data(1, 0, true);
    budget.release(peer.connection.holder, 1_001);
    assert.deepEqual(peer.said(), []);
  });

  it("forgets a stream that ends while it waits", () => {
    const budget = new ByteBudget(1_000);
    const peer = withStreams({ budget, streamWindowBytes: 2_048 });
    budget.hold(peer.connection.holder, 1_001);
    peer.data(1, 2_000);
    peer.stream(1).consumed(2_000);
    peer.stream(1).reset(8);
    peer.said();
    budget.release(peer.connection.holder, 1_001);
    assert.deepEqual(peer.said(), []);
  });

  it("counts what waits in streams, and no more once it went out", () => {
    const peer = withStreams();
    peer.said();
    const served = peer.stream(1);
    served.sendData(Buffer.alloc(100_000), 0, 100_000, false);
    assert.equal(peer.budget.held, 100_000 - 65_535);
    peer.stream(3).sendData(Buffer.alloc(10), 0, 10, false);
    assert.equal(peer.budget.held, 100_000 - 65_535 + 10);
    served.reset(8);
    assert.equal(peer.budget.held, 10);
    peer.connection.lost();
    assert.equal(peer.budget.held, 0);
  });
});
