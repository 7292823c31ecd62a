/** Encoder and decoder against each other and, both ways, against hpack.js, which shares nothing with them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import hpack from "hpack.js";
import { HeaderBlock, HeaderField } from "../../../../src/http2/header-block.ts";
import { HpackDecoder } from "../../../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../../../src/http2/hpack/encoder.ts";
import { blockOf, decode, encode, type Pair, pairsOf } from "../../../support/hpack.ts";
import { IndexingEncoder, type PeerField } from "../../../support/indexing-encoder.ts";

type HpackJsDecompressor = ReturnType<typeof hpack.decompressor.create>;

const maxListSize = 10_000_000;

const name = fc.oneof(
  fc.constantFrom(
    ...[":path", ":status", ":method", "content-type", "authorization", "cookie", "grpc-timeout", "traceparent"],
    ...["x-a", "x-b", "x-c", "x-d", "accept-encoding", "via", "tracestate", "x-contender-hop"],
  ),
  fc.nat(400).map((n) => `name-${n}`),
);
const latin1 = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }).map((all) => String.fromCharCode(...all));
const value = fc.oneof(
  fc.constantFrom("", "/", "200", "POST", "a", "b", "gzip, deflate", "application/grpc"),
  fc.nat(30).map((n) => `value-${n}`),
  latin1,
  fc.tuple(fc.constantFrom("t", "u"), fc.integer({ min: 90, max: 1100 })).map(([char, length]) => char.repeat(length)),
);
const sensitive = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
/** A field by value, or one of a few objects that come again and again. */
const field = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(name, value, sensitive) },
  { weight: 1, arbitrary: fc.nat(19) },
);
const block = fc.array(field, { maxLength: 16 });
const tableSize = fc.oneof(fc.constantFrom(0, 31, 32, 64, 100, 4096, 4097), fc.nat(6000));
const step = fc.record({
  block,
  settings: fc.oneof(fc.constant([]), fc.constant([]), fc.array(tableSize, { maxLength: 3 })),
});
const pool = fc.array(fc.tuple(name, value, sensitive), { minLength: 20, maxLength: 20 });
const script = fc.record({
  own: fc.oneof(fc.constant(4096), tableSize),
  pool,
  steps: fc.array(step, { minLength: 5, maxLength: 40 }),
});

function theirFields(decompressor: HpackJsDecompressor, bytes: Buffer): Pair[] {
  decompressor.write(bytes);
  decompressor.execute();
  const fields: Pair[] = [];
  for (let next = decompressor.read(); next !== null; next = decompressor.read()) {
    fields.push(next.neverIndex === true ? [next.name, next.value, "never"] : [next.name, next.value]);
  }
  return fields;
}

describe("HPACK, there and back", () => {
  it("what the encoder writes, both decoders read, through any settings, within its bound, for encoders that share fields", () => {
    let blocks = 0;
    fc.assert(
      fc.property(script, ({ own, pool: kept, steps }) => {
        const objects = kept.map(([name, value, never]) => new HeaderField(name, value, never));
        const ends = [own, 4096].map((maxTableSize) => ({
          encoder: new HpackEncoder({ maxTableSize }),
          decoder: new HpackDecoder({ maxTableSize: 4096, maxListSize }),
          theirs: hpack.decompressor.create({ table: { maxSize: 100_000 } }),
        }));
        for (const { theirs } of ends) theirs.write(Buffer.from([0x3f, 0xe1, 0x1f]));
        for (const { block, settings } of steps) {
          const fields = block.map((item) =>
            typeof item === "number" ? (objects[item] as HeaderField) : new HeaderField(...item),
          );
          const expected = pairsOf(blockOf(fields));
          for (const { encoder, decoder, theirs } of ends) {
            for (const size of settings) {
              encoder.setPeerMaxTableSize(size);
              decoder.setMaxTableSize(size);
            }
            const bytes = encode(encoder, fields);
            const { error, fields: arrived } = decode(decoder, bytes);
            assert.equal(error, "none");
            assert.deepEqual(arrived, expected);
            assert.deepEqual(theirFields(theirs, bytes), expected);
            blocks++;
          }
        }
      }),
      { numRuns: 120 },
    );
    assert.ok(blocks > 2_000, `${blocks} blocks`);
  });

  it("what hpack.js writes, the decoder reads", () => {
    const item = fc.record({
      name,
      value,
      neverIndex: sensitive,
      incremental: fc.boolean(),
      huffman: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 12 }), { maxLength: 20 }), (blocks) => {
        const compressor = hpack.compressor.create({ table: { maxSize: 4096 } });
        const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize });
        for (const fields of blocks) {
          compressor.write(fields);
          const { error, fields: arrived } = decode(decoder, compressor.read() ?? Buffer.alloc(0));
          assert.equal(error, "none");
          const expected = fields.map(({ name, value, neverIndex }) =>
            neverIndex ? [name, value, "never"] : [name, value],
          );
          assert.deepEqual(arrived, expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("what a peer writes that indexes everything, through a table that it resizes, arrives and is forwarded unchanged", () => {
    const item: fc.Arbitrary<PeerField> = fc.record({
      name,
      value,
      as: fc.constantFrom("inserted", "inserted", "plain", "spelled", "never"),
      huffman: fc.boolean(),
    });
    const stage = fc.record({
      fields: fc.array(item, { maxLength: 12 }),
      resize: fc.option(fc.nat(4096), { freq: 3 }),
    });
    fc.assert(
      fc.property(fc.array(stage, { maxLength: 25 }), (stages) => {
        const peer = new IndexingEncoder();
        const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize });
        const encoder = new HpackEncoder();
        const upstream = new HpackDecoder({ maxTableSize: 4096, maxListSize });
        const block = new HeaderBlock();
        for (const { fields, resize } of stages) {
          const update = resize === null ? Buffer.alloc(0) : peer.resize(resize);
          const bytes = Buffer.concat([update, peer.encode(fields)]);
          block.clear();
          assert.equal(decoder.decode(bytes, 0, bytes.length, block), 0);
          const expected = fields.map(({ name, value, as }) =>
            as === "never" ? [name, value, "never"] : [name, value],
          );
          assert.deepEqual(pairsOf(block), expected);
          assert.deepEqual(decode(upstream, encode(encoder, block.fields.slice(0, block.count))).fields, expected);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("the HPACK decoder, whatever it is fed,", () => {
  const bytes = fc.uint8Array({ maxLength: 120 }).map((all) => Buffer.from(all));
  const outcome = (block: Buffer, before: readonly Buffer[]) => {
    const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 2_000 });
    for (const earlier of before) decode(decoder, earlier);
    return decode(decoder, block);
  };

  it("returns, and stays within the list's limit", () => {
    fc.assert(
      fc.property(bytes, fc.array(bytes, { maxLength: 3 }), (block, before) => {
        const { block: out } = outcome(block, before);
        assert.ok(out.size <= 2_000);
        assert.deepEqual(outcome(block, before).fields, pairsOf(out));
      }),
      { numRuns: 2_000 },
    );
  });

  it("returns for blocks that were right but for one byte, and for every beginning of them", () => {
    const fields = fc.array(fc.record({ name, value }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fields, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, at, change) => {
        const block = new IndexingEncoder().encode(list);
        for (let end = 0; end < block.length; end++) outcome(block.subarray(0, end), []);
        const changed = Buffer.from(block);
        changed[at % changed.length] = Number(changed[at % changed.length]) ^ change;
        assert.ok(outcome(changed, [block]).block.size <= 2_000);
      }),
      { numRuns: 200 },
    );
  });
});
