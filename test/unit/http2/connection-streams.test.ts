/** How many streams there may be, which may begin, and how connections end. */
import assert from "node:assert/strict";
import { data, goaway, ping, rstStream, settings, windowUpdate } from "../../support/h2-frames.ts";
import { RawPeer, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { blockOf } from "../../support/hpack.ts";

describe("a server's streams", () => {
  it("over the limit are refused, and begin again when one has ended", () => {
    const peer = RawPeer.ready("server", { maxConcurrentStreams: 2 });
    peer.request(1).request(3).request(5);
    assert.deepEqual(peer.said(), ["RST_STREAM 5 REFUSED_STREAM"]);
    assert.deepEqual(peer.recorder.blamed, ["too_many_streams"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "request 3 /s/m"]);
    peer.send(rstStream(3, 8)).request(7);
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), ["reset 3 CANCEL peer", "request 7 /s/m"]);
  });

  it("that the peer takes back early are nobody's fault, and those that it uses wrongly its own", () => {
    const peer = RawPeer.ready("server");
    peer.request(1).send(rstStream(1, 8)).request(3);
    assert.deepEqual(peer.recorder.blamed, []);
    peer.send(windowUpdate(3, 0)).request(5, { end: true }).data(5, 1);
    peer.request(7, { fields: trailerFields }).request(9).send(windowUpdate(9, 0x7fff_ffff));
    assert.deepEqual(peer.recorder.blamed, ["protocol", "stream_closed", "protocol", "flow_control"]);
  });

  it("count until both halves have ended", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true });
    assert.equal(peer.connection.streamCount, 1);
    peer.stream(1).sendHeaders(blockOf(responseFields), true);
    assert.equal(peer.connection.streamCount, 0);
    peer.request(3);
    peer.stream(3).sendHeaders(blockOf(responseFields), true);
    assert.equal(peer.connection.streamCount, 1);
    peer.data(3, 1, true);
    assert.equal(peer.connection.streamCount, 0);
    peer.request(5);
    peer.stream(5).sendHeaders(blockOf(responseFields), true);
    peer.request(5, { fields: trailerFields, end: true });
    assert.equal(peer.connection.streamCount, 0);
  });

  it("may skip ids, but never go back", () => {
    const peer = RawPeer.ready("server");
    peer.request(7).request(5);
    assert.deepEqual(peer.said(), ["GOAWAY 7 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["request 7 /s/m", "reset 7 PROTOCOL_ERROR protocol", "closed"]);
  });

  it("may have the highest id there is", () => {
    const peer = RawPeer.ready("server");
    peer.request(2 ** 31 - 1).data(2 ** 31 - 1, 1, true);
    assert.deepEqual(peer.heard(), ["request 2147483647 /s/m", "data 2147483647 1 end"]);
  });

  it("that we have reset may go on for a while: what was on its way is ignored", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.stream(1).reset(8);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 CANCEL"]);
    peer.data(1, 5).send(windowUpdate(1, 1)).request(1, { fields: trailerFields, end: true }).send(rstStream(1, 8));
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), ["request 1 /s/m"]);
  });

  it("that had ended before we reset them may not go on: the peer's last word was out", () => {
    const frames = [data(1, 0, false, 0), data(1, 1), "trailers"] as const;
    for (const frame of frames) {
      const peer = RawPeer.ready("server");
      peer.request(1, { end: true });
      peer.stream(1).reset(8);
      peer.send(windowUpdate(1, 1), rstStream(1, 8));
      assert.deepEqual(peer.said(), ["RST_STREAM 1 CANCEL"]);
      if (frame === "trailers") peer.request(1, { fields: trailerFields, end: true });
      else peer.send(frame);
      assert.deepEqual(peer.said(), ["GOAWAY 1 STREAM_CLOSED"]);
    }
  });

  it("are not reset twice", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.stream(1).reset(8);
    peer.stream(1).reset(8);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 CANCEL"]);
  });

  it("say NO_ERROR when a peer's reset says so", () => {
    const peer = RawPeer.ready("server");
    peer.request(1).request(3).send(rstStream(1, 0), rstStream(3, 0xff));
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "request 3 /s/m", "reset 1 NO_ERROR peer", "reset 3 255 peer"]);
  });
});

