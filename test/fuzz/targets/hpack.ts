/**
 * Header blocks of any bytes to the decoder.
 *
 * What must hold: what it takes, hpack.js takes and reads alike; lists and tables stay within their limits, and what was left out
 * of a list for its size does not change what later blocks say; what was read, our encoder writes so that both read it again.
 */
import assert from "node:assert/strict";
import hpack from "hpack.js";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../../src/http2/hpack/encoder.ts";
import { requestFields, responseFields } from "../../support/h2-raw.ts";
import { decode, encode, hex, type Pair } from "../../support/hpack.ts";
import { IndexingEncoder } from "../../support/indexing-encoder.ts";
import { ByteSource } from "../byte-source.ts";
import type { ByteTarget } from "../target.ts";

const tableSize = 4_096;
const shortList = 300;
const longList = 1 << 24;

type HpackJs = ReturnType<typeof hpack.decompressor.create>;

/** @returns undefined where hpack.js refuses the block. */
function theirs(decompressor: HpackJs, block: Buffer): Pair[] | undefined {
  try {
    decompressor.write(block);
    decompressor.execute();
  } catch {
    return undefined;
  }
  const fields: Pair[] = [];
  for (let next = decompressor.read(); next !== null; next = decompressor.read()) {
    fields.push(next.neverIndex === true ? [next.name, next.value, "never"] : [next.name, next.value]);
  }
  return fields;
}

function replay(input: Buffer): void {
  const source = new ByteSource(input);
  const ours = new HpackDecoder({ maxTableSize: tableSize, maxListSize: longList });
  const bounded = new HpackDecoder({ maxTableSize: tableSize, maxListSize: shortList });
  const reference = hpack.decompressor.create({ table: { maxSize: tableSize } });
  const encoder = new HpackEncoder({ maxTableSize: 256 });
  const again = new HpackDecoder({ maxTableSize: tableSize, maxListSize: longList });
  const referenceAgain = hpack.decompressor.create({ table: { maxSize: tableSize } });
  while (!source.ended) {
    const block = source.piece();
    const read = decode(ours, block);
    const short = decode(bounded, block);
    assert.equal(short.error, read.error, "a list that is too long is decoded to its end");
    assert.ok(short.block.size <= shortList, "a list stays within its limit");
    // A failed block ends the connection: what the table holds then is nobody's business.
    if (read.error !== "none") return;
    assert.deepEqual(
      short.fields,
      read.fields.slice(0, short.fields.length),
      "what is kept of a long list is its beginning",
    );
    assert.equal(short.block.tooLarge, short.fields.length < read.fields.length, "a list with fields missing says so");
    assert.deepEqual(theirs(reference, block), read.fields, "hpack.js reads the same");
    if (source.byte() % 4 === 0) encoder.setPeerMaxTableSize(source.byte());
    const written = encode(encoder, read.fields);
    assert.deepEqual(decode(again, written).fields, read.fields, "what was written is read again");
    assert.deepEqual(theirs(referenceAgain, written), read.fields, "hpack.js reads what was written");
  }
}

function seed(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat(blocks.flatMap((block) => [Buffer.from([block.length]), block, Buffer.from([1])]));
}

const indexing = new IndexingEncoder();
const fields = (pairs: readonly Pair[]) => pairs.map(([name, value]) => ({ name, value }));

export const hpackBlocks: ByteTarget = {
  kind: "bytes",
  name: "hpack",
  about: "header blocks to the decoder: as hpack.js reads them, bounded, and the same after our encoder",
  replay,
  seeds: () => [
    // RFC 7541, C.2.1 to C.2.3, C.3 and C.6.1.
    seed(hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")),
    seed(hex("040c 2f73 616d 706c 652f 7061 7468"), hex("1008 7061 7373 776f 7264 0673 6563 7265 74")),
    seed(
      hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"),
      hex("8286 84be 5808 6e6f 2d63 6163 6865"),
      hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"),
    ),
    seed(
      hex(
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      ),
    ),
    seed(indexing.encode(fields(requestFields)), indexing.encode(fields(requestFields)), indexing.resize(100)),
    seed(Buffer.concat([indexing.resize(0), indexing.resize(4_096), indexing.encode(fields(responseFields))])),
  ],
  dictionary: [
    "20",
    "3fe11f",
    "3fe21f",
    "be",
    "bf",
    "c0",
    "40",
    "00",
    "10",
    "1f",
    "7f",
    "ff",
    "ffffffff07",
    "8f",
    "01",
  ].map((digits) => hex(digits)),
};
