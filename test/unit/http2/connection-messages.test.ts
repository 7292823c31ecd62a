/** Which header lists make a message, as a connection judges them, and how long a list or its block may be. */
import assert from "node:assert/strict";
import { continuation, data, headers, ping, settings } from "../../support/h2-frames.ts";
import { RawPeer, requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { blockOf, type Pair } from "../../support/hpack.ts";

const [method, scheme, path, authority] = requestFields as [Pair, Pair, Pair, Pair];
const pseudo = [method, scheme, path, authority];

/** The list without the field of this name. */
function without(name: string): Pair[] {
  return requestFields.filter(([each]) => each !== name);
}

describe("a request's head", () => {
  const malformed: readonly (readonly [what: string, fields: readonly Pair[]])[] = [
    ["no :method", without(":method")],
    ["no :scheme", without(":scheme")],
    ["no :path", without(":path")],
    ["an empty :path", [...without(":path"), [":path", ""]]],
    ["nothing in it", []],
    [":method twice", [method, ...requestFields]],
    [":scheme twice", [scheme, ...requestFields]],
    [":path twice", [path, ...requestFields]],
    [":authority twice", [authority, ...requestFields]],
    ["a pseudo-header after a regular one", [...without(":path"), path]],
    ["a pseudo-header of answers", [...pseudo, [":status", "200"]]],
    ["an unknown pseudo-header", [[":new", "x"], ...requestFields]],
    ["a name in upper case", [...requestFields, ["X-Upper", "1"]]],
    ["connection", [...requestFields, ["connection", "close"]]],
    ["proxy-connection", [...requestFields, ["proxy-connection", "close"]]],
    ["keep-alive", [...requestFields, ["keep-alive", "1"]]],
    ["transfer-encoding", [...requestFields, ["transfer-encoding", "chunked"]]],
    ["upgrade", [...requestFields, ["upgrade", "h2c"]]],
    ["te other than trailers", [...without("te"), ["te", "trailers, deflate"]]],
    ["a line break in a value", [...requestFields, ["x", "a\r\nb"]]],
    ["a content-length that is no number", [...requestFields, ["content-length", "5x"]]],
    ["a negative content-length", [...requestFields, ["content-length", "-1"]]],
    ["two content-lengths that differ", [...requestFields, ["content-length", "5"], ["content-length", "6"]]],
  ];
  for (const [what, fields] of malformed) {
    it(`with ${what} costs its stream, and the next request passes`, () => {
      const peer = RawPeer.ready("server");
      peer.request(1, { fields });
      assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
      peer.request(3);
      assert.deepEqual(peer.heard(), ["request 3 /s/m"]);
      assert.equal(peer.connection.streamCount, 1);
    });
  }

  const fine: readonly (readonly [what: string, fields: readonly Pair[]])[] = [
    ["without :authority", without(":authority")],
    ["without te", without("te")],
    ["with a content-length", [...requestFields, ["content-length", "0"]]],
    ["with the same content-length twice", [...requestFields, ["content-length", "0"], ["content-length", "0"]]],
    ["with bytes that are no text", [...requestFields, ["x-bin", "\xff\x80"]]],
  ];
  for (const [what, fields] of fine) {
    it(`${what} is reported as it came`, () => {
      const peer = RawPeer.ready("server");
      peer.request(1, { fields, end: true });
      assert.deepEqual(peer.heard(), ["request 1 /s/m end"]);
      assert.deepEqual(
        peer.recorder.lists.get("head 1"),
        fields.map(([name, value]) => `${name}: ${value}`),
      );
      assert.deepEqual(peer.said(), []);
    });
  }

  it("is read through padding and priority", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { padding: 7, dependsOn: 3 }).request(3, { padding: 0 }).request(5, { dependsOn: 0 });
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "request 3 /s/m", "request 5 /s/m"]);
    assert.deepEqual(peer.said(), []);
  });

  it("that makes its stream depend on itself costs the stream, in one frame or in several", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { dependsOn: 1 });
    const block = peer.block(requestFields);
    peer.send(headers(3, block.subarray(0, 4), { dependsOn: 3, last: false }), continuation(3, block.subarray(4)));
    peer.request(5);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR", "RST_STREAM 3 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["request 5 /s/m"]);
  });

  it("of a stream that is open already must be its end", () => {
    const peer = RawPeer.ready("server");
    peer.request(1).request(1);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "reset 1 PROTOCOL_ERROR protocol"]);
  });
});