describe("a client's streams", () => {
  it("have odd ids from the first one on", () => {
    const peer = RawPeer.ready("client", { firstStreamId: 101 });
    assert.deepEqual([peer.open().id, peer.open().id], [101, 103]);
    assert.deepEqual(peer.said(), ["HEADERS 101", "HEADERS 103"]);
  });

  it("are as many as the peer allows, and it tells when there is room again", () => {
    const peer = RawPeer.ready("client", {}, { MAX_CONCURRENT_STREAMS: 1 });
    peer.open(true);
    assert.equal(peer.connection.hasCapacity, false);
    peer.respond(1, { fields: responseFields, end: true });
    assert.equal(peer.connection.hasCapacity, true);
    assert.deepEqual(peer.heard(), ["response 1 200 end", "capacity"]);
  });

  it("wait for a higher limit where the peer allows none", () => {
    const peer = RawPeer.ready("client", {}, { MAX_CONCURRENT_STREAMS: 0 });
    assert.equal(peer.connection.hasCapacity, false);
    peer.send(settings({ MAX_CONCURRENT_STREAMS: 5 }));
    assert.deepEqual(peer.heard(), ["capacity"]);
    assert.equal(peer.connection.hasCapacity, true);
  });

  it("stay where a limit falls below their number", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.open(true);
    peer.send(settings({ MAX_CONCURRENT_STREAMS: 1 }));
    peer.respond(1, { end: true });
    assert.equal(peer.connection.hasCapacity, false);
    peer.respond(3, { end: true });
    assert.equal(peer.connection.hasCapacity, true);
  });

  it("that the peer refuses were never looked at", () => {
    const peer = RawPeer.ready("client");
    peer.open();
    peer.open();
    peer.send(rstStream(1, 7), rstStream(3, 8));
    assert.deepEqual(peer.heard(), ["reset 1 REFUSED_STREAM unprocessed", "reset 3 CANCEL peer"]);
  });

  it("end with their connection, each reported, then the connection", () => {
    const peer = RawPeer.ready("client");
    peer.open();
    peer.open();
    peer.connection.lost();
    peer.connection.lost();
    assert.deepEqual(peer.heard(), ["reset 1 INTERNAL_ERROR lost", "reset 3 INTERNAL_ERROR lost", "closed"]);
    assert.equal(peer.connection.streamCount, 0);
    assert.equal(peer.connection.hasCapacity, false);
    assert.equal(peer.connection.failure, -1);
  });

  it("that are answered before their request is over go on until that is over too", () => {
    const peer = RawPeer.ready("client");
    const stream = peer.open();
    peer.respond(1, { end: true });
    assert.equal(peer.connection.streamCount, 1);
    stream.sendData(Buffer.from("rest"), 0, 4, true);
    assert.equal(peer.connection.streamCount, 0);
    peer.open();
    peer.respond(3, { end: true }).said();
    peer.data(3, 1);
    assert.deepEqual(peer.said(), ["RST_STREAM 3 STREAM_CLOSED"]);
  });

  it("retire their connection at the highest id: open ones finish, then it ends", () => {
    const peer = RawPeer.ready("client", { maxStreamId: 5 });
    peer.open(true);
    peer.open(true);
    assert.equal(peer.connection.hasCapacity, true);
    peer.open(true);
    assert.equal(peer.connection.hasCapacity, false);
    assert.equal(peer.connection.dead, false);
    for (const id of [1, 3]) peer.respond(id, { end: true });
    assert.equal(peer.connection.dead, false);
    peer.respond(5, { end: true });
    assert.equal(peer.connection.dead, true);
    assert.equal(peer.heard().at(-1), "closed");
  });
});

