import assert from "node:assert/strict";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { inflateMessage } from "../../../src/grpc/inflate.ts";

describe("Inflating a message", () => {
  const message = Buffer.from("model bytes ".repeat(100));
  const whole = (encoding: string | undefined, bytes: Uint8Array, limit = 4096) =>
    inflateMessage(encoding, bytes, 0, bytes.length, limit);

  it("gives back what gzip and deflate took", () => {
    assert.deepEqual(whole("gzip", gzipSync(message)), message);
    assert.deepEqual(whole("deflate", deflateSync(message)), message);
  });

  it("reads only its own range of the bytes", () => {
    const packed = gzipSync(message);
    const framed = Buffer.concat([Buffer.from("head"), packed, Buffer.from("tail")]);
    assert.deepEqual(inflateMessage("gzip", framed, 4, 4 + packed.length, 4096), message);
  });

  it("allows output of exactly the limit and refuses one byte more", () => {
    assert.deepEqual(whole("gzip", gzipSync(message), message.length), message);
    assert.equal(whole("gzip", gzipSync(message), message.length - 1), undefined);
  });

  it("refuses a bomb without unpacking it", () => {
    assert.equal(whole("gzip", gzipSync(Buffer.alloc(64 * 1024 * 1024)), 1024), undefined);
  });

  it("refuses other encodings, raw deflate, damaged and cut-off bytes, and a limit of nothing", () => {
    const packed = gzipSync(message);
    const damaged = Buffer.from(packed);
    damaged.writeUInt32LE(0, damaged.length - 8);
    assert.equal(whole("identity", message), undefined);
    assert.equal(whole("snappy", packed), undefined);
    assert.equal(whole(undefined, packed), undefined);
    assert.equal(whole("deflate", deflateRawSync(message)), undefined);
    assert.equal(whole("gzip", damaged), undefined);
    assert.equal(whole("gzip", packed.subarray(0, packed.length - 9)), undefined);
    assert.equal(whole("gzip", packed, 0), undefined);
  });
});
