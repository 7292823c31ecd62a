/** grpc-js as a client: every kind of call once, against a server that is grpc-go's. */
import { isDeepStrictEqual } from "node:util";
import { type Metadata, status } from "@grpc/grpc-js";
import { systemClock } from "../../../src/base/clock.ts";
import { type Answer, openClient } from "../../../src/demo/clients.ts";
import { type Ended, GrpcClient, metadataOf } from "../../support/grpc-js.ts";
import type { Seen } from "./compare.ts";
import { oneRow } from "./world.ts";

const method = (name: string) => `/contender.judge.Echo/${name}`;
const longestCallMs = 30_000;
const earlyDeadlineMs = 300;

/** What a call has shown; `problem` where it went wrong. */
interface Shown {
  readonly problem?: string;
  readonly detail: string;
  readonly seen: unknown;
}

export async function callByGrpcJs(models: string, address: string): Promise<Seen[]> {
  const client = new GrpcClient(address);
  const compressing = new GrpcClient(address, { "grpc.default_compression_algorithm": 2 });
  const judged: Readonly<Record<string, () => Promise<Shown>>> = {
    Predict: () => predict(models, "tensorflow-serving"),
    ModelInfer: () => predict(models, "open-inference"),
    "messages of many sizes": () => sizes(client),
    metadata: () => metadata(client),
    statuses: () => statuses(client),
    "client stream": () => collect(client),
    "server stream": () => spread(client),
    conversation: () => converse(client),
    gzip: () => gzip(compressing),
    deadline: () => deadline(client),
    cancellation: () => cancel(client),
  };
  const all: Seen[] = [];
  for (const [name, run] of Object.entries(judged)) {
    const { problem = "", detail, seen } = await run();
    all.push({ name, problem, detail, seen });
  }
  client.close();
  compressing.close();
  return all;
}

async function predict(target: string, dialect: "tensorflow-serving" | "open-inference"): Promise<Shown> {
  const client = openClient({ target, dialect, model: "credit", clock: systemClock });
  const answer = await new Promise<Answer | Error>((resolve) => client.predict("u-3", [oneRow, oneRow], resolve));
  client.close();
  if (answer instanceof Error) return { problem: answer.message, detail: "", seen: undefined };
  return { detail: `${dialect}, score ${answer.scores[1]?.toFixed(4)}`, seen: [answer.rows, answer.scores] };
}

/** Metadata by name, values of one name in their order. */
function pairs(all: Metadata | undefined): [string, string][] {
  const map = all?.getMap() ?? {};
  return Object.keys(map)
    .sort()
    .flatMap((name) => (all?.get(name) ?? []).map((value) => [name, textOf(value)] as [string, string]));
}

const textOf = (value: string | Buffer) => (typeof value === "string" ? value : value.toString("hex"));

const seenOf = ({ messages, initial, status: end }: Ended) => ({
  messages: messages.map((message) => message.toString("base64")),
  code: end.code,
  message: end.details,
  initial: pairs(initial),
  trailing: pairs(end.metadata),
});

const unary = (client: GrpcClient, name: string, message: string | Buffer, options = {}) =>
  client.unary(method(name), Buffer.from(message), { timeoutMs: longestCallMs, ...options });

async function sizes(client: GrpcClient): Promise<Shown> {
  const all = [0, 1, 16_379, 16_384, 65_535, 262_145, 1_000_003];
  for (const size of all) {
    const message = Buffer.alloc(size, "the same ");
    const { messages, status: end } = await unary(client, "Unary", message);
    if (!isDeepStrictEqual(messages, [message])) return { problem: `${size}: ${end.details}`, detail: "", seen: null };
  }
  return { detail: `${all.length} sizes to ${all.at(-1)} bytes`, seen: all };
}

/** No spaces at the ends of a value: Node drops such fields. */
async function metadata(client: GrpcClient): Promise<Shown> {
  const sent = metadataOf({
    "x-initial": "one",
    "x-initial-bin": [Buffer.from([0, 255, 171]), Buffer.from([128])],
    "x-trailing-long": " long".repeat(500).trim(),
    "x-trailing-bin": Buffer.alloc(1_000, "binary"),
  });
  const seen = seenOf(await unary(client, "Unary", "m", { metadata: sent }));
  const came = [...seen.initial, ...seen.trailing].filter(
    ([name]) => name.startsWith("x-initial") || name.startsWith("x-tr"),
  );
  const problem = came.length === 5 ? "" : `came back: ${JSON.stringify(seen)}`;
  return { problem, detail: "repeated, long and binary", seen };
}

