import assert from "node:assert/strict";
import { HeaderBlock, HeaderField } from "../../../src/http2/header-block.ts";
import { isRequest, isResponse, isTrailers } from "../../../src/http2/message-rules.ts";
import { blockOf, type Pair } from "../../support/hpack.ts";

const facts = { contentLength: 0, status: 0 };
const request: readonly Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
];

describe("message rules", () => {
  it("find a content-length, and -1 where there is none", () => {
    assert.equal(isRequest(blockOf([...request, ["content-length", "123456789012345"]]), facts), true);
    assert.equal(facts.contentLength, 123_456_789_012_345);
    assert.equal(isRequest(blockOf(request), facts), true);
    assert.equal(facts.contentLength, -1);
    assert.equal(
      isResponse(
        blockOf([
          [":status", "200"],
          ["content-length", "007"],
        ]),
        facts,
      ),
      true,
    );
    assert.equal(facts.contentLength, 7);
    assert.equal(isResponse(blockOf([[":status", "200"]]), facts), true);
    assert.equal(facts.contentLength, -1);
  });

  for (const value of ["", "1234567890123456", "1 2", "+1", "0x1", "1.0", "1,1"]) {
    it(`refuse a content-length of ${JSON.stringify(value)}`, () => {
      assert.equal(isRequest(blockOf([...request, ["content-length", value]]), facts), false);
      assert.equal(
        isResponse(
          blockOf([
            [":status", "200"],
            ["content-length", value],
          ]),
          facts,
        ),
        false,
      );
    });
  }

  for (const [value, status] of [
    ["100", 100],
    ["200", 200],
    ["404", 404],
    ["999", 999],
  ] as const) {
    it(`read the status ${value}`, () => {
      assert.equal(isResponse(blockOf([[":status", value]]), facts), true);
      assert.equal(facts.status, status);
    });
  }

  for (const value of ["", "0", "099", "1000", "20x", " 200"]) {
    it(`refuse the status ${JSON.stringify(value)}`, () => {
      assert.equal(isResponse(blockOf([[":status", value]]), facts), false);
    });
  }

  it("refuse a field that the decoder found to be wrong, in any list", () => {
    const bad = new HeaderField("x-a", "b");
    bad.valid = false;
    assert.equal(isRequest(blockOf([...request, bad]), facts), false);
    assert.equal(isResponse(blockOf([[":status", "200"], bad]), facts), false);
    assert.equal(isTrailers(blockOf([bad]), facts), false);
  });

  it("take any regular field for a trailer, and none at all", () => {
    assert.equal(
      isTrailers(
        blockOf([
          ["grpc-status", "0"],
          ["te", "trailers"],
          ["x", ""],
        ]),
        facts,
      ),
      true,
    );
    assert.equal(isTrailers(new HeaderBlock(), facts), true);
    assert.equal(isTrailers(blockOf([["te", "gzip"]]), facts), false);
    assert.equal(isTrailers(blockOf([[":authority", "x"]]), facts), false);
  });

  it("take `te: trailers` in any case, as keywords of HTTP are, and no other te", () => {
    for (const value of ["trailers", "Trailers", "TRAILERS"]) {
      assert.equal(isRequest(blockOf([...request, ["te", value]]), facts), true, value);
    }
    for (const value of ["", "gzip", "trailers, gzip", " trailers"]) {
      assert.equal(isRequest(blockOf([...request, ["te", value]]), facts), false, value);
    }
  });

  it("leave extended CONNECT to those who offer it", () => {
    assert.equal(isRequest(blockOf([...request, [":protocol", "websocket"]]), facts), false);
  });
});
