/**
 * What the proxy's header blocks cost: `node bench/micro/hpack.mjs [rounds]`, in nanoseconds per block.
 *
 * "decode" is from the peer's bytes; "encode" is what forwarding the decoded fields adds to it, measured as the
 * difference of two runs, so that the encoder meets the very field objects that it meets in life. The best of several
 * rounds is printed: a round is disturbed by whatever else the machine does, never helped by it.
 */
import assert from "node:assert/strict";
import { HeaderBlock } from "../../src/http2/header-block.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { IndexingEncoder } from "../../test/support/indexing-encoder.ts";

const rounds = Number(process.argv[2] ?? 200);
const blocksPerRun = 500;
const limits = { maxTableSize: 4096, maxListSize: 65_536 };

/** Reproducible: a Weyl sequence through a mixer, no two runs differ in their bytes. */
let state = 7;
function random() {
  state = (state + 0x9e3779b9) | 0;
  let x = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
const hex = (length) => Array.from({ length }, () => (random() & 15).toString(16)).join("");
const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const token = (length) => Array.from({ length }, () => base64[random() & 63]).join("");
const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;

const authorization = { name: "authorization", value: `Bearer ${token(593)}` };
const constant = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/inference.GRPCInferenceService/ModelInfer" },
  { name: ":authority", value: "fraud-detector.models.svc.cluster.local:7400" },
  { name: "content-type", value: "application/grpc" },
  { name: "user-agent", value: "grpc-go/1.71.0" },
  { name: "te", value: "trailers" },
  { name: "grpc-accept-encoding", value: "gzip" },
  authorization,
  { name: "x-user-id", value: "user-1234567" },
];
const perCall = () => [
  { name: "grpc-timeout", value: `${4_900_000 + (random() % 100_000)}u` },
  { name: "traceparent", value: `00-${hex(32)}-${hex(16)}-01` },
  { name: "x-request-id", value: uuid() },
  { name: "x-b3-spanid", value: hex(16) },
];
const response = [
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/grpc" },
  { name: "grpc-accept-encoding", value: "identity,deflate,gzip" },
];
const trailers = [
  { name: "grpc-status", value: "0" },
  { name: "grpc-message", value: "" },
];

const fixed = perCall();
const never = (field) => ({ ...field, as: "never" });
const cases = {
  "a request, 4 of 14 values new per call, all inserted": () => [[...constant, ...perCall()]],
  "b request, all 14 indexed": () => [[...constant, ...fixed]],
  "c response and trailers, 2 blocks": () => [response, trailers],
  "d as a, new values and authorization never indexed": () => [
    [...constant.map((field) => (field === authorization ? never(field) : field)), ...perCall().map(never)],
  ],
  "e as a, authorization new per call": () => [
    [
      ...constant.map((field) => (field === authorization ? { ...field, value: `Bearer ${token(593)}` } : field)),
      ...perCall(),
    ],
  ],
  "f from a client that writes its metadata out, names too": () => [
    [
      ...constant.slice(0, 8),
      ...[...constant.slice(8), ...perCall().slice(1)].map((field) => ({ ...field, as: "spelled", huffman: false })),
    ],
  ],
};

function prepare(make) {
  const peer = new IndexingEncoder();
  const lists = Array.from({ length: blocksPerRun }, make).flat();
  const blocks = lists.map((fields) => peer.encode(fields));
  return { lists, blocks };
}

/** Nanoseconds for all blocks, through fresh tables. */
function run(blocks, encode) {
  const decoder = new HpackDecoder(limits);
  const encoder = new HpackEncoder();
  const block = new HeaderBlock();
  const out = Buffer.allocUnsafeSlow(65_536);
  let written = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < blocks.length; i++) {
    const bytes = blocks[i];
    block.clear();
    if (decoder.decode(bytes, 0, bytes.length, block) !== 0) throw new Error(`block ${i} does not decode`);
    if (encode) written += encoder.encode(block, out, 0);
  }
  return { ns: Number(process.hrtime.bigint() - start), written };
}

/** Everything that is measured is right as well: what comes out of a peer's decoder is what went in. */
function check({ lists, blocks }) {
  const [decoder, peer] = [new HpackDecoder(limits), new HpackDecoder(limits)];
  const encoder = new HpackEncoder();
  const out = Buffer.alloc(65_536);
  blocks.forEach((bytes, i) => {
    const [block, arrived] = [new HeaderBlock(), new HeaderBlock()];
    assert.equal(decoder.decode(bytes, 0, bytes.length, block), 0);
    assert.equal(peer.decode(out, 0, encoder.encode(block, out, 0), arrived), 0);
    const pairs = arrived.fields.map(({ name, value }) => [name, value]);
    assert.deepEqual(
      pairs,
      lists[i].map(({ name, value }) => [name, value]),
    );
  });
}

console.log(`Node ${process.version}, best of ${rounds} rounds, ns per block (c: per pair of blocks)`);
console.log(`${"".padEnd(56)}decode  encode   both  bytes in  bytes out`);
for (const [title, make] of Object.entries(cases)) {
  const prepared = prepare(make);
  check(prepared);
  let decode = Number.POSITIVE_INFINITY;
  let both = Number.POSITIVE_INFINITY;
  let written = 0;
  for (let round = 0; round < rounds; round++) {
    decode = Math.min(decode, run(prepared.blocks, false).ns);
    const forwarded = run(prepared.blocks, true);
    both = Math.min(both, forwarded.ns);
    written = forwarded.written;
  }
  const read = prepared.blocks.reduce((sum, bytes) => sum + bytes.length, 0);
  const columns = [decode, both - decode, both, read, written].map((sum) => (sum / blocksPerRun).toFixed(0));
  const [d, e, b, i, o] = columns;
  console.log(`${title.padEnd(56)}${d.padStart(6)}${e.padStart(8)}${b.padStart(7)}${i.padStart(10)}${o.padStart(11)}`);
}
