import assert from "node:assert/strict";
import { HeaderField } from "../../../src/http2/header-block.ts";
import { isGrpcAnswer, passOn, replyHttp, replyStatus, statusOf } from "../../../src/proxy/answers.ts";
import { RawPeer, responseFields } from "../../support/h2-raw.ts";
import { blockOf, type Pair, pairsOf } from "../../support/hpack.ts";

/** A caller with one open call. */
function withCall(): RawPeer {
  const peer = RawPeer.ready("server");
  peer.request(1, { end: true });
  return peer;
}

describe("an answer that is passed on", () => {
  it("keeps its fields, their order and what is in them", () => {
    const fields: readonly Pair[] = [...responseFields, ["b", "2"], ["a", "1"], ["b", "\xff"], ["x-content", "kept"]];
    assert.deepEqual(pairsOf(passOn(blockOf(fields), undefined)), fields);
  });

  it("loses what only sidecars may say, and gains who answered", () => {
    const fields: readonly Pair[] = [
      ...responseFields,
      ["x-contender-variant", "somebody else"],
      ["x-contender-hop", "x"],
      ["x-contender-new", "x"],
    ];
    const answeredBy = new HeaderField("x-contender-variant", "v42");
    assert.deepEqual(pairsOf(passOn(blockOf(fields), answeredBy)), [...responseFields, ["x-contender-variant", "v42"]]);
  });
});

describe("an answer", () => {
  for (const [what, fields, end, is] of [
    ["with status 200 and gRPC's type", responseFields, false, true],
    ["with status 200 and no type", [[":status", "200"]], false, true],
    [
      "with status 200 and another type",
      [
        [":status", "200"],
        ["content-type", "text/html"],
      ],
      false,
      false,
    ],
    [
      "with another status",
      [
        [":status", "503"],
        ["content-type", "application/grpc"],
      ],
      false,
      false,
    ],
    [
      "with another status that has gRPC's own as well",
      [
        [":status", "503"],
        ["grpc-status", "14"],
      ],
      true,
      true,
    ],
    [
      "with another status and gRPC's own, but no end",
      [
        [":status", "503"],
        ["grpc-status", "14"],
      ],
      false,
      false,
    ],
  ] as const) {
    it(`${what} ${is ? "is" : "is not"} gRPC's`, () => {
      const block = blockOf(fields as readonly Pair[]);
      assert.equal(isGrpcAnswer(block, Number(fields[0]?.[1]), end), is);
    });
  }

  for (const [values, code] of [
    [["0"], 0],
    [["14"], 14],
    [["5", "0"], 2],
    [["0", "5"], 2],
    [["5", "05"], 5],
    [[], 2],
    [["abc"], 2],
    [["99"], 2],
  ] as const) {
    it(`with grpc-status ${values.join(" and ") || "missing"} counts as ${code}`, () => {
      assert.equal(statusOf(blockOf(values.map((value) => ["grpc-status", value] as const))), code);
    });
  }
});

describe("an answer of our own", () => {
  it("is a head with everything in it where none is out", () => {
    const peer = withCall();
    replyStatus(
      peer.stream(1),
      false,
      14,
      "no connection to v42: 100 %",
      new HeaderField("x-contender-variant", "v42"),
    );
    const frames = peer.frames();
    assert.equal(frames.length, 1);
    assert.equal(frames[0]?.flags, 5);
    assert.deepEqual(peer.lists(frames), [
      [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["x-contender-variant", "v42"],
        ["grpc-status", "14"],
        ["grpc-message", "contender: no connection to v42: 100 %25"],
      ],
    ]);
  });

  it("is trailers where the head is out already", () => {
    const peer = withCall();
    peer.stream(1).sendHeaders(blockOf(responseFields), false);
    replyStatus(peer.stream(1), true, 4, "deadline exceeded", new HeaderField("x-contender-variant", "v42"));
    assert.deepEqual(peer.lists(peer.frames())[1], [
      ["grpc-status", "4"],
      ["grpc-message", "contender: deadline exceeded"],
    ]);
  });

  for (const status of [405, 415] as const) {
    it(`is plain text with status ${status} for what is no gRPC call`, () => {
      const peer = withCall();
      replyHttp(peer.stream(1), status, "want gRPC");
      const frames = peer.frames();
      const body = RawPeer.bytesOf(frames, 1).toString();
      assert.equal(body, "contender: want gRPC\n");
      const list = new Map(peer.lists(frames)[0]?.map(([name, value]) => [name, value]));
      assert.equal(list.get(":status"), String(status));
      assert.equal(list.get("content-length"), String(body.length));
      assert.equal(list.get("allow"), status === 405 ? "POST" : undefined);
      assert.equal(peer.connection.streamCount, 0);
    });
  }

  it("says nothing on a stream that is gone", () => {
    const peer = withCall();
    const stream = peer.stream(1);
    stream.reset(8);
    peer.said();
    replyStatus(stream, false, 2, "late", undefined);
    replyHttp(stream, 415, "late");
    assert.deepEqual(peer.said(), []);
  });
});
