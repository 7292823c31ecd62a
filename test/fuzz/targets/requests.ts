/**
 * Any bytes to the request readers of both dialects.
 *
 * What must hold: nothing outside the message is looked at, and nothing is left over for the next one; a message that is cut
 * is not malformed; what protobufjs can decode says what the plain look-up in its result says.
 */
import assert from "node:assert/strict";
import type { KeySource } from "../../../src/model/route.ts";
import type { RequestFacts, RequestReader } from "../../../src/protocol/dialect.ts";
import { newRequestFacts } from "../../../src/protocol/facts.ts";
import type { ByteTarget } from "../target.ts";
import { type Call, calls, canonical, requestSeeds, surrounded, wireWords } from "./messages.ts";
import { expectRequest, odd } from "./request-reference.ts";

const sources: readonly (readonly KeySource[])[] = [
  [],
  [{ kind: "input", name: "user_id" }],
  [
    { kind: "metadata", name: "x-user" },
    { kind: "parameter", name: "user" },
    { kind: "input", name: "user_id" },
    { kind: "input", name: "" },
  ],
];
const ignored = ["", "0"];

/** Readers live as long as their route: this one has read all kinds of messages before. */
function usedReader({ dialect }: Call, which: number): RequestReader {
  const reader = dialect.requestReader(sources[which] ?? [], ignored);
  const facts = newRequestFacts();
  for (const [place, message] of requestSeeds) {
    const { dialect: other, method } = calls[place] as Call;
    if (other === dialect) reader.read(method, message, 0, message.length, facts);
  }
  return reader;
}

function read(reader: RequestReader, call: Call, message: Uint8Array, cut: boolean): RequestFacts {
  const results = surrounded(message).map(({ bytes, start, end }) => {
    const facts = newRequestFacts();
    reader.read(call.method, bytes, start, end, facts, cut);
    return facts;
  });
  assert.deepEqual(results[0], results[1], "nothing outside the message is looked at");
  return results[0] as RequestFacts;
}

function replay(input: Buffer): void {
  const [first = 0, where = 0] = input;
  const call = calls[first % calls.length] as Call;
  const which = (first >> 4) % sources.length;
  const message = input.subarray(Math.min(2, input.length));
  const reader = usedReader(call, which);
  const facts = read(reader, call, message, false);
  const fresh = read(call.dialect.requestReader(sources[which] ?? [], ignored), call, message, false);
  assert.deepEqual(facts, fresh, "nothing is left over from messages before");
  if (facts.exception === "malformed") assert.equal(facts.key, undefined, "what is malformed has no key");

  const decoded = canonical(call.request, message);
  if (decoded === undefined) return;
  const end = Math.round((where / 256) * decoded.length);
  const part = read(reader, call, decoded.subarray(0, end), true);
  const expected = expectRequest(call.request, decoded, sources[which] ?? [], ignored);
  if (expected === odd) return;
  assert.deepEqual(read(reader, call, decoded, false), expected, "as protobufjs decodes it");
  // Of several sources the whole asks the first that is there, which may lie beyond the cut, and what a later one finds may be malformed.
  const readTheSame = (sources[which] ?? []).length < 2;
  if (readTheSame && expected.exception !== "malformed") {
    assert.notEqual(part.exception, "malformed", "what is cut is not malformed");
  }
  assert.ok(
    part.model === undefined || part.model === expected.model,
    "the model of a message's beginning is its model",
  );
}

export const requests: ByteTarget = {
  kind: "bytes",
  name: "requests",
  about:
    "requests of both dialects: model, version and key as protobufjs decodes them, nothing read outside, nothing left over",
  replay,
  seeds: () =>
    requestSeeds.flatMap(([call, message]) => [
      Buffer.concat([Buffer.from([call + 0x10, 128]), message]),
      Buffer.concat([Buffer.from([call + 0x20, 255]), message]),
    ]),
  dictionary: wireWords,
};
