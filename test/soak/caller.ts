/**
 * The callers of a soak, in a process of their own: they begin so many calls a second over several connections, whatever
 * becomes of them, and account for each. Connections come and go, some in order and some without a word.
 *
 * The soak says where to, and which weights are about to be in force; it gets the figures each second.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import type { Connection } from "../../src/http2/connection.ts";
import type { ConnectionHandler } from "../../src/http2/connection-handler.ts";
import { HeaderBlock, HeaderField } from "../../src/http2/header-block.ts";
import { resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import { FlushLoop } from "../../src/transport/flush-loop.ts";
import { Link } from "../../src/transport/link.ts";
import { mixer } from "../support/mixer.ts";
import { tfPredict } from "../support/predict.ts";
import { type CallPorts, type Order, SoakCall } from "./call.ts";
import { type Kind, kinds, latestMs } from "./kinds.ts";
import { RequestTemplate } from "./predictions.ts";
import { type Figures, Tally } from "./tally.ts";
import { type Step, WeightsInForce } from "./weights.ts";

export interface Start {
  readonly target: string;
  readonly rate: number;
  readonly seed: number;
  readonly users: number;
  readonly steps: readonly Step[];
}

export type ToCaller =
  | { readonly start: Start }
  | { readonly step: number }
  | { readonly rest: boolean }
  | { readonly stop: true };
export interface FromCaller {
  /** `resting`: no call is under way, and none is begun until the rest is over. */
  readonly event: "figures" | "resting" | "done";
  readonly figures: Figures;
  readonly inFlight: number;
}

const connections = 8;
/** Calls under way at most: beyond it the rate is not kept, and the report says so. */
const mostInFlight = 4_000;
/** The longest that any call may take; all have answers long before. */
const lostMs = 30_000;
/** How long the last calls may take once no more are begun. */
const settleMs = 15_000;
const tickMs = 4;
/** Of what was due while this process stood still, no more than this is begun at once. */
const mostLateMs = 100;

const { start } = ((await once(process, "message")) as [{ start: Start }])[0];
const random = mixer(start.seed);
const tally = new Tally();
const weights = new WeightsInForce(start.steps);
const options = resolveHttp2Options();
const loop = new FlushLoop(systemClock);
const budget = new ByteBudget(1 << 30);
const beganMs = performance.now();
const now = (): number => performance.now() - beganMs;
const calls = new Set<SoakCall>();
let lines: Line[] = [];
let nextId = 1;
let stopping = false;
let resting = false;

/** A connection of a caller. */
class Line {
  readonly link: Link;
  readonly calls = new Set<SoakCall>();
  gone = false;
  /** Takes no more calls. */
  leaving = false;
  onFence: (() => void) | undefined = undefined;

  constructor() {
    tally.connections++;
    const [host = "", port] = start.target.split(":");
    const socket = connect({ host, port: Number(port), noDelay: true });
    this.link = new Link(socket, "client", options, handler, budget, loop, systemClock, () => {
      this.gone = true;
      lines = lines.filter((each) => each !== this);
      if (!this.leaving && !stopping)
        tally.example("connection", `a connection went away: ${this.link.error?.message ?? "closed"}`);
    });
    this.link.connection.context = this;
    socket.on("data", (chunk: Buffer) => this.link.receive(chunk));
  }

  get open(): boolean {
    const { connection } = this.link;
    return !this.leaving && !this.gone && connection.ready && connection.hasCapacity;
  }

  /** Opens no more calls, and closes when those it has are over. */
  leave(): void {
    this.leaving = true;
    this.link.connection.shutdown();
  }

  /** Is cut with all its calls, after the sidecar has read every byte of them: then it has counted them, too. */
  cut(): void {
    this.leaving = true;
    const stream = this.link.connection.openStream(this);
    tally.fences++;
    stream.sendHeaders(fence, true);
    this.onFence = () => {
      for (const call of [...this.calls]) call.cut();
      this.link.destroy();
    };
  }
}

const fence = new HeaderBlock();
for (const [name, value] of [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", tfPredict],
  [":authority", "models.soak"],
  ["te", "trailers"],
  ["content-type", "application/grpc"],
  ["grpc-timeout", "-"], // is refused by its head
] as const) {
  fence.add(new HeaderField(name, value));
}

const ports: CallPorts = {
  nowMs: now,
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
  ended: (call, outcome, why) => {
    const { order, stream, beganMs: since } = call;
    calls.delete(call);
    (stream?.connection.context as Line | undefined)?.calls.delete(call);
    tally.end(order.kind.name, outcome, since, now() - since);
    if (why !== "") tally.example("call", `${order.kind.name} ${order.id}, user ${order.user}: ${why}`);
  },
  mayHave: (variant, order, since, untilMs) => {
    if (weights.allows(variant, order.user, since, untilMs)) return true;
    // A challenger that is insured may have had the champion answer in its place.
    const insured = order.kind.path === tfPredict && variant === "v41";
    return insured && weights.allows("v42", order.user, since, untilMs);
  },
};

