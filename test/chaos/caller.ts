/**
 * The callers, in a process of their own: so many keyed calls a second to each sidecar, whatever becomes of them. What came of
 * each goes to the judge, who knows which variant it may have had.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { mixer } from "../support/mixer.ts";
import { framed } from "../support/predict.ts";

export interface Target {
  readonly sidecar: number;
  /** Which of its processes, counted from 0. */
  readonly life: number;
  readonly address: string;
  readonly path: string;
}

export type ToCaller =
  | { readonly rate: number; readonly users: number; readonly seed: number }
  /** Calls go there from now on. */
  | { readonly on: Target }
  /** It is about to be killed: calls that are under way from now on don't count. */
  | { readonly leaving: number }
  /** No call goes there until it is back. */
  | { readonly off: number }
  | { readonly stop: true };

/** One call. */
export interface Done {
  readonly sidecar: number;
  readonly life: number;
  readonly user: number;
  /** Milliseconds since 1970. */
  readonly beganMs: number;
  readonly endedMs: number;
  /** Who answered, by its header and by its body; "" for nobody. */
  readonly variant: string;
  readonly body: string;
  /** gRPC's, or -1 without one. */
  readonly status: number;
  readonly why: string;
  /** Under way while its sidecar was killed. */
  readonly excused: boolean;
}

export type FromCaller = { readonly done: readonly Done[] } | { readonly stopped: true };

const lostMs = 10_000;
const batchMs = 100;
const message = framed("");
const now = (): number => performance.timeOrigin + performance.now();

interface Lane {
  readonly target: Target;
  session: ClientHttp2Session | undefined;
  leaving: boolean;
  on: boolean;
}

const lanes = new Map<number, Lane>();
let done: Done[] = [];
let underWay = 0;
let load = { rate: 0, users: 1, seed: 1 };
let random = mixer(1);

function call(lane: Lane): void {
  const { sidecar, life, address, path } = lane.target;
  if (lane.session === undefined || lane.session.closed || lane.session.destroyed) {
    lane.session = connect(`http://${address}`);
    lane.session.on("error", () => undefined);
  }
  const user = Math.floor(random() * load.users);
  const beganMs = now();
  underWay++;
  let status = -1;
  let variant = "";
  let body = "";
  let why = "";
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    underWay--;
    done.push({ sidecar, life, user, beganMs, endedMs: now(), variant, body, status, why, excused: lane.leaving });
  };
  const timer = setTimeout(() => {
    why = `no answer within ${lostMs} ms`;
    end();
  }, lostMs);
  const stream = lane.session.request({
    ":method": "POST",
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc",
    "x-user-id": `user-${user}`,
  });
  const note = (headers: Readonly<Record<string, string | string[] | number | undefined>>): void => {
    if (headers["grpc-status"] !== undefined) status = Number(headers["grpc-status"]);
    if (typeof headers["grpc-message"] === "string") why = headers["grpc-message"];
    if (typeof headers["x-contender-variant"] === "string") variant = headers["x-contender-variant"];
  };
  stream.on("response", note);
  stream.on("trailers", note);
  stream.on("data", (chunk: Buffer) => {
    body += chunk.toString("latin1");
  });
  stream.on("error", (error) => {
    why ||= error.message;
  });
  stream.on("close", () => {
    body = body.slice(5);
    end();
  });
  stream.end(message);
}

let due = 0;
let lastMs = now();
setInterval(() => {
  const nowMs = now();
  // What was due while this process stood still is not made up for.
  due += (Math.min(nowMs - lastMs, 50) * load.rate) / 1_000;
  lastMs = nowMs;
  const open = [...lanes.values()].filter(({ on }) => on);
  for (; due >= 1; due--) {
    const lane = open[Math.floor(random() * open.length)];
    if (lane !== undefined) call(lane);
  }
}, 4);
const tell = (message: FromCaller): void => void process.send?.(message);
setInterval(() => {
  if (done.length > 0) tell({ done });
  done = [];
}, batchMs);

process.on("message", (said: ToCaller) => {
  if ("on" in said) lanes.set(said.on.sidecar, { target: said.on, session: undefined, leaving: false, on: true });
  else if ("leaving" in said) {
    const lane = lanes.get(said.leaving);
    if (lane !== undefined) lane.leaving = true;
  } else if ("off" in said) {
    const lane = lanes.get(said.off);
    if (lane !== undefined) lane.on = false;
    lane?.session?.destroy();
  } else if ("stop" in said) {
    load = { ...load, rate: 0 };
    const wait = setInterval(() => {
      if (underWay > 0 || done.length > 0) return;
      clearInterval(wait);
      tell({ stopped: true });
    }, 20);
  } else {
    load = said;
    random = mixer(said.seed);
  }
});
process.once("disconnect", () => process.exit(0));
tell({ done: [] });
