import assert from "node:assert/strict";
import { latin1Of, writeLatin1 } from "../../../../src/http2/hpack/latin1.ts";

const codeOf = (char: string) => char.charCodeAt(0);

describe("strings of bytes", () => {
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7 + 250) & 255));

  it("of any length come out of bytes and go back unchanged, and nothing beside them is touched", () => {
    for (let length = 0; length <= 40; length++) {
      const text = latin1Of(bytes, 3, length);
      assert.deepEqual(Array.from(text, codeOf), [...bytes.subarray(3, 3 + length)]);
      const buf = Buffer.alloc(64, 0xa5);
      assert.equal(writeLatin1(buf, 5, text), 5 + length);
      const around = (count: number) => Buffer.alloc(count, 0xa5);
      assert.deepEqual(buf, Buffer.concat([around(5), bytes.subarray(3, 3 + length), around(59 - length)]));
    }
  });

  it("of any byte keep it", () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const buf = Buffer.alloc(256);
    writeLatin1(buf, 0, latin1Of(all, 0, 256));
    assert.deepEqual(buf, all);
    for (let byte = 0; byte < 256; byte++) assert.equal(latin1Of(all, byte, 1).charCodeAt(0), byte);
  });
});