const handler: ConnectionHandler = {
  onRequest: () => undefined,
  onResponse: (stream, block, _status, end) => {
    const owner = stream.owner as SoakCall | Line;
    if (owner instanceof Line) owner.onFence?.();
    else owner.onHead(block, end);
  },
  onTrailers: (stream, block) => {
    const owner = stream.owner as SoakCall | Line;
    if (owner instanceof SoakCall) owner.onTrailers(block);
  },
  onData: (stream, buf, from, end, last) => {
    const owner = stream.owner as SoakCall | Line;
    if (owner instanceof SoakCall) owner.onData(buf, from, end, last);
  },
  onReset: (stream: H2Stream, code, how) => {
    const owner = stream.owner as SoakCall | Line;
    if (owner instanceof SoakCall) owner.onReset(code, how);
  },
  onDelivered: () => undefined,
  onReady: () => undefined,
  onCapacity: () => undefined,
  onGoaway: (connection: Connection) => {
    const line = connection.context as Line;
    if (!line.leaving && !stopping) tally.example("connection", "the sidecar said GOAWAY");
    line.leaving = true;
  },
  onClosed: ({ failure, failureText }) => {
    if (failure >= 0) tally.example("connection", `we had to end a connection: code ${failure}, ${failureText}`);
  },
};

const between = ([least, most]: readonly [number, number]): number => least + Math.floor(random() * (most - least + 1));

/** Templates of predictions by kind, a few sizes each: making one costs what a hundred calls do. */
const templates = new Map<string, { readonly bytes: number; readonly template: RequestTemplate }[]>();
for (const kind of kinds.filter(({ path }) => path === tfPredict)) {
  const sizes = Array.from({ length: 20 }, () => between(kind.bytes));
  templates.set(
    kind.name,
    sizes.map((bytes) => ({ bytes, template: new RequestTemplate(bytes) })),
  );
}

function draw(): Kind {
  let left = random();
  for (const kind of kinds) {
    left -= kind.share;
    if (left < 0) return kind;
  }
  return kinds[0] as Kind;
}

function order(): Order {
  const drawn = draw();
  const id = nextId++;
  const user = Math.floor(random() * start.users);
  const request = templates.get(drawn.name)?.[Math.floor(random() * 20)];
  // Half of the cancellations come in the middle of an answer, the others where there is none.
  const inAnswer = drawn.name === "cancelled" && random() < 0.5;
  const unanswered = drawn.name === "cancelled" && !inAnswer;
  const kind: Kind = inAnswer
    ? { ...drawn, path: "/soak.Model/Download", messages: [10, 60] }
    : { ...drawn, codes: unanswered ? [] : drawn.codes };
  const timeoutMs = kind.name === "deadline" ? 20 + Math.floor(random() * 100) : 0;
  let cancelMs = -1;
  if (kind.name === "cancelled") cancelMs = inAnswer ? 0 : 1 + Math.floor(random() * 20);
  // Callers enforce their deadline as well: half of these leave when it is over, as gRPC's own libraries do.
  else if (timeoutMs > 0 && random() < 0.5) cancelMs = timeoutMs;
  return {
    kind,
    id,
    user,
    count: kind.name === "late" ? 1 + Math.floor(random() * latestMs) : between(kind.messages),
    bytes: request?.bytes ?? between(kind.bytes),
    request: request?.template,
    cancelMs,
    timeoutMs,
    pauseMs: kind.name === "slow reader" ? 50 + Math.floor(random() * 300) : 0,
  };
}

function begin(): boolean {
  const open = lines.filter((line) => line.open);
  const line = open[Math.floor(random() * open.length)];
  if (line === undefined || calls.size >= mostInFlight) return false;
  const call = new SoakCall(order(), ports);
  tally.started++;
  calls.add(call);
  line.calls.add(call);
  call.begin(line.link.connection.openStream(call));
  return true;
}

/** Calls that were due and did not begin are not made up for: the sidecar gets what it can take, and the report tells. */
let due = 0;
let lastMs = 0;
function tick(): void {
  const nowMs = now();
  if (resting) {
    lastMs = nowMs;
    return;
  }
  due += ((nowMs - lastMs) * start.rate) / 1_000;
  lastMs = nowMs;
  const most = Math.max(1, (start.rate * mostLateMs) / 1_000);
  if (due > most) {
    tally.heldBack += Math.floor(due - most);
    due = most;
  }
  for (; due >= 1; due--) if (!begin()) tally.heldBack++;
}

const every = (periodMs: number, fn: () => void): NodeJS.Timeout => setInterval(fn, periodMs);
const report = (event: FromCaller["event"]): void => {
  const message: FromCaller = { event, figures: tally.figures, inFlight: calls.size };
  process.send?.(message);
};
const sweep = (): void => {
  const limit = now() - lostMs;
  for (const call of calls) if (call.beganMs < limit) call.end("lost", `no answer within ${lostMs / 1_000} s`);
};
const oldest = (): Line | undefined => lines.find((line) => line.open);

for (let i = 0; i < connections; i++) lines.push(new Line());
const timers = [
  every(tickMs, tick),
  every(1_000, () => report("figures")),
  every(1_000, sweep),
  every(1_700, () => {
    oldest()?.leave();
    lines.push(new Line());
  }),
  every(7_300, () => {
    oldest()?.cut();
    lines.push(new Line());
  }),
];

/** Waits until every call has ended, for a while. */
async function settled(): Promise<void> {
  const endMs = now() + settleMs;
  while (calls.size > 0 && now() < endMs) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function rest(begins: boolean): Promise<void> {
  resting = begins;
  if (!begins) return;
  await settled();
  report("resting");
}

async function stop(): Promise<void> {
  stopping = true;
  for (const timer of timers) clearInterval(timer);
  await settled();
  for (const call of calls) call.end("lost", "no answer after the last call was begun");
  report("done");
  for (const line of lines) line.leave();
}

process.on("message", (message: ToCaller) => {
  if ("step" in message) weights.begin(message.step, now());
  else if ("rest" in message) void rest(message.rest);
  else if ("stop" in message) void stop();
});
process.once("disconnect", () => process.exit(0));