describe("a content-length", () => {
  const fields: readonly Pair[] = [...requestFields, ["content-length", "10"]];

  it("is kept by a message of as many bytes, whatever its frames and padding", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { fields }).data(1, 4, false, 9).data(1, 0).data(1, 6, true);
    assert.deepEqual(peer.said(), []);
    assert.deepEqual(peer.heard(), ["request 1 /s/m", "data 1 4", "data 1 6 end"]);
  });

  const broken: readonly (readonly [what: string, break_: (peer: RawPeer) => void])[] = [
    ["too many bytes", (peer) => peer.data(1, 4).data(1, 7)],
    ["too few bytes", (peer) => peer.data(1, 9, true)],
    ["no bytes at all", (peer) => peer.data(1, 0, true)],
    ["trailers too early", (peer) => peer.data(1, 9).request(1, { fields: trailerFields, end: true })],
  ];
  for (const [what, breakIt] of broken) {
    it(`is broken by ${what}: a stream error, before the end is reported`, () => {
      const peer = RawPeer.ready("server");
      peer.request(1, { fields });
      breakIt(peer);
      assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
      const heard = peer.heard();
      assert.equal(heard.at(-1), "reset 1 PROTOCOL_ERROR protocol");
      assert.equal(
        heard.some((event) => event.startsWith("trailers") || event.endsWith("end")),
        false,
      );
    });
  }

  it("is broken by a head that is also the end", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { fields, end: true });
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), []);
    assert.equal(peer.connection.streamCount, 0);
  });

  it("binds answers too", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.said();
    peer.respond(1, { fields: [...responseFields, ["content-length", "3"]] }).data(1, 4);
    assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["response 1 200", "reset 1 PROTOCOL_ERROR protocol"]);
    peer.open(true);
    peer.said();
    peer.respond(3, { fields: [...responseFields, ["content-length", "3"]], end: true });
    assert.deepEqual(peer.said(), ["RST_STREAM 3 PROTOCOL_ERROR"]);
    assert.deepEqual(peer.heard(), ["reset 3 PROTOCOL_ERROR protocol"]);
  });
});

describe("trailers", () => {
  it("end a request, and a response", () => {
    const server = RawPeer.ready("server");
    server.request(1).request(1, { fields: [["x-checksum", "1"]], end: true });
    assert.deepEqual(server.heard(), ["request 1 /s/m", "trailers 1"]);
    assert.deepEqual(server.recorder.lists.get("trailers 1"), ["x-checksum: 1"]);
    const client = RawPeer.ready("client");
    client.open(true);
    client.respond(1).data(1, 3).respond(1, { fields: trailerFields, end: true });
    assert.deepEqual(client.heard(), ["response 1 200", "data 1 3", "trailers 1"]);
    assert.equal(client.connection.streamCount, 0);
  });

  for (const [what, fields, end] of [
    ["with a pseudo-header", [[":status", "200"]], true],
    ["with a request's pseudo-header", [[":path", "/"]], true],
    ["with a connection header", [["connection", "close"]], true],
    ["with a name in upper case", [["Grpc-Status", "0"]], true],
    ["that do not end the stream", trailerFields, false],
  ] as const) {
    it(`${what} cost their stream`, () => {
      const peer = RawPeer.ready("client");
      peer.open(true);
      peer.said();
      peer.respond(1).respond(1, { fields: fields as readonly Pair[], end });
      assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
      assert.deepEqual(peer.heard(), ["response 1 200", "reset 1 PROTOCOL_ERROR protocol"]);
    });
  }

  it("after the stream's end cost the stream", () => {
    const peer = RawPeer.ready("server");
    peer.request(1, { end: true }).request(1, { fields: trailerFields, end: true });
    assert.deepEqual(peer.said(), ["RST_STREAM 1 STREAM_CLOSED"]);
    assert.deepEqual(peer.heard(), ["request 1 /s/m end", "reset 1 STREAM_CLOSED protocol"]);
  });
});

describe("a response's head", () => {
  it("is reported with its status", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.respond(1, { fields: [[":status", "503"]], end: true });
    assert.deepEqual(peer.heard(), ["response 1 503 end"]);
    assert.equal(peer.connection.streamCount, 0);
  });

  it("comes after any number of interim ones, which are not reported", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.respond(1, { fields: [[":status", "100"]] }).respond(1, { fields: [[":status", "103"]] });
    assert.deepEqual(peer.heard(), []);
    peer.respond(1);
    assert.deepEqual(peer.heard(), ["response 1 200"]);
  });

  for (const [what, fields, end] of [
    ["without :status", [["x", "1"]], false],
    [
      "with :status not in the first place",
      [
        ["x", "1"],
        [":status", "200"],
      ],
      false,
    ],
    [
      "with :status twice",
      [
        [":status", "200"],
        [":status", "200"],
      ],
      false,
    ],
    [
      "with a request's pseudo-header",
      [
        [":status", "200"],
        [":path", "/"],
      ],
      false,
    ],
    ["with a status of two digits", [[":status", "20"]], false],
    ["with a status below 100", [[":status", "099"]], false],
    ["with a status that is no number", [[":status", "2oo"]], false],
    [
      "with a connection header",
      [
        [":status", "200"],
        ["connection", "x"],
      ],
      false,
    ],
    ["with status 101, which HTTP/2 has not", [[":status", "101"]], false],
    ["that is interim and the end", [[":status", "100"]], true],
  ] as const) {
    it(`${what} costs its stream`, () => {
      const peer = RawPeer.ready("client");
      peer.open(true);
      peer.said();
      peer.respond(1, { fields: fields as readonly Pair[], end });
      assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
      assert.deepEqual(peer.heard(), ["reset 1 PROTOCOL_ERROR protocol"]);
    });
  }
});

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
