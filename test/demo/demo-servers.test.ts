import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import type { MessageTypeDefinition, PackageDefinition, ServiceDefinition } from "@grpc/proto-loader";
import { service as healthService } from "grpc-health-check";
import { systemClock } from "../../src/base/clock.ts";
import { demoModule, modelFile } from "../../src/demo/assets.ts";
import { Child } from "../../src/demo/children.ts";
import { type Answer, openClient } from "../../src/demo/clients.ts";
import { loadCreditData } from "../../src/demo/data.ts";
import { openInferenceProtos, serviceOf, tensorflowServingProtos } from "../../src/demo/protos.ts";
import type { DialectName } from "../../src/model/route.ts";

interface Expected {
  readonly every: number;
  readonly scores: Readonly<Record<string, readonly number[]>>;
}

/** Written by the training script: what scikit-learn itself says of every so many held-out rows. */
const expected = JSON.parse(
  readFileSync(new URL("../fixtures/demo/expected-scores.json", import.meta.url), "utf8"),
) as Expected;

const { heldOut } = loadCreditData();
const rows = heldOut.filter((_, i) => i % expected.every === 0).map(({ features }) => features);
/** Between 32-bit arithmetic here and 64-bit arithmetic there. */
const tolerance = 1e-4;

/** Generous: a busy machine compiles the runtime's 14 MB of WebAssembly slowly. */
const startTimeoutMs = 25_000;

function spawnServer(...args: string[]): Child {
  return new Child({
    title: "the model server",
    args: [fileURLToPath(demoModule("model-server")), ...args],
    env: {},
    clock: systemClock,
    startTimeoutMs,
  });
}

async function targetOf(server: Child): Promise<string> {
  return `127.0.0.1:${(await server.ready).port}`;
}

function predict(target: string, dialect: DialectName, model = "credit"): Promise<Answer | ServiceError> {
  const client = openClient({ target, dialect, model, clock: systemClock });
  return new Promise<Answer | ServiceError>((resolve) => {
    client.predict("someone", rows, resolve);
  }).finally(() => client.close());
}

function call(target: string, protos: PackageDefinition, service: string, method: string, request: object) {
  const definition = serviceOf(protos, service)[method];
  assert.ok(definition);
  const client = new Client(target, credentials.createInsecure());
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      request,
      (error, response) => (response === undefined ? reject(error) : resolve(response as Record<string, unknown>)),
    );
  }).finally(() => client.close());
}

