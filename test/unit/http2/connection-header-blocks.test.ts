/** How long a header list and its block may be, blocks of several frames both ways, and HPACK's table sizes. */
import assert from "node:assert/strict";
import { continuation, data, headers, ping, settings } from "../../support/h2-frames.ts";
import { RawPeer, requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { blockOf, type Pair } from "../../support/hpack.ts";

const [method, scheme, path] = requestFields as [Pair, Pair, Pair];

describe("a header list over the limit", () => {
  const large: readonly Pair[] = [...requestFields, ["x-large", "y".repeat(3_000)], ["x-after", "1"]];

  it("is reported as too large with the fields that fit, and the table stays in step", () => {
    const peer = RawPeer.ready("server", { maxHeaderListBytes: 1_024 });
    peer.request(1, { fields: [...large, ["x-learned", "once"]] });
    assert.deepEqual(peer.heard(), ["request 1 /s/m too large"]);
    assert.equal(peer.recorder.lists.get("head 1")?.length, requestFields.length);
    // The peer refers to what it has put into the table.
    peer.request(3, { fields: [...requestFields, ["x-learned", "once"]] });
    assert.deepEqual(peer.heard(), ["request 3 /s/m"]);
    assert.equal(peer.recorder.lists.get("head 3")?.at(-1), "x-learned: once");
    assert.deepEqual(peer.said(), []);
  });

  it("is reported even where a field that a request must have is among the missing", () => {
    const peer = RawPeer.ready("server", { maxHeaderListBytes: 1_024 });
    peer.request(1, { fields: [method, scheme, [":authority", "a".repeat(3_000)], path], end: true });
    assert.deepEqual(peer.heard(), ["request 1 undefined too large end"]);
    assert.deepEqual(peer.said(), []);
  });

  it("costs an answer's stream: a head with fields missing must not pass for the whole one", () => {
    const peer = RawPeer.ready("client", { maxHeaderListBytes: 1_024 });
    peer.open(true);
    peer.open(true);
    peer.said();
    peer.respond(1, { fields: [...responseFields, ["x-large", "y".repeat(3_000)]] });
    peer.respond(3).respond(3, { fields: [...trailerFields, ["x-large", "y".repeat(3_000)]], end: true });
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR", "RST_STREAM 3 PROTOCOL_ERROR"]);
  });
});

describe("a header block", () => {
  it("is put together from CONTINUATION frames, wherever they are cut, and empty ones too", () => {
    const length = RawPeer.ready("server").block(requestFields).length;
    for (let cut = 0; cut <= length; cut++) {
      const peer = RawPeer.ready("server");
      const block = peer.block(requestFields);
      peer.send(
        headers(1, block.subarray(0, cut), { last: false, end: true, padding: 3 }),
        continuation(1, Buffer.alloc(0), false),
        continuation(1, block.subarray(cut)),
      );
      assert.deepEqual(peer.heard(), ["request 1 /s/m end"], `cut at ${cut}`);
    }
  });

  it("takes as many CONTINUATION frames as the option says, and one more ends the connection", () => {
    const frames = (peer: RawPeer, count: number): Buffer => {
      const block = peer.block(requestFields);
      const empty = Array.from({ length: count - 1 }, () => continuation(1, Buffer.alloc(0), false));
      return Buffer.concat([headers(1, block, { last: false }), ...empty, continuation(1, Buffer.alloc(0))]);
    };
    const fine = RawPeer.ready("server");
    fine.send(frames(fine, 8));
    assert.deepEqual(fine.heard(), ["request 1 /s/m"]);
    const flood = RawPeer.ready("server");
    flood.send(frames(flood, 9));
    assert.deepEqual(flood.said(), ["GOAWAY 0 ENHANCE_YOUR_CALM"]);
    assert.deepEqual(flood.heard(), ["closed"]);
  });

  it("takes as many bytes as the option says, in one frame or in several, and one more ends the connection", () => {
    const most = 1_024;
    for (const [over, pieces] of [
      [0, 1],
      [1, 1],
      [0, 3],
      [1, 3],
    ] as const) {
      const peer = RawPeer.ready("server", { maxHeaderBlockBytes: most, maxHeaderListBytes: 4_096 });
      const small = peer.block([...requestFields, ["x-fill", ""]]).length;
      const value = "v".repeat(most - small - 2 + over);
      const block = RawPeer.ready("server").block([...requestFields, ["x-fill", value]]);
      assert.equal(block.length, most + over);
      const size = Math.ceil(block.length / pieces);
      for (let at = 0; at < block.length; at += size) {
        const piece = block.subarray(at, at + size);
        const last = at + size >= block.length;
        peer.send(at === 0 ? headers(1, piece, { last }) : continuation(1, piece, last));
      }
      assert.deepEqual(peer.said(), over === 0 ? [] : ["GOAWAY 0 ENHANCE_YOUR_CALM"], `${over} over in ${pieces}`);
    }
  });

  it("is sent as HEADERS and CONTINUATION where it outgrows the peer's frames, with nothing in between", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true });
    const fields: readonly Pair[] = [...responseFields, ["x-large", "z".repeat(40_000)]];
    peer.stream(1).sendHeaders(blockOf(fields), true);
    const frames = peer.frames();
    assert.deepEqual(
      frames.map(({ type, flags, payload }) => [type, flags, payload.length]),
      [
        [1, 1, 16_384],
        [9, 0, 16_384],
        [9, 4, frames.at(-1)?.payload.length],
      ],
    );
    assert.deepEqual(peer.lists(frames), [fields]);
    assert.equal(peer.connection.streamCount, 0);
  });

  it("of exactly the peer's frame size is one frame, of a byte more two", () => {
    const payloads = (length: number): number[] => {
      const peer = RawPeer.ready("server");
      peer.request(1);
      peer.stream(1).sendHeaders(blockOf([["x-large", "z".repeat(length)]]), false);
      return peer.frames().map(({ payload }) => payload.length);
    };
    const overhead = (payloads(16_300)[0] ?? 0) - 16_300;
    assert.deepEqual(payloads(16_384 - overhead), [16_384]);
    assert.deepEqual(payloads(16_385 - overhead), [16_384, 1]);
    const longer = payloads(32_000).reduce((sum, length) => sum + length) - 32_000;
    assert.deepEqual(payloads(32_768 - longer), [16_384, 16_384], "no empty one at the end");
  });
});

