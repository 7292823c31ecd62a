/**
 * Any bytes to the score readers of both dialects.
 *
 * What must hold: nothing outside the answer is looked at, and nothing is left over for the next one; scores are finite, within
 * their range and no more than the limit, with the model told once and first; tensors whose elements are all there give what
 * their rows, taken from protobufjs, give.
 */
import assert from "node:assert/strict";
import type { ScoreReduce, ScoreSpec } from "../../../src/model/route.ts";
import type { ScoreReader, ScoreSink } from "../../../src/protocol/dialect.ts";
import { defaultRowLimit } from "../../../src/protocol/rows.ts";
import { protos } from "../../support/protos.ts";
import type { ByteTarget } from "../target.ts";
import { type Call, calls, canonical, responseSeeds, surrounded, wireWords } from "./messages.ts";

const reduces: readonly ScoreReduce[] = ["element", "max", "argmax", "margin", "entropy", "mean"];
const range = [-10, 10] as const;

function specOf(which: number): ScoreSpec | undefined {
  if (which % 16 === 15) return undefined;
  const reduce = reduces[which % reduces.length] ?? "element";
  const base = { output: "scores", reduce, index: (which >> 4) % 3, buckets: [] };
  return { ...base, range: which >= 128 ? range : undefined } as ScoreSpec;
}

/** `score 0.5`, `invalid nan`, `model fraud 41`, in their order. */
function read(reader: ScoreReader, { method }: Call, answer: Uint8Array, spec: ScoreSpec | undefined): string[] {
  const results = surrounded(answer).map(({ bytes, start, end }) => {
    const events: string[] = [];
    const told = (event: string) => void events.push(event);
    reader.read(method, bytes, start, end, {
      score: (value) => {
        assert.ok(Number.isFinite(value), "a score is a number");
        const [least, most] = spec?.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
        assert.ok(value >= least && value <= most, "a score is within its range");
        told(`score ${value}`);
      },
      invalid: (reason) => told(`invalid ${reason}`),
      effective: (model, version) => {
        assert.equal(events.length, 0, "the model is told once, and first");
        told(`model ${model} ${version}`);
      },
    });
    return events;
  });
  assert.deepEqual(results[0], results[1], "nothing outside the answer is looked at");
  const events = results[0] as string[];
  assert.ok(events.length <= defaultRowLimit + 2, `${events.length} rows are told`);
  return events;
}

// biome-ignore lint/suspicious/noExplicitAny: messages of every type are walked through by name
type Fields = any;

const fieldsOfServing: Readonly<Record<number, string>> = { 1: "floatVal", 2: "doubleVal", 3: "intVal" };
const fieldsOfInference: Readonly<Record<string, string>> = {
  FP32: "fp32Contents",
  FP64: "fp64Contents",
  INT32: "intContents",
};

/** Rows of the wanted output where it is a matrix of all its elements; undefined where it is anything else. */
function rowsOf(type: string, fields: Fields): readonly (readonly number[])[] | undefined {
  let shape: readonly number[] = [];
  let values: readonly number[] = [];
  if (type.endsWith("PredictResponse")) {
    const tensor = Object.hasOwn(fields.outputs, "scores") ? fields.outputs.scores : undefined;
    if (tensor === undefined || tensor.tensorContent?.length > 0 || tensor.tensorShape?.unknownRank) return undefined;
    shape = (tensor.tensorShape?.dim ?? []).map((dim: Fields) => Number(dim.size ?? 0));
    values = tensor[fieldsOfServing[tensor.dtype] ?? ""] ?? [];
  } else if (type === "inference.ModelInferResponse") {
    const tensor = fields.outputs.findLast((output: Fields) => output.name === "scores");
    if (tensor === undefined || fields.rawOutputContents.length > 0) return undefined;
    if (Object.hasOwn(tensor.parameters, "shared_memory_region")) return undefined;
    shape = tensor.shape.map(Number);
    values = tensor.contents?.[fieldsOfInference[tensor.datatype ?? ""] ?? ""] ?? [];
  }
  const [count = 0, width = 0] = shape;
  if (shape.length !== 2 || count < 1 || width < 1 || count * width !== values.length || count > defaultRowLimit)
    return undefined;
  return Array.from({ length: count }, (_, row) => values.slice(row * width, (row + 1) * width));
}

/** The score of a row of finite numbers; undefined for what this reference does not know. */
function scoreOf(row: readonly number[], { reduce, index }: ScoreSpec): string | undefined {
  const sorted = [...row].sort((a, b) => b - a);
  const [top = Number.NaN, second] = sorted;
  switch (reduce) {
    case "element":
      return row[index] === undefined ? "invalid missing_index" : `score ${row[index]}`;
    case "max":
      return `score ${top}`;
    case "argmax":
      return `score ${row.indexOf(top)}`;
    case "margin":
      return second === undefined ? "invalid missing_index" : `score ${top - second}`;
    case "mean":
      return `score ${row.reduce((sum, value) => sum + value, 0) / row.length}`;
    default:
      return undefined;
  }
}

const nobody: ScoreSink = { score: () => undefined, invalid: () => undefined, effective: () => undefined };

/** Readers live as long as their route: this one has read all kinds of answers before. */
function usedReader({ dialect }: Call, spec: ScoreSpec | undefined): ScoreReader {
  const reader = dialect.scoreReader(spec);
  for (const [place, answer] of responseSeeds) {
    const { dialect: other, method } = calls[place] as Call;
    if (other === dialect) reader.read(method, answer, 0, answer.length, nobody);
  }
  return reader;
}

function replay(input: Buffer): void {
  const [first = 0, which = 0] = input;
  const call = calls[first % calls.length] as Call;
  const spec = specOf(which);
  const answer = input.subarray(Math.min(2, input.length));
  const reader = usedReader(call, spec);
  const events = read(reader, call, answer, spec);
  assert.deepEqual(
    events,
    read(call.dialect.scoreReader(spec), call, answer, spec),
    "nothing is left over from answers before",
  );

  const decoded = canonical(call.response, answer);
  if (decoded === undefined || spec === undefined || spec.range !== undefined) return;
  const found = protos.lookupType(call.response);
  const rows = rowsOf(
    call.response,
    found.toObject(found.decode(decoded), { longs: String, arrays: true, objects: true }),
  );
  if (rows === undefined || rows.some((row) => !row.every(Number.isFinite))) return;
  const expected = rows.map((row) => scoreOf(row, spec));
  // Sums may be infinite: what then is told is another test's business.
  if (expected.some((event) => event === undefined || /Infinity|NaN/.test(event))) return;
  const told = read(reader, call, decoded, spec).filter((event) => !event.startsWith("model"));
  assert.deepEqual(told, expected, "as the rows of what protobufjs decodes");
}

export const scores: ByteTarget = {
  kind: "bytes",
  name: "scores",
  about: "answers of both dialects: scores bounded, in range and as protobufjs' rows have them, nothing read outside",
  replay,
  seeds: () =>
    responseSeeds.flatMap(([call, message], i) =>
      [0x10 + i, 0x20 + 2 * i, 0x85].map((which) => Buffer.concat([Buffer.from([call, which]), message])),
    ),
  dictionary: wireWords,
};
