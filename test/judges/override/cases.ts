/**
 * Messages and what the overrides made of them, for other runtimes to judge: specs whole, in pieces, out of order, with members
 * of the oneof putting each other away, with fields that nobody knows, beside tensors that must stay as they are.
 */
import fc from "fast-check";
import type { ModelOverride } from "../../../src/model/route.ts";
import type { Dialect, Method } from "../../../src/protocol/dialect.ts";
import { openInference } from "../../../src/protocol/open-inference/index.ts";
import { modelInfer } from "../../../src/protocol/open-inference/methods.ts";
import { tensorflowServing } from "../../../src/protocol/tensorflow-serving/index.ts";
import { classify, predict, regress } from "../../../src/protocol/tensorflow-serving/methods.ts";
import { encode } from "../../support/protos.ts";
import { bytesField, varintField } from "../../support/wire-bytes.ts";

export interface JudgedCase {
  readonly label: string;
  readonly type: string;
  /** Base64. */
  readonly original: string;
  readonly changed: string;
  readonly set: Readonly<Record<string, string>>;
}

const kept: ModelOverride = { name: undefined, version: undefined, label: undefined, restoreResponse: false };
const version = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);
const name = fc.constantFrom("fraud", "größe", "", "n".repeat(200));

const specField = fc.oneof(
  name.map((text) => bytesField(1, text)),
  version.map((number) => bytesField(2, varintField(1, BigInt(number)))),
  fc.constant(bytesField(2)),
  name.map((text) => bytesField(3, text)),
  fc.constantFrom("stable", "").map((text) => bytesField(4, text)),
  fc.constantFrom(varintField(9, 5), bytesField(200, "unknown")),
);
const spec = fc.array(specField, { maxLength: 5 });

const tensor = { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: 2 }] }, floatVal: [0.5, 0.25] };
/** Each at most once: a map's key twice is text twice to protoc. */
const around = fc.subarray([
  encode("tensorflow.serving.PredictRequest", { inputs: { x: tensor } }),
  encode("tensorflow.serving.PredictRequest", { outputFilter: ["a", "b"] }),
  varintField(99, 7),
]);
const answered = fc.subarray([
  encode("tensorflow.serving.PredictResponse", { outputs: { scores: tensor } }),
  varintField(99, 7),
]);
const asked = fc.oneof(
  fc.record({ name: name.filter((text) => text !== "") }),
  fc.record({ version }),
  fc.record({ label: fc.constantFrom("canary", "") }),
  fc.record({ name, version }),
  fc.constant({}),
);

/** The pieces in an order that chance gives, as wire order is free. */
function shuffled(first: readonly Uint8Array[], second: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  const all = [...first, ...second];
  return fc.shuffledSubarray(all, { minLength: all.length }).map((pieces) => Buffer.concat(pieces));
}

function made(
  label: string,
  type: string,
  original: Uint8Array,
  changed: Uint8Array | undefined,
  set: Readonly<Record<string, string>>,
): JudgedCase {
  if (changed === undefined) throw new Error(`${label}: nothing was made of it`);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return { label, type, original: base64(original), changed: base64(changed), set };
}

function asRequest(dialect: Dialect, method: Method, bytes: Uint8Array, set: Partial<ModelOverride>) {
  return dialect.override({ ...kept, ...set }).request(method, bytes, 0, bytes.length);
}

/** `count` cases of each sort, the same for the same seed. */
export function judgedCases(count: number, seed: number): readonly JudgedCase[] {
  const cases: JudgedCase[] = [];
  const sample = <T>(values: fc.Arbitrary<T>) => fc.sample(values, { seed, numRuns: count });

  const specs = fc.array(spec, { minLength: 1, maxLength: 3 });
  const requests = fc.tuple(specs, around, asked).chain(([pieces, others, set]) =>
    shuffled(
      pieces.map((fields) => bytesField(1, ...fields)),
      others,
    ).map((bytes) => ({ bytes, set })),
  );
  for (const [i, { bytes, set }] of sample(requests).entries()) {
    const changed = asRequest(tensorflowServing, predict, bytes, set);
    cases.push(made(`Predict request ${i}`, "tensorflow.serving.PredictRequest", bytes, changed, set));
  }

  for (const [method, type] of [
    [classify, "tensorflow.serving.ClassificationRequest"],
    [regress, "tensorflow.serving.RegressionRequest"],
  ] as const) {
    const bytes = encode(type, {
      modelSpec: { name: "m", signatureName: "s" },
      input: { exampleList: { examples: [{}] } },
    });
    const set = { name: "n", version: "3" };
    cases.push(made(`${method.name} request`, type, bytes, asRequest(tensorflowServing, method, bytes, set), set));
  }

  const responses = fc.tuple(specs, answered, fc.record({ name, version })).chain(([pieces, others, set]) =>
    shuffled(
      pieces.map((fields) => bytesField(2, ...fields)),
      others,
    ).map((bytes) => ({ bytes, set })),
  );
  for (const [i, { bytes, set }] of sample(responses).entries()) {
    const restored = tensorflowServing.override(kept).response(predict, bytes, 0, bytes.length, set.name, set.version);
    cases.push(made(`Predict answer ${i}`, "tensorflow.serving.PredictResponse", bytes, restored, set));
  }

  const text = fc.constantFrom("fraud", "größe", "", "41");
  const scalars = fc.array(
    fc.oneof(
      text.map((value) => bytesField(1, value)),
      text.map((value) => bytesField(2, value)),
    ),
    {
      maxLength: 4,
    },
  );
  const inputs = encode("inference.ModelInferRequest", {
    id: "call-1",
    parameters: { priority: { int64Param: 1 } },
    inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
    rawInputContents: [Buffer.alloc(4)],
  });
  const outputs = encode("inference.ModelInferResponse", {
    outputs: [{ name: "scores", datatype: "FP32", shape: [1], contents: { fp32Contents: [0.5] } }],
  });
  const setScalars = fc.oneof(
    fc.record({ name: text }),
    fc.record({ version: text }),
    fc.record({ name: text, version: text }),
  );
  const openRequests = fc
    .tuple(scalars, setScalars)
    .chain(([fields, set]) => shuffled(fields, [inputs]).map((bytes) => ({ bytes, set })));
  for (const [i, { bytes, set }] of sample(openRequests).entries()) {
    const changed = asRequest(openInference, modelInfer, bytes, set);
    cases.push(made(`ModelInfer request ${i}`, "inference.ModelInferRequest", bytes, changed, set));
  }
  const openResponses = fc
    .tuple(scalars, fc.record({ name: text, version: text }))
    .chain(([fields, set]) => shuffled(fields, [outputs]).map((bytes) => ({ bytes, set })));
  for (const [i, { bytes, set }] of sample(openResponses).entries()) {
    const restored = openInference.override(kept).response(modelInfer, bytes, 0, bytes.length, set.name, set.version);
    cases.push(made(`ModelInfer answer ${i}`, "inference.ModelInferResponse", bytes, restored, set));
  }
  return cases;
}
