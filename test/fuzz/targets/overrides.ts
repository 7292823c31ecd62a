/**
 * Any bytes to the model overrides of both dialects.
 *
 * What must hold: what protobufjs can decode comes out, decoded, as it went in but for its model; what comes out of damaged bytes
 * keeps every byte outside of the model's spec; nothing outside the message is looked at or changed.
 */
import assert from "node:assert/strict";
import type { ModelOverride } from "../../../src/model/route.ts";
import { decode } from "../../support/protos.ts";
import type { ByteTarget } from "../target.ts";
import { type Call, calls, canonical, requestSeeds, responseSeeds, surrounded, wireWords } from "./messages.ts";

const kept: ModelOverride = { name: undefined, version: undefined, label: undefined, restoreResponse: true };
const overrides: readonly ModelOverride[] = [
  kept,
  { ...kept, name: "another" },
  { ...kept, version: "43" },
  { ...kept, name: "größe", version: "9223372036854775807" },
  { ...kept, label: "canary" },
  { ...kept, name: "", version: "0" },
  { ...kept, version: "v2" },
];
const asked: readonly (readonly [string | undefined, string | undefined])[] = [
  ["fraud", "41"],
  ["fraud", undefined],
  [undefined, "stable"],
  ["", "0"],
];

type Fields = Record<string, unknown>;

/** The message with its model as it is to be; undefined where that can't be. */
function expectServing(before: Fields, model: ModelOverride, answer: boolean): Fields | undefined {
  const spec = before.modelSpec as Fields | undefined;
  if (spec === undefined) return undefined;
  const number = model.version === undefined || /^\d{1,19}$/.test(model.version);
  if (!number && !answer) return undefined;
  const { version, versionLabel, name, ...rest } = spec;
  const choice =
    model.label !== undefined
      ? { versionLabel: model.label }
      : model.version !== undefined && number
        ? { version: wrapped(model.version) }
        : { ...(version === undefined ? {} : { version }), ...(versionLabel === undefined ? {} : { versionLabel }) };
  const named = model.name ?? name;
  return {
    ...before,
    modelSpec: { ...rest, ...choice, ...(named === undefined || named === "" ? {} : { name: named }) },
  };
}

/** An Int64Value: 0 is not written. */
const wrapped = (version: string) => (version === "0" ? {} : { value: version });

function expectInference(before: Fields, model: ModelOverride): Fields {
  return {
    ...before,
    ...(model.name === undefined ? {} : { modelName: model.name }),
    ...(model.version === undefined ? {} : { modelVersion: model.version }),
  };
}

/** Without what is there and says nothing: an empty text is the same as none. */
function plain(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => inner !== "" || key === "versionLabel")
      .map(([key, inner]) => [key, plain(inner)]),
  );
}

type Make = (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined;

function made(message: Uint8Array, make: Make): Buffer | undefined {
  const results = surrounded(message).map(({ bytes, start, end }) => {
    const before = Buffer.from(bytes);
    const result = make(bytes, start, end);
    assert.ok(before.equals(bytes), "the message itself is not changed");
    return result === undefined ? undefined : Buffer.from(result);
  });
  assert.deepEqual(results[0], results[1], "nothing outside the message is looked at");
  return results[0];
}

function check(type: string, message: Uint8Array, make: Make, expect: (before: Fields) => Fields | undefined): void {
  made(message, make);
  const decoded = canonical(type, message);
  if (decoded === undefined) return;
  const result = made(decoded, make);
  const expected = expect(decode(type, decoded));
  assert.equal(result === undefined, expected === undefined, "a model is set wherever that can be done");
  if (result === undefined) return;
  assert.deepEqual(plain(decode(type, result)), plain(expected), "all but the model is as it was");
}

function replay(input: Buffer): void {
  const [first = 0, which = 0] = input;
  const { dialect, method, request, response } = calls[first % calls.length] as Call;
  const message = input.subarray(Math.min(2, input.length));
  const inference = dialect.name === "open-inference";
  const model = overrides[which % overrides.length] ?? kept;
  const override = dialect.override(model);
  check(
    request,
    message,
    (bytes, start, end) => override.request(method, bytes, start, end),
    (before) => {
      if (method.kind !== "predict") return undefined;
      return inference ? expectInference(before, model) : expectServing(before, model, false);
    },
  );
  const [name, version] = asked[which % asked.length] ?? [];
  check(
    response,
    message,
    (bytes, start, end) => override.response(method, bytes, start, end, name, version),
    (before) => {
      if (method.kind !== "predict") return undefined;
      const wanted = { ...kept, name, version };
      return inference ? expectInference(before, wanted) : expectServing(before, wanted, true);
    },
  );
}

export const modelOverrides: ByteTarget = {
  kind: "bytes",
  name: "overrides",
  about: "another model in requests and answers of both dialects: protobufjs decodes the rest as it was",
  replay,
  seeds: () =>
    [...requestSeeds, ...responseSeeds].flatMap(([call, message], i) =>
      [i, i + 3].map((which) => Buffer.concat([Buffer.from([call, which]), message])),
    ),
  dictionary: wireWords,
};
