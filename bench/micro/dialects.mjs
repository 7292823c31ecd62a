/**
 * What it costs to look into one call: model name and key of a request of about 512 bytes, and the score of an answer of about
 * 100 bytes. Prints nanoseconds per message: the median of many short rounds, and the least, which is the one to compare on a
 * machine that has other work to do. Run with the project's own Node:
 *
 *     npx node bench/micro/dialects.mjs
 */
import { newRequestFacts } from "../../src/protocol/facts.ts";
import { dialects } from "../../src/protocol/index.ts";
import { encode } from "../../test/support/protos.ts";

const messagesPerRound = 2000;
const rounds = 601;

/** A batch of one with 28 features: what a small tabular model is asked. */
const features = Array.from({ length: 28 }, (_, i) => i / 7);
const shape = (...sizes) => ({ dim: sizes.map((size) => ({ size })) });

/** Distinct users, as keys do not repeat like model names do. */
const users = Array.from({ length: 64 }, (_, i) => `user-${1000 + i * 7919}`);

const tensorflowRequests = users.map((user) =>
  encode("tensorflow.serving.PredictRequest", {
    modelSpec: { name: "fraud", version: { value: 41 }, signatureName: "serving_default" },
    inputs: {
      features: { dtype: "DT_FLOAT", tensorShape: shape(1, 28), floatVal: features },
      history: { dtype: "DT_FLOAT", tensorShape: shape(1, 64), tensorContent: Buffer.alloc(256) },
      user_id: { dtype: "DT_STRING", tensorShape: shape(1), stringVal: [Buffer.from(user)] },
    },
  }),
);
const inferRequests = users.map((user) =>
  encode("inference.ModelInferRequest", {
    modelName: "fraud",
    modelVersion: "41",
    id: "0123456789abcdef",
    inputs: [
      { name: "features", datatype: "FP32", shape: [1, 92] },
      { name: "user_id", datatype: "BYTES", shape: [1] },
    ],
    rawInputContents: [Buffer.alloc(92 * 4), Buffer.concat([Buffer.from([user.length, 0, 0, 0]), Buffer.from(user)])],
  }),
);
const tensorflowAnswers = users.map((_, i) =>
  encode("tensorflow.serving.PredictResponse", {
    outputs: { scores: { dtype: "DT_FLOAT", tensorShape: shape(1, 2), floatVal: [1 - i / 64, i / 64] } },
    modelSpec: { name: "fraud", version: { value: 41 }, signatureName: "serving_default" },
  }),
);
const inferAnswers = users.map((_, i) => {
  const scores = Buffer.alloc(8);
  scores.writeFloatLE(1 - i / 64, 0);
  scores.writeFloatLE(i / 64, 4);
  return encode("inference.ModelInferResponse", {
    modelName: "fraud",
    modelVersion: "41",
    id: "0123456789abcdef",
    outputs: [{ name: "scores", datatype: "FP32", shape: [1, 2] }],
    rawOutputContents: [scores],
  });
});

const from = [{ kind: "input", name: "user_id" }];
const ignore = ["", "anonymous"];
const spec = { output: "scores", reduce: "element", index: 1, range: [0, 1], buckets: [] };
let told = 0;
const sink = {
  score(value) {
    told += value;
  },
  invalid(reason) {
    throw new Error(`the bench's own answer has no score: ${reason}`);
  },
  effective(_model, version) {
    told += version.length;
  },
};

function requestTask(dialect, method, _messages) {
  const reader = dialect.requestReader(from, ignore);
  const facts = newRequestFacts();
  return (message) => {
    reader.read(method, message, 0, message.length, facts);
    told += facts.key.length + facts.model.length;
  };
}

function scoreTask(dialect, method) {
  const reader = dialect.scoreReader(spec);
  return (message) => reader.read(method, message, 0, message.length, sink);
}

function nanoseconds(task, messages) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < messagesPerRound; i++) task(messages[i & 63]);
  return Number(process.hrtime.bigint() - start) / messagesPerRound;
}

const { "tensorflow-serving": tensorflow, "open-inference": open } = dialects;
const predict = tensorflow.method("/tensorflow.serving.PredictionService/Predict");
const infer = open.method("/inference.GRPCInferenceService/ModelInfer");
const override = tensorflow.override({ name: undefined, version: "43", label: undefined, restoreResponse: false });
const append = open.override({ name: undefined, version: "43", label: undefined, restoreResponse: false });
const tasks = [
  ["Predict: model and key", requestTask(tensorflow, predict), tensorflowRequests],
  ["ModelInfer: model and key", requestTask(open, infer), inferRequests],
  ["Predict: score", scoreTask(tensorflow, predict), tensorflowAnswers],
  ["ModelInfer: score", scoreTask(open, infer), inferAnswers],
  ["Predict: other version", (m) => override.request(predict, m, 0, m.length), tensorflowRequests],
  ["ModelInfer: other version", (m) => append.request(infer, m, 0, m.length), inferRequests],
];

const measured = tasks.map(() => []);
for (let round = 0; round < rounds; round++) {
  for (const [i, [, task, messages]] of tasks.entries()) measured[i].push(nanoseconds(task, messages));
}
for (const [i, [name, , messages]] of tasks.entries()) {
  const sorted = measured[i].sort((a, b) => a - b);
  const median = sorted[Math.floor(rounds / 2)];
  const bytes = messages[0].length.toString().padStart(4);
  const least = sorted[0];
  console.log(
    `${name.padEnd(28)} ${bytes} B  median ${median.toFixed(0).padStart(5)} ns  least ${least.toFixed(0).padStart(5)} ns`,
  );
}
if (told === 0) throw new Error("nothing was read");