describe("HPACK's table size", () => {
  it("of the peer's settings reaches the encoder, and is announced in the next block", () => {
    const peer = RawPeer.ready("client");
    peer.open();
    peer.lists(peer.frames());
    peer.send(settings({ HEADER_TABLE_SIZE: 0 }));
    peer.open();
    const blocks = peer.frames().filter(({ type }) => type === 1);
    assert.equal(blocks[0]?.payload[0], 0x20, "an update to 0");
    peer.decoder.setMaxTableSize(0);
    assert.deepEqual(peer.lists(blocks), [requestFields]);
  });

  it("of ours binds the peer from its acknowledgement on, not before", () => {
    const peer = new RawPeer("server", { decoderTableBytes: 0 });
    peer.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings());
    peer.request(1, { fields: [...requestFields, ["x-a", "1"]] });
    peer.request(3, { fields: [...requestFields, ["x-a", "1"]] });
    assert.deepEqual(peer.heard(), ["ready", "request 1 /s/m", "request 3 /s/m"]);
    peer.said();
    peer.send(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]));
    // Acknowledged, but the next block does not begin with the update that it owes.
    peer.request(5, { fields: [...requestFields, ["x-a", "1"]] });
    assert.deepEqual(peer.said(), ["GOAWAY 3 COMPRESSION_ERROR"]);
  });

  it("of ours is kept by a peer that announces it", () => {
    const peer = RawPeer.ready("server", { decoderTableBytes: 0 });
    peer.encoder.setPeerMaxTableSize(0);
    peer
      .request(1)
      .request(3)
      .send(data(3, 0, true), ping());
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "request 3 /s/m", "data 3 0 end"]);
  });
});
