/** Which header lists make a message, as a connection judges them. */
import assert from "node:assert/strict";
import { noBody } from "../../../src/http2/stream.ts";
import { continuation, headers } from "../../support/h2-frames.ts";
import { RawPeer, requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import type { Pair } from "../../support/hpack.ts";

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
    ["the same content-length twice", [...requestFields, ["content-length", "0"], ["content-length", "0"]]],
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

  it("comes after any number of interim ones, which are no heads", () => {
    const peer = RawPeer.ready("client");
    peer.open(true);
    peer.respond(1, { fields: [[":status", "100"]] }).respond(1, { fields: [[":status", "103"]] });
    assert.deepEqual(peer.heard(), ["interim 1 100", "interim 1 103"]);
    peer.respond(1);
    assert.deepEqual(peer.heard(), ["response 1 200"]);
  });

  describe("that tells the length of a body which can't come", () => {
    const fields = (status: string): Pair[] => [
      [":status", status],
      ["content-length", "10"],
    ];

    /** With one open call, which may be for HEAD. */
    function asking(head: boolean): RawPeer {
      const peer = RawPeer.ready("client");
      const stream = peer.open(true);
      if (head) stream.expectedBytes = noBody;
      peer.said();
      return peer;
    }

    for (const [what, head, status] of [
      ["to HEAD", true, "200"],
      ["with 204", false, "204"],
      ["with 304", false, "304"],
    ] as const) {
      it(`${what} may be the end, or be followed by it`, () => {
        const peer = asking(head);
        peer.respond(1, { fields: fields(status), end: true });
        assert.deepEqual([peer.heard(), peer.said()], [[`response 1 ${status} end`], []]);
        const other = asking(head);
        other.respond(1, { fields: fields(status) }).data(1, 0, true);
        assert.deepEqual([other.heard(), other.said()], [[`response 1 ${status}`, "data 1 0 end"], []]);
      });

      it(`${what} may not be followed by bytes`, () => {
        const peer = asking(head);
        peer.respond(1, { fields: fields(status) }).data(1, 10, true);
        assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
      });
    }

    it("is broken where a body was due", () => {
      const peer = asking(false);
      peer.respond(1, { fields: fields("200"), end: true });
      assert.deepEqual(peer.said(), ["RST_STREAM 1 PROTOCOL_ERROR"]);
    });
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
    [
      "that is interim and has a content-length",
      [
        [":status", "103"],
        ["content-length", "0"],
      ],
      false,
    ],
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
