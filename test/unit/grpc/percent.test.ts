import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeGrpcMessage } from "../../../src/grpc/percent.ts";

describe("grpc-message", () => {
  it("leaves printable ASCII as it is, spaces too", () => {
    assert.equal(encodeGrpcMessage("contender: no route for ~model!"), "contender: no route for ~model!");
  });

  it("encodes percent signs, control characters and the bytes of UTF-8, in upper-case hex", () => {
    assert.equal(encodeGrpcMessage("100%\r\n\x7fé€"), "100%25%0D%0A%7F%C3%A9%E2%82%AC");
  });

  it("encodes any text so that decoding gives it back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeGrpcMessage(text);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeURIComponent(encoded), text);
      }),
    );
  });
});