describe("a peer's GOAWAY", () => {
  it("ends those streams of a client that it never looked at, and lets the others finish", () => {
    const peer = RawPeer.ready("client");
    for (let i = 0; i < 3; i++) peer.open(true);
    peer.send(goaway(3));
    assert.deepEqual(peer.heard(), ["goaway NO_ERROR", "reset 5 REFUSED_STREAM unprocessed"]);
    assert.equal(peer.connection.hasCapacity, false);
    peer.respond(1, { end: true }).respond(3, { end: true });
    assert.deepEqual(peer.heard(), ["response 1 200 end", "response 3 200 end", "closed"]);
  });

  it("with the highest id first announces, with the true one ends", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.open(true);
    peer.send(goaway(2 ** 31 - 1), ping());
    assert.deepEqual(peer.heard(), ["goaway NO_ERROR"]);
    peer.send(goaway(1));
    assert.deepEqual(peer.heard(), ["goaway NO_ERROR", "reset 3 REFUSED_STREAM unprocessed"]);
  });

  it("that takes all streams reports each before the connection's end", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.open(true);
    peer.send(goaway(0, 11));
    assert.deepEqual(peer.heard(), [
      "goaway ENHANCE_YOUR_CALM",
      "reset 1 REFUSED_STREAM unprocessed",
      "reset 3 REFUSED_STREAM unprocessed",
      "closed",
    ]);
  });

  it("ends an idle client's connection", () => {
    const peer = RawPeer.ready("client");
    peer.send(goaway(0));
    assert.deepEqual(peer.heard(), ["goaway NO_ERROR", "closed"]);
    assert.equal(peer.connection.dead, true);
  });

  it("lets a client's frames for the streams it took back be late", () => {
    const peer = RawPeer.ready("client");
    peer.open();
    peer.open();
    peer.send(goaway(1), data(3, 1), windowUpdate(3, 1), rstStream(3, 7));
    assert.equal(peer.connection.dead, false);
  });

  it("leaves a server's streams alone", () => {
    const peer = RawPeer.ready("server");
    peer.request(1).send(goaway(0));
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "goaway NO_ERROR"]);
    peer.stream(1).sendHeaders(blockOf(responseFields), true);
    assert.deepEqual(peer.said(), ["HEADERS 1 END_STREAM"]);
    assert.equal(peer.connection.dead, false);
  });
});

