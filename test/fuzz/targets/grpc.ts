/**
 * gRPC's own texts and frames: messages out of pieces, and `grpc-timeout`.
 *
 * What must hold: messages come out as they went in, wherever pieces end and whatever becomes of the pieces afterwards; no more
 * than a message's limit is held or inflated; a timeout is what the grammar says, and never longer when it is written again.
 */
import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import { frameMessage, prefixBytes } from "../../../src/grpc/framing.ts";
import { inflateMessage } from "../../../src/grpc/inflate.ts";
import { badTimeout, formatTimeout, maxTimeoutMs, parseTimeout } from "../../../src/grpc/timeout.ts";
import { MessageRewriter } from "../../../src/proxy/message-rewriter.ts";
import { RequestBuffer } from "../../../src/proxy/request-buffer.ts";
import { ByteSource, cutBy } from "../byte-source.ts";
import type { ByteTarget } from "../target.ts";

const limits = [0, 5, 64, 100_000];
const encodings = [undefined, "gzip", "deflate", "identity"];

interface Read {
  readonly messages: readonly Buffer[];
  readonly failed: boolean;
}

/** Messages of a stream, read plainly from all of it. */
function readPlainly(stream: Buffer, encoding: string | undefined, limit: number): Read {
  const messages: Buffer[] = [];
  let at = 0;
  while (stream.length - at >= prefixBytes) {
    const length = stream.readUInt32BE(at + 1);
    if (length > limit) return { messages, failed: true };
    const end = at + prefixBytes + length;
    if (end > stream.length) break;
    const flag = stream[at] as number;
    const plain =
      flag === 1
        ? inflateMessage(encoding, stream, at + prefixBytes, end, limit)
        : stream.subarray(at + prefixBytes, end);
    if (flag > 1 || plain === undefined) return { messages, failed: true };
    messages.push(Buffer.from(plain));
    at = end;
  }
  return { messages, failed: false };
}

function replayMessages(input: Buffer): void {
  const source = new ByteSource(input);
  const limit = source.pick(limits);
  const encoding = source.pick(encodings);
  const sizes = [...source.take(3)];
  const stream = source.rest();
  const expected = readPlainly(stream, encoding, limit);

  const seen: Buffer[] = [];
  const rewriter = new MessageRewriter(
    (bytes, start, end) => {
      assert.ok(end - start <= limit, "no message is longer than the limit");
      seen.push(Buffer.from(bytes.subarray(start, end)));
      return Buffer.from(bytes.subarray(start, end));
    },
    encoding,
    limit,
  );
  const buffer = new RequestBuffer();
  const out: Buffer[] = [];
  for (const piece of cutBy(stream, sizes)) {
    // Within a read of which it is a part: nothing may look beyond it.
    const read = Buffer.concat([Buffer.from([0xff]), piece, Buffer.from([0xff])]);
    buffer.push(read, 1, read.length - 1);
    out.push(Buffer.from(rewriter.push(read, 1, read.length - 1)));
    buffer.own();
  }
  assert.equal(rewriter.failed, expected.failed, "a stream fails or not wherever its pieces end");
  assert.deepEqual(seen, expected.messages, "messages do not depend on pieces");
  assert.equal(rewriter.messages, expected.messages.length);
  assert.ok(Buffer.concat(out).equals(Buffer.concat(expected.messages.map((message) => frameMessage(message)))));

  assert.equal(buffer.bytes, stream.length);
  assert.equal(buffer.messageBytes(), stream.length < prefixBytes ? -1 : stream.readUInt32BE(1));
  assert.ok(buffer.copy().equals(stream), "what is held is what came");
  buffer.clear();
  assert.equal(buffer.bytes, 0);
}

const message = Buffer.from("a message");
const compressed = (bytes: Buffer) => frameMessage(bytes, 1);

export const grpcMessages: ByteTarget = {
  kind: "bytes",
  name: "grpc-messages",
  about: "length-prefixed messages in pieces: the same messages as in one, and never more than the limit",
  replay: replayMessages,
  seeds: () => [
    Buffer.concat([
      Buffer.from([2, 0, 1, 2, 3]),
      frameMessage(message),
      frameMessage(Buffer.alloc(0)),
      frameMessage(message),
    ]),
    Buffer.concat([Buffer.from([3, 1, 7, 1, 9]), compressed(gzipSync(message)), frameMessage(message)]),
    Buffer.concat([
      Buffer.from([2, 2, 5, 5, 5]),
      compressed(deflateSync(message)),
      compressed(deflateSync(Buffer.alloc(1_000))),
    ]),
  ],
  dictionary: [Buffer.from([0, 0, 0, 0, 0]), Buffer.from([1, 0, 0, 0, 9]), Buffer.from([0, 0xff, 0xff, 0xff, 0xff])],
};

const units: Readonly<Record<string, bigint>> = {
  H: 3_600_000_000_000n,
  M: 60_000_000_000n,
  S: 1_000_000_000n,
  m: 1_000_000n,
  u: 1_000n,
  n: 1n,
};

/** Nanoseconds by the grammar of PROTOCOL-HTTP2.md; undefined for what is none. */
function nanoseconds(text: string): bigint | undefined {
  const parts = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return parts === null ? undefined : BigInt(parts[1] ?? "") * (units[parts[2] ?? ""] ?? 0n);
}

function replayTimeout(input: Buffer): void {
  const text = input.toString("latin1");
  const ms = parseTimeout(text);
  const exact = nanoseconds(text);
  assert.equal(ms === badTimeout, exact === undefined, "what the grammar takes is taken, and nothing else");
  if (exact === undefined) return;
  const expected = Math.min(Number(exact) / 1e6, maxTimeoutMs);
  assert.ok(Math.abs(ms - expected) <= expected * 1e-12, `${text} is ${expected} ms, not ${ms}`);
  const written = nanoseconds(formatTimeout(ms));
  assert.ok(written !== undefined, "what is written is legal");
  assert.ok(written <= exact, "what is written is no longer");
  assert.ok(ms === 0 || written > 0n, "time that is left is not written as none");
  // Eight digits of the next smaller unit: a part in ten million, or a second where the time was cut.
  const lost = Number((exact < 2_147_483_647_000_000n ? exact : 2_147_483_647_000_000n) - written);
  assert.ok(
    lost <= Math.max(1, Number(exact) * 1e-4, exact > 99_999_999_000_000n ? 1e9 : 0),
    `${text} lost ${lost} ns`,
  );
}

export const grpcTimeout: ByteTarget = {
  kind: "bytes",
  name: "grpc-timeout",
  about: "grpc-timeout: the grammar's values and no others, and never longer once written again",
  replay: replayTimeout,
  seeds: () =>
    ["1S", "100m", "99999999H", "1n", "0n", "12345u", "-1S", "1.5S", "123456789S", " 1S"].map((text) =>
      Buffer.from(text),
    ),
  dictionary: ["H", "M", "S", "m", "u", "n", "0", "9", "00000000", "99999999"].map((text) => Buffer.from(text)),
};
