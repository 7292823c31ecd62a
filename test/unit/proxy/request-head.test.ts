import assert from "node:assert/strict";
import { HeaderBlock, HeaderField, headerId } from "../../../src/http2/header-block.ts";
import type { BoundVariant } from "../../../src/proxy/generation.ts";
import {
  illegalTimeout,
  isGrpcType,
  isOurs,
  isOursId,
  keepTraffic,
  noTimeout,
  readRequestHead,
  writeRequestHead,
} from "../../../src/proxy/request-head.ts";
import { blockOf, type Pair, pairsOf } from "../../support/hpack.ts";

const usual: readonly Pair[] = [
  [":method", "POST"],
  [":scheme", "https"],
  [":path", "/s/m"],
  [":authority", "caller.test"],
  ["content-type", "application/grpc+proto"],
  ["te", "trailers"],
];

/** What of a variant the head is written from. */
function target(metadata: readonly Pair[] = []): BoundVariant {
  const fields = metadata.map(([name, value]) => new HeaderField(name, value));
  const scheme = new HeaderField(":scheme", "http");
  return { authority: new HeaderField(":authority", "v42.test"), scheme, metadata: fields } as unknown as BoundVariant;
}

const hop = new HeaderField("x-contender-hop", "fraud");

function written(fields: readonly Pair[], variant = target(), timeout?: HeaderField): Pair[] {
  const out = new HeaderBlock();
  const block = blockOf(fields);
  writeRequestHead(out, block.fields, block.count, variant, hop, timeout);
  return pairsOf(out);
}

describe("the method in an upstream's head", () => {
  it("is POST for a call, whoever asks, and the caller's own for what is none", () => {
    const block = blockOf([[":method", "PUT"], ...usual.filter(([name]) => name !== ":method")]);
    const out = new HeaderBlock();
    writeRequestHead(out, block.fields, block.count, target(), hop, undefined);
    assert.equal(out.find(headerId[":method"])?.value, "POST");
    writeRequestHead(out, block.fields, block.count, target(), hop, undefined, block.fields[0]);
    assert.equal(out.find(headerId[":method"])?.value, "PUT");
  });
});

describe("reading a request's head", () => {
  it("finds what the proxy goes by", () => {
    const head = readRequestHead(
      blockOf([...usual, ["grpc-timeout", "250m"], ["x-contender-pin", "v42"], ["x-contender-hop", "fraud"]]),
    );
    assert.equal(head.path.value, "/s/m");
    assert.deepEqual([head.isPost, head.isGrpc, head.timeoutMs], [true, true, 250]);
    assert.equal(head.timeout?.value, "250m");
    assert.deepEqual([head.pin, head.hop], ["v42", "fraud"]);
  });

  it("keeps nothing of the head before", () => {
    readRequestHead(blockOf([...usual, ["grpc-timeout", "1S"], ["x-contender-pin", "a"], ["x-contender-hop", "b"]]));
    const head = readRequestHead(blockOf([[":method", "GET"]]));
    assert.deepEqual(
      { ...head, path: head.path.value },
      {
        path: "",
        isPost: false,
        isGrpc: false,
        timeoutMs: noTimeout,
        timeout: undefined,
        pin: undefined,
        hop: undefined,
      },
    );
  });

  it("tells an illegal timeout from none", () => {
    assert.equal(readRequestHead(blockOf([...usual, ["grpc-timeout", "1.5S"]])).timeoutMs, illegalTimeout);
    assert.equal(readRequestHead(blockOf(usual)).timeoutMs, noTimeout);
  });

  for (const [type, is] of [
    ["application/grpc", true],
    ["application/grpc+proto", true],
    ["application/grpc+json", true],
    ["application/grpc;charset=utf-8", true],
    ["application/grpc ; x=y", true],
    ["application/grpc-web", false],
    ["application/grpcish", false],
    ["application/json", false],
    ["application/grp", false],
    ["", false],
  ] as const) {
    it(`takes ${JSON.stringify(type)} ${is ? "for gRPC" : "for something else"}`, () => {
      assert.equal(isGrpcType(type), is);
    });
  }
});