describe("a server's graceful end", () => {
  it("announces itself, and takes what was on its way until the PING is answered", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.connection.shutdown();
    assert.deepEqual(peer.said(), ["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000"]);
    peer.request(3);
    peer.send(ping("\0\0\0\0\0\0\0\0", true));
    assert.deepEqual(peer.said(), ["GOAWAY 3 NO_ERROR"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "request 3 /s/m"]);
  });

  it("ignores calls after the final GOAWAY with all their frames, and keeps the table in step", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    peer.said();
    peer.heard();
    peer.request(3, { fields: [...responseFields.slice(1), ["x-new", "1"]] });
    peer.data(3, 100).send(windowUpdate(3, 5)).data(3, 5, true).send(rstStream(3, 8));
    peer.request(5).request(5, { fields: trailerFields, end: true });
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), []);
    peer.request(1, { fields: [["x-new", "1"]], end: true });
    assert.deepEqual(peer.heard(), ["trailers 1"]);
    assert.deepEqual(peer.recorder.lists.get("trailers 1"), ["x-new: 1"]);
  });

  it("takes no answer to another PING for that to its own", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.connection.ping("alive");
    peer.connection.shutdown();
    assert.deepEqual(peer.said(), ["PING 616c6976653f2e2e", "GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000"]);
    peer.send(ping("alive?..", true));
    assert.deepEqual(peer.said(), []);
    peer.send(ping("\0\0\0\0\0\0\0\0", true));
    assert.deepEqual(peer.said(), ["GOAWAY 1 NO_ERROR"]);
  });

  it("still judges frames for the last stream it took", () => {
    const peer = RawPeer.ready("server");
    peer.request(1).request(3);
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    peer.said();
    peer.send(rstStream(3, 8)).data(3, 1);
    assert.deepEqual(peer.said(), ["GOAWAY 3 STREAM_CLOSED"]);
  });

  it("never names a higher stream than its final GOAWAY did", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    peer.said();
    peer.request(9).send(data(0, 1));
    assert.deepEqual(peer.said(), ["GOAWAY 1 PROTOCOL_ERROR"]);
  });

  it("asks to be flushed once more, whatever waits to be flushed already", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true });
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    const { dirty } = peer;
    peer.stream(1).sendHeaders(blockOf(responseFields), true);
    assert.deepEqual([peer.connection.dead, peer.dirty], [true, dirty + 1]);
    const failing = RawPeer.ready("server");
    failing.send(ping());
    const before = failing.dirty;
    failing.connection.fail(0, "over");
    assert.equal(failing.dirty, before + 1);
  });

  it("is over when the last call is", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true });
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    assert.equal(peer.connection.dead, false);
    peer.stream(1).sendHeaders(blockOf(responseFields), true);
    assert.equal(peer.connection.dead, true);
    assert.deepEqual(peer.said().slice(-1), ["HEADERS 1 END_STREAM"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m end", "closed"]);
  });

  it("waits for the PING's answer on an idle connection too", () => {
    const peer = RawPeer.ready("server");
    peer.connection.shutdown();
    assert.equal(peer.connection.dead, false);
    peer.connection.finishShutdown();
    assert.equal(peer.connection.dead, true);
    assert.deepEqual(peer.said(), ["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000", "GOAWAY 0 NO_ERROR"]);
  });

  it("begins once and finishes once", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    peer.connection.finishShutdown();
    assert.deepEqual(peer.said(), []);
    peer.connection.shutdown();
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    peer.connection.finishShutdown();
    assert.equal(peer.said().length, 3);
  });
});

describe("a client's graceful end", () => {
  it("says GOAWAY, opens no more and ends with its last call", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.said();
    peer.connection.shutdown();
    peer.connection.shutdown();
    assert.deepEqual(peer.said(), ["GOAWAY 0 NO_ERROR"]);
    assert.equal(peer.connection.hasCapacity, false);
    assert.equal(peer.connection.dead, false);
    peer.respond(1, { end: true });
    assert.equal(peer.connection.dead, true);
  });

  it("is at once where there is none", () => {
    const peer = RawPeer.ready("client");
    peer.connection.shutdown();
    assert.deepEqual(peer.said(), ["GOAWAY 0 NO_ERROR"]);
    assert.deepEqual(peer.heard(), ["closed"]);
  });
});

describe("a dead connection", () => {
  it("takes no orders", () => {
    const peer = RawPeer.ready("server");
    peer.request(1);
    const stream = peer.stream(1);
    peer.connection.lost();
    peer.heard();
    stream.sendHeaders(blockOf(responseFields), false);
    assert.equal(stream.sendData(Buffer.alloc(5), 0, 5, true), 5);
    stream.sendTrailers(blockOf(trailerFields));
    stream.consumed(1_000_000);
    stream.reset(8);
    peer.connection.ping("alive");
    peer.connection.shutdown();
    peer.connection.finishShutdown();
    peer.connection.fail(1, "late");
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), []);
  });

  it("says what ended it", () => {
    const peer = RawPeer.ready("server");
    peer.send(data(0, 1));
    assert.equal(peer.connection.failure, 1);
    assert.equal(peer.connection.failureText, "DATA on stream 0");
    const last = peer.frames().at(-1);
    assert.equal(last?.payload.subarray(8).toString(), "DATA on stream 0");
  });
});
