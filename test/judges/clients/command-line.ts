/** The tools that people try a gRPC port with: grpcurl, nghttp and curl, as they are typed. */
import { readFileSync } from "node:fs";
import { bytesOf } from "../../../src/demo/floats.ts";
import { framed, oipInfer, tfPredict } from "../../support/predict.ts";
import { encode } from "../../support/protos.ts";
import { run } from "../lib/processes.ts";
import { scratchFile, scratchPath } from "../lib/scratch.ts";
import type { Seen } from "./compare.ts";
import { plain } from "./security.ts";
import { oneRow } from "./world.ts";

/** A PredictRequest for one application, as bytes. */
export const predictRequest = encode("tensorflow.serving.PredictRequest", {
  modelSpec: { name: "credit" },
  inputs: {
    features: {
      dtype: "DT_FLOAT",
      tensorShape: { dim: [{ size: 1 }, { size: oneRow.length }] },
      tensorContent: bytesOf([oneRow]),
    },
  },
});

/** The same as grpcurl and ghz take it. */
export const predictJson = JSON.stringify({
  model_spec: { name: "credit" },
  inputs: {
    features: {
      dtype: "DT_FLOAT",
      tensor_shape: { dim: [{ size: 1 }, { size: oneRow.length }] },
      float_val: oneRow,
    },
  },
});

const inferJson = JSON.stringify({
  model_name: "credit",
  inputs: [{ name: "features", datatype: "FP32", shape: [1, oneRow.length], contents: { fp32_contents: oneRow } }],
});

/** A command's way of asking, and what its answer must hold. */
interface Asked {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly holds: readonly string[];
}

const verbose = ["-v", "-H", "x-user-id: u-4", "-d"];
const grpcurlCalls: readonly Asked[] = [
  {
    name: "list",
    args: ["ADDRESS", "list"],
    code: 0,
    holds: ["tensorflow.serving.PredictionService", "inference.GRPC"],
  },
  {
    name: "describe",
    args: ["ADDRESS", "describe", "tensorflow.serving.PredictionService"],
    code: 0,
    holds: ["rpc Predict ( .tensorflow.serving.PredictRequest )"],
  },
  {
    name: "describe a message",
    args: ["ADDRESS", "describe", "inference.ModelInferRequest"],
    code: 0,
    holds: ["repeated bytes raw_input_contents"],
  },
  {
    name: "Predict",
    args: [...verbose, predictJson, "ADDRESS", tfPredict.slice(1)],
    code: 0,
    holds: ['"floatVal"', '"serving_default"', "Sent 1 request and received 1 response"],
  },
  {
    name: "ModelInfer",
    args: [...verbose, inferJson, "ADDRESS", oipInfer.slice(1)],
    code: 0,
    holds: ['"fp32Contents"', "Sent 1 request and received 1 response"],
  },
  {
    name: "a model that is not there",
    // grpcurl exits with 64 and the status.
    args: [...verbose, '{"model_name":"nobody"}', "ADDRESS", oipInfer.slice(1)],
    code: 64 + 5,
    holds: ["Code: NotFound", 'no model "nobody" here'],
  },
  { name: "health", args: ["ADDRESS", "grpc.health.v1.Health/Check"], code: 0, holds: ['"SERVING"'] },
  {
    name: "health of a service",
    args: ["-d", '{"service":"inference.GRPCInferenceService"}', "ADDRESS", "grpc.health.v1.Health/Check"],
    code: 0,
    holds: ['"SERVING"'],
  },
];

export async function callByGrpcurl(command: string, models: string, security = plain): Promise<Seen[]> {
  const all: Seen[] = [];
  for (const { name, args, code, holds } of grpcurlCalls) {
    const typed = args.map((arg) => (arg === "ADDRESS" ? models : arg));
    const finished = await run(command, [...security.grpcurl, "-max-time", "20", ...typed]);
    const text = `${finished.stdout}${finished.stderr}`;
    const lacking = holds.filter((part) => !text.includes(part));
    const problem =
      finished.code === code && lacking.length === 0 ? "" : `exit ${finished.code}, lacks ${lacking}\n${text}`;
    const shown = withoutDate(text.split("\n"));
    // Its headers are lines of "name: value".
    const fields = shown.map((line) =>
      line.startsWith("x-contender-variant: ") ? ["x-contender-variant", line] : line,
    );
    const detail = `${shown.length} lines`;
    all.push({
      name,
      problem,
      detail,
      seen: verbose.every((arg) => args.includes(arg)) ? { initial: fields } : fields,
    });
  }
  return all;
}

/** Of a grpc-js server, another each second. */
const withoutDate = (lines: readonly string[]) => lines.filter((line) => !/^date: /i.test(line));

const grpcHeaders = ["content-type: application/grpc", "te: trailers", "x-user-id: u-5"].flatMap((line) => [
  "-H",
  line,
]);

interface Posted {
  readonly name: string;
  readonly url: string;
  readonly body: Buffer;
  /** What its trailers must hold. */
  readonly ends: string;
}

