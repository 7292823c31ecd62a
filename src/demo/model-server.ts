/**
 * A real model server, as a process of its own: one ONNX model behind TensorFlow Serving's protocol, the Open Inference
 * Protocol, or both on one port, with health and reflection as those servers have them.
 *
 *     model-server.ts --model FILE --version 1 [--name credit] [--dialect tfs|oip|both] [--port 0] [--delay-ms 0]
 *
 * The first line on stdout is JSON and tells the port. The process ends on SIGTERM, and when its parent does: with the
 * IPC channel where it was started with one, with standard input where `--until-stdin-ends` is given.
 */
import { parseArgs } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { HealthImplementation, protoPath as healthProto } from "grpc-health-check";
import { reflectionOf } from "../api/reflection.ts";
import { systemClock } from "../base/clock.ts";
import { addOpenInference } from "./oip-service.ts";
import { loadOnnx } from "./onnx.ts";
import type { Served } from "./predictor.ts";
import { openInferenceProtos, tensorflowServingProtos } from "./protos.ts";
import { addTensorflowServing } from "./tfs-service.ts";

const dialects = ["tfs", "oip", "both"] as const;

interface Options {
  readonly model: string;
  readonly version: string;
  readonly name: string;
  readonly dialect: (typeof dialects)[number];
  readonly port: number;
  readonly delayMs: number;
  readonly untilStdinEnds: boolean;
}

/** @throws with what is wrong, in words for the person who typed it. */
function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string" },
      version: { type: "string" },
      name: { type: "string", default: "credit" },
      dialect: { type: "string", default: "both" },
      port: { type: "string", default: "0" },
      "delay-ms": { type: "string", default: "0" },
      "until-stdin-ends": { type: "boolean", default: false },
    },
  });
  const dialect = dialects.find((known) => known === values.dialect);
  const wrong = [
    values.model === undefined && "--model FILE is missing",
    !/^\d+$/.test(values.version ?? "") && "--version wants a whole number",
    dialect === undefined && `--dialect wants one of ${dialects.join(", ")}`,
    !(/^\d+$/.test(values.port) && Number(values.port) < 65_536) && "--port wants a number below 65536",
    !/^\d+$/.test(values["delay-ms"]) && "--delay-ms wants a whole number",
  ].filter((problem) => problem !== false);
  if (wrong.length > 0 || values.model === undefined || values.version === undefined || dialect === undefined) {
    throw new Error(wrong.join("; "));
  }
  return {
    model: values.model,
    version: values.version,
    name: values.name,
    dialect,
    port: Number(values.port),
    delayMs: Number(values["delay-ms"]),
    untilStdinEnds: values["until-stdin-ends"],
  };
}

async function buildServer(options: Options): Promise<Server> {
  const server = new Server();
  const model = await loadOnnx(options.model);
  // The first run compiles the graph's kernels: no caller should pay for it.
  await model.predict(new Float32Array(model.rowLength));
  const served: Served = { ...options, model, clock: systemClock };
  const health = new HealthImplementation({ "": "SERVING" });
  let protos = loadSync(healthProto);
  if (options.dialect !== "oip") {
    const definition = tensorflowServingProtos();
    addTensorflowServing(server, definition, served);
    health.setStatus("tensorflow.serving.PredictionService", "SERVING");
    protos = { ...protos, ...definition };
  }
  if (options.dialect !== "tfs") {
    const definition = openInferenceProtos();
    addOpenInference(server, definition, served);
    health.setStatus("inference.GRPCInferenceService", "SERVING");
    protos = { ...protos, ...definition };
  }
  health.addToServer(server);
  reflectionOf(protos).addToServer(server);
  return server;
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
}

/** Ends at once, calls in flight included: nobody who ends a demo's model waits for them. */
function endWith(server: Server, untilStdinEnds: boolean): void {
  const end = () => {
    server.forceShutdown();
    process.stdin.destroy();
    if (process.connected) process.disconnect();
  };
  process.on("SIGTERM", end);
  process.on("disconnect", end);
  if (untilStdinEnds) process.stdin.on("end", end).on("error", end).resume();
}

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const server = await buildServer(options);
  endWith(server, options.untilStdinEnds);
  const port = await listen(server, options.port);
  process.stdout.write(`${JSON.stringify({ event: "ready", port, name: options.name, version: options.version })}\n`);
}

main(process.argv.slice(2)).catch((reason: unknown) => {
  process.stderr.write(`model server: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exitCode = 1;
  if (process.connected) process.disconnect();
});