describe("the demo's model servers", function () {
  this.timeout(2 * startTimeoutMs);
  const servers: Child[] = [];
  const targets: string[] = [];

  before(async () => {
    for (const version of [1, 2, 3]) {
      servers.push(spawnServer("--model", modelFile(version), "--version", `${version}`));
    }
    for (const server of servers) targets.push(await targetOf(server));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.end(2000)));
  });

  const target = (version: number) => targets[version - 1] ?? assert.fail(`no server v${version}`);

  for (const version of [1, 2, 3]) {
    for (const dialect of ["tensorflow-serving", "open-inference"] as const) {
      it(`give by ${dialect} the scores that scikit-learn gives for model v${version}`, async () => {
        const answer = await predict(target(version), dialect);
        assert.ok("scores" in answer, String(answer));
        assert.equal(answer.rows, rows.length);
        const ofBad = answer.scores.filter((_, i) => i % 2 === 1);
        const wanted = expected.scores[`v${version}`];
        assert.ok(wanted);
        const worst = Math.max(...wanted.map((score, i) => Math.abs(score - (ofBad[i] ?? Number.NaN))));
        assert.ok(worst < tolerance, `differs by ${worst}`);
      });
    }
  }

  it("tell the version that answered to a TensorFlow Serving caller who named none", async () => {
    const response = await call(
      target(2),
      tensorflowServingProtos(),
      "tensorflow.serving.PredictionService",
      "Predict",
      {
        model_spec: { name: "credit" },
        inputs: {
          features: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }, { size: 17 }] }, float_val: rows[0] },
        },
      },
    );
    const spec = response.model_spec as { name: string; version: { value: string } };
    assert.deepEqual([spec.name, spec.version.value], ["credit", "2"]);
  });

  it("fill the shape with a single typed value, as TensorFlow does", async () => {
    const ask = (floats: readonly number[]) =>
      call(target(1), tensorflowServingProtos(), "tensorflow.serving.PredictionService", "Predict", {
        model_spec: { name: "credit" },
        inputs: {
          features: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }, { size: 17 }] }, float_val: floats },
        },
        output_filter: ["scores"],
      });
    assert.deepEqual(await ask([1]), await ask(new Array(17).fill(1)));
  });

  it("answer typed where an Open Inference request was typed", async () => {
    const response = await call(target(1), openInferenceProtos(), "inference.GRPCInferenceService", "ModelInfer", {
      model_name: "credit",
      id: "a1",
      inputs: [{ name: "features", datatype: "FP32", shape: [1, 17], contents: { fp32_contents: rows[0] } }],
      outputs: [{ name: "scores" }],
    });
    const [output, none] = response.outputs as { name: string; contents: { fp32_contents: number[] } }[];
    assert.equal(none, undefined);
    assert.ok(output);
    assert.equal(output.name, "scores");
    assert.deepEqual(response.raw_output_contents, []);
    assert.equal(response.model_version, "1");
    assert.equal(response.id, "a1");
    assert.ok(Math.abs((output.contents.fp32_contents[1] ?? 0) - (expected.scores.v1?.[0] ?? 9)) < tolerance);
  });

  it("describe their signature to GetModelMetadata", async () => {
    const protos = tensorflowServingProtos();
    const response = await call(target(1), protos, "tensorflow.serving.PredictionService", "GetModelMetadata", {
      model_spec: { name: "credit" },
      metadata_field: ["signature_def"],
    });
    const packed = (response.metadata as Record<string, { type_url: string; value: Buffer }>).signature_def;
    assert.equal(packed?.type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
    const type = protos["tensorflow.serving.SignatureDefMap"] as MessageTypeDefinition<object, object>;
    const { signature_def } = type.deserialize(packed.value) as {
      signature_def: Record<string, { inputs: Record<string, unknown>; outputs: Record<string, { dtype: string }> }>;
    };
    const signature = signature_def.serving_default;
    assert.deepEqual(Object.keys(signature?.inputs ?? {}), ["features"]);
    assert.deepEqual(
      Object.entries(signature?.outputs ?? {})
        .map(([name, { dtype }]) => `${name} ${dtype}`)
        .sort(),
      ["classes DT_INT64", "scores DT_FLOAT"],
    );
  });

  it("describe inputs and outputs to ModelMetadata", async () => {
    const metadata = await call(target(3), openInferenceProtos(), "inference.GRPCInferenceService", "ModelMetadata", {
      name: "credit",
    });
    assert.deepEqual(metadata.versions, ["3"]);
    const inputs = metadata.inputs as { name: string; datatype: string; shape: string[] }[];
    assert.deepEqual(
      inputs.map(({ name, datatype, shape }) => [name, datatype, ...shape]),
      [["features", "FP32", "-1", "17"]],
    );
  });

  it("report their version as available", async () => {
    const { model_version_status: statuses } = await call(
      target(2),
      tensorflowServingProtos(),
      "tensorflow.serving.ModelService",
      "GetModelStatus",
      { model_spec: { name: "credit" } },
    );
    assert.deepEqual(
      (statuses as { version: string; state: string }[]).map(({ version, state }) => [version, state]),
      [["2", "AVAILABLE"]],
    );
  });

  it("are live and ready, and a model they do not have is not", async () => {
    const ask = (method: string, request: object) =>
      call(target(1), openInferenceProtos(), "inference.GRPCInferenceService", method, request);
    assert.deepEqual(await ask("ServerLive", {}), { live: true });
    assert.deepEqual(await ask("ServerReady", {}), { ready: true });
    assert.deepEqual(await ask("ModelReady", { name: "credit", version: "1" }), { ready: true });
    assert.deepEqual(await ask("ModelReady", { name: "credit", version: "2" }), { ready: false });
  });

  it("are healthy to the standard health service", async () => {
    const response = await call(target(1), { health: healthService as ServiceDefinition }, "health", "Check", {
      service: "tensorflow.serving.PredictionService",
    });
    assert.equal(response.status, "SERVING");
  });

  it("list their services by reflection", async () => {
    // A stream of the reflection protocol, encoded by hand: field 7 (list_services) with an empty string.
    const client = new Client(target(1), credentials.createInsecure());
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const bytes = (value: Buffer) => value;
      const stream = client.makeBidiStreamRequest(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        bytes,
        bytes,
      );
      stream.on("data", resolve).on("error", reject);
      stream.write(Buffer.from([0x3a, 0x00]));
      stream.end();
    }).finally(() => client.close());
    for (const service of ["tensorflow.serving.PredictionService", "inference.GRPCInferenceService"]) {
      assert.ok(answer.includes(service), service);
    }
  });

  for (const { what, dialect, model, code } of [
    { what: "an unknown model", dialect: "tensorflow-serving", model: "fraud", code: 5 },
    { what: "an unknown model", dialect: "open-inference", model: "fraud", code: 5 },
  ] as const) {
    it(`refuse ${what} with NOT_FOUND over ${dialect}`, async () => {
      const answer = await predict(target(1), dialect, model);
      assert.equal("code" in answer && answer.code, code);
    });
  }

  for (const { what, request } of [
    {
      what: "a row of the wrong length",
      request: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }, { size: 3 }] }, float_val: [1, 2, 3] },
    },
    {
      what: "another type",
      request: { dtype: "DT_STRING", tensor_shape: { dim: [{ size: 1 }, { size: 17 }] }, float_val: [1] },
    },
    {
      what: "cut-off bytes",
      request: {
        dtype: "DT_FLOAT",
        tensor_shape: { dim: [{ size: 1 }, { size: 17 }] },
        tensor_content: Buffer.alloc(67),
      },
    },
    {
      what: "a shape that its values do not fill",
      request: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 2 }, { size: 17 }] }, float_val: [1, 2] },
    },
  ]) {
    it(`refuse ${what} with INVALID_ARGUMENT`, async () => {
      const asked = call(target(1), tensorflowServingProtos(), "tensorflow.serving.PredictionService", "Predict", {
        model_spec: { name: "credit" },
        inputs: { features: request },
      });
      await assert.rejects(asked, { code: 3 });
    });
  }
});

describe("a model server's life", function () {
  this.timeout(2 * startTimeoutMs);

  it("ends when the process that started it goes away without a word", async () => {
    const args = [fileURLToPath(demoModule("model-server")), "--model", modelFile(1), "--version", "1"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    await once(child.stdout as NodeJS.ReadableStream, "data");
    // What the operating system does for a parent that was killed.
    child.disconnect();
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("serves only the dialect that was asked for, and ends with exit code 0 on SIGTERM", async () => {
    const server = spawnServer("--model", modelFile(1), "--version", "1", "--dialect", "oip");
    try {
      const target = await targetOf(server);
      const [refused, served] = [await predict(target, "tensorflow-serving"), await predict(target, "open-inference")];
      assert.equal("code" in refused && refused.code, 12);
      assert.ok("rows" in served);
    } finally {
      await server.end(5000);
    }
    assert.equal(await server.ended, "exit code 0");
  });

  it("says every wrong option and exits with 1", async () => {
    const started = spawnServer("--dialect", "rest", "--port", "99999").ready;
    await assert.rejects(started, (error: Error) => {
      for (const part of ["exit code 1", "--model", "--version", "--dialect", "--port"]) {
        assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
      }
      return true;
    });
  });
});