async function statuses(client: GrpcClient): Promise<Shown> {
  const seen: ReturnType<typeof seenOf>[] = [];
  for (let code = 1; code <= 16; code++) {
    const message = `naïve 100 % – ✓ of ${code}`;
    const one = seenOf(await unary(client, "Fail", JSON.stringify({ code, message, details: "why" })));
    seen.push(one);
    if (one.code !== code || one.message !== message) return { problem: JSON.stringify(one), detail: "", seen };
  }
  return { detail: `all ${seen.length} codes, with message and details`, seen };
}

async function collect(client: GrpcClient): Promise<Shown> {
  const messages = Array.from({ length: 500 }, (_, i) => Buffer.alloc((i * 7) % 4_000, "part"));
  const seen = seenOf(await client.stream(method("Collect"), messages, { timeoutMs: longestCallMs }));
  const told = Buffer.from(seen.messages[0] ?? "", "base64").toString();
  return { problem: told.includes('"count":500') ? "" : JSON.stringify(seen), detail: "500 messages", seen };
}

async function spread(client: GrpcClient): Promise<Shown> {
  const { messages, status: end } = await unary(client, "Spread", JSON.stringify({ count: 2_000, size: 3_000 }));
  const inOrder = messages.every((message, i) => message.length === 3_000 && message.readUInt32BE() === i);
  const problem = inOrder && messages.length === 2_000 ? "" : `${messages.length} messages, ${end.code} ${end.details}`;
  return { problem, detail: "2000 messages in order", seen: [messages.length, end.code] };
}

/** Waits for each answer before it says more. */
async function converse(client: GrpcClient): Promise<Shown> {
  const turns = 200;
  const { call, ended } = client.duplex(method("Chat"), { timeoutMs: longestCallMs });
  const say = (turn: number) => call.write(Buffer.alloc(turn * 97, "said"));
  let heard = 0;
  call.on("data", (message: Buffer) => {
    if (message.length !== heard * 97) call.cancel();
    else if (++heard < turns) say(heard);
    else call.end();
  });
  say(0);
  const { status: end } = await ended;
  const problem = heard === turns && end.code === status.OK ? "" : `turn ${heard}: ${end.code} ${end.details}`;
  return { problem, detail: `${turns} turns, each waits for the other`, seen: [heard, end.code] };
}

async function gzip(client: GrpcClient): Promise<Shown> {
  const message = Buffer.alloc(320_000, "compresses well ");
  const { messages, initial } = await unary(client, "Unary", message);
  const heard = Buffer.concat((await unary(client, "Heard", message)).messages).toString();
  const problem =
    isDeepStrictEqual(messages, [message]) && heard.includes('"compression":"gzip"') ? "" : `the server heard ${heard}`;
  return { problem, detail: `${message.length} bytes there and back`, seen: { initial: pairs(initial) } };
}

/** Three, as a reset by grpc-go's server at the deadline may be here before grpc-js's own timer; that is CANCELLED to it. */
async function deadline(client: GrpcClient): Promise<Shown> {
  const told: number[] = [];
  for (let i = 0; i < 3; i++) {
    const id = `js deadline ${process.hrtime.bigint()}`;
    told.push((await unary(client, "Wait", id, { timeoutMs: earlyDeadlineMs })).status.code);
    const gone = (await unary(client, "Gone", id)).status;
    if (gone.code !== status.OK) return { problem: `at the server: ${gone.details}`, detail: "", seen: undefined };
  }
  const fits = told.every((code) => code === status.DEADLINE_EXCEEDED || code === status.CANCELLED);
  const problem = fits && told.includes(status.DEADLINE_EXCEEDED) ? "" : `codes ${told}`;
  return { problem, detail: `after ${earlyDeadlineMs} ms, the server too`, seen: undefined };
}

async function cancel(client: GrpcClient): Promise<Shown> {
  const id = `js cancel ${process.hrtime.bigint()}`;
  const { call, ended } = client.duplex(method("Wait"), { timeoutMs: longestCallMs });
  call.write(Buffer.from(id));
  call.end();
  await unary(client, "Arrived", id);
  call.cancel();
  const why = Buffer.concat((await unary(client, "Gone", id)).messages).toString();
  const { status: end } = await ended;
  const problem = end.code === status.CANCELLED && why === "context canceled" ? "" : `at the server: ${why}`;
  return { problem, detail: "reaches the server", seen: [end.code, why] };
}