describe("writing an upstream's head", () => {
  it("gives the upstream's authority and scheme, the path, and the hop", () => {
    assert.deepEqual(written(usual), [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/s/m"],
      [":authority", "v42.test"],
      ["content-type", "application/grpc+proto"],
      ["te", "trailers"],
      ["x-contender-hop", "fraud"],
    ]);
  });

  it("passes metadata as it is: order, duplicates, empty values and bytes that are no text", () => {
    const metadata: readonly Pair[] = [
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
      ["a-bin", "\xff\x00".replace("\x00", "\x01")],
      ["empty", ""],
      ["authorization", "Bearer x", "never"],
      ["x-content", "kept"],
    ];
    assert.deepEqual(written([...usual, ...metadata]).slice(6, -1), metadata);
  });

  it("hands on the very field objects, so that the encoder knows them again", () => {
    const field = new HeaderField("x-same", "1");
    const block = blockOf([...usual, field]);
    const out = new HeaderBlock();
    writeRequestHead(out, block.fields, block.count, target(), hop, undefined);
    assert.equal(out.named("x-same"), field);
  });

  it("drops host, the caller's timeout and every x-contender name", () => {
    const dropped: readonly Pair[] = [
      ["host", "caller.test"],
      ["grpc-timeout", "1S"],
      ["x-contender-pin", "v1"],
      ["x-contender-hop", "other"],
      ["x-contender-traffic", "shadow"],
      ["x-contender-variant", "v1"],
      ["x-contender-anything", "1"],
    ];
    assert.deepEqual(written([...usual, ...dropped]), written(usual));
  });

  it("says what is left of the timeout", () => {
    const left = new HeaderField("grpc-timeout", "90m");
    assert.deepEqual(written([...usual, ["grpc-timeout", "100m"]], target(), left).slice(-2), [
      ["grpc-timeout", "90m"],
      ["x-contender-hop", "fraud"],
    ]);
  });

  it("puts the variant's metadata in place of what the caller sent under these names", () => {
    const variant = target([
      ["x-model", "b"],
      ["authorization", "ours"],
    ]);
    const fields: readonly Pair[] = [...usual, ["x-model", "a"], ["x-other", "1"], ["authorization", "caller's"]];
    assert.deepEqual(written(fields, variant).slice(6), [
      ["x-other", "1"],
      ["x-contender-hop", "fraud"],
      ["x-model", "b"],
      ["authorization", "ours"],
    ]);
  });

  it("reads no more fields than there are", () => {
    const block = blockOf([...usual, ["x-late", "1"]]);
    const out = new HeaderBlock();
    writeRequestHead(out, block.fields, block.count - 1, target(), hop, undefined);
    assert.equal(out.named("x-late"), undefined);
  });

  it("keeps another sidecar's mark of a copy where it is asked to", () => {
    const block = blockOf([...usual, ["x-contender-traffic", "shadow"]]);
    const out = new HeaderBlock();
    keepTraffic(out, block.fields, block.count);
    assert.deepEqual(pairsOf(out), [["x-contender-traffic", "shadow"]]);
  });
});

describe("our own names", () => {
  it("are those that begin with x-contender-, known by id or by name", () => {
    for (const name of ["x-contender-pin", "x-contender-hop", "x-contender-traffic", "x-contender-variant"]) {
      assert.equal(isOursId(new HeaderField(name, "").id), true, name);
    }
    for (const name of ["traceparent", "x-request-id", "grpc-status-details-bin", "tracestate", "te"]) {
      assert.equal(isOursId(new HeaderField(name, "").id), false, name);
    }
    assert.equal(isOurs("x-contender-new"), true);
    assert.equal(isOurs("x-contender"), false);
    assert.equal(isOurs("x-contents"), false);
    assert.equal(isOurs("y-contender-x"), false);
  });
});