function posts(models: string, echo: string, scheme = plain.scheme): Posted[] {
  const echoMethod = (name: string) => `${scheme}://${echo}/contender.judge.Echo/${name}`;
  const failing = JSON.stringify({ code: 8, message: "too ✓ much", details: "why" });
  return [
    { name: "Predict", url: `${scheme}://${models}${tfPredict}`, body: framed(predictRequest), ends: "grpc-status: 0" },
    { name: "a message", url: echoMethod("Unary"), body: framed("hello"), ends: "grpc-status: 0" },
    { name: "1 MiB", url: echoMethod("Unary"), body: framed(Buffer.alloc(1 << 20, "hello ")), ends: "grpc-status: 0" },
    { name: "a failure", url: echoMethod("Fail"), body: framed(failing), ends: "grpc-message: too %E2%9C%93 much" },
  ];
}

/** Header lines as pairs, for the comparison. */
function headerPairs(lines: readonly string[]): [string, string][] {
  return withoutDate(lines)
    .filter((line) => line.trim() !== "")
    .map((line) => /^(:?[^:]+): ?(.*)$/.exec(line.trim()) ?? ["", "", line])
    .map(([, name = "", value = ""]) => [name.trim(), value.trim()]);
}

function posted(
  { name, ends }: Posted,
  finished: { code: number; stderr: string },
  lines: string[],
  body: Buffer,
): Seen {
  const whole = finished.code === 0 && lines.some((line) => line.includes(ends));
  return {
    name,
    problem: whole ? "" : `exit ${finished.code}: ${finished.stderr}\nheaders: ${lines.join("; ")}`,
    detail: `${lines.length} header lines, ${body.length} bytes`,
    seen: { initial: headerPairs(lines), body: body.toString("base64") },
  };
}

export async function callByNghttp(models: string, echo: string): Promise<Seen[]> {
  const all: Seen[] = [];
  for (const post of posts(models, echo)) {
    const args = ["-t", "20", "-d", scratchFile("posted", post.body), ...grpcHeaders, post.url];
    const { stdout: body } = await run("nghttp", args);
    const finished = await run("nghttp", ["-v", "-n", ...args]);
    const received = /^\[[\s\d.]+\] recv \(stream_id=\d+\) (.*)$/;
    const lines = finished.stdout
      .toString()
      .split("\n")
      .flatMap((line) => received.exec(line)?.[1] ?? []);
    all.push(posted(post, finished, lines, body));
  }
  return all;
}

export async function callByCurl(models: string, echo: string, security = plain): Promise<Seen[]> {
  const all: Seen[] = [];
  const headersFile = scratchPath("headers");
  for (const post of posts(models, echo, security.scheme)) {
    const sent = [...security.curl, "--http2-prior-knowledge", "--data-binary", `@${scratchFile("posted", post.body)}`];
    const finished = await run("curl", [...quiet, "-D", headersFile, ...sent, ...grpcHeaders, post.url]);
    all.push(posted(post, finished, readFileSync(headersFile, "utf8").split("\r\n"), finished.stdout));
  }
  return all;
}

const quiet = ["-sS", "--max-time", "20"];
const rest = ["-H", "content-type: application/json", "--data-binary", `@${scratchFile("rest", predictJson)}`];

/** Callers that are at the wrong port: each must learn so from a status and a body. */
const refusals: readonly { name: string; args: readonly string[]; status: number; holds: string }[] = [
  { name: "REST by HTTP/1.1", args: ["--http1.1", ...rest], status: 400, holds: "speaks gRPC over HTTP/2" },
  { name: "GET by HTTP/1.1", args: ["--http1.1"], status: 400, holds: "speaks gRPC over HTTP/2" },
  { name: "an upgrade to HTTP/2", args: ["--http2"], status: 400, holds: "prior knowledge" },
  { name: "GET by HTTP/2", args: ["--http2-prior-knowledge"], status: 405, holds: "want POST" },
  { name: "REST by HTTP/2", args: ["--http2-prior-knowledge", ...rest], status: 415, holds: "application/grpc" },
];

/** What a sidecar tells who does not speak gRPC. @returns rows of a table: name, problem, detail. */
export async function refuseCurl(address: string): Promise<[string, string, string][]> {
  const all: [string, string, string][] = [];
  for (const { name, args, status, holds } of refusals) {
    const url = `http://${address}/v1/models/credit:predict`;
    const { code, stdout, stderr } = await run("curl", [...quiet, "-w", "\n%{http_code}", ...args, url]);
    const [body = "", got = ""] = stdout.toString().split(/\n(?=\d+$)/);
    const told = code === 0 && got === String(status) && body.startsWith("contender: ") && body.includes(holds);
    const problem = told ? "" : `exit ${code}, status ${got}, body ${JSON.stringify(body)} ${stderr}`;
    all.push([`curl: ${name}`, problem, `${got}: ${body.trim()}`]);
  }
  return all;
}

/** A caller that mutual TLS is to keep out. @param args what curl is told of certificates. @returns what is wrong. */
export async function keptOut(address: string, args: readonly string[]): Promise<string> {
  const { code, stdout } = await run("curl", [...quiet, ...args, "--http2-prior-knowledge", `https://${address}/`]);
  return code !== 0 && stdout.length === 0 ? "" : `exit ${code}, heard ${stdout}`;
}
