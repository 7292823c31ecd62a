/**
 * What the admin port answers, apart from how HTTP carries it.
 *
 * /healthz asks whether to restart the process, so it is true as long as the process can answer; /readyz asks whether to
 * send calls. A probe that mixes the two restarts a sidecar because its model server is slow to load.
 */
import { redact } from "../base/redact.ts";
import type { Readiness } from "./readiness.ts";

/** What the port shows and does; the rest of the process stands behind it. */
export interface AdminPort {
  /** Of what `metrics` gives. */
  readonly contentType: string;
  /** @param byWorker each process' figures by themselves, where there are several */
  metrics(byWorker: boolean): Promise<string> | string;
  readiness(): Promise<Readiness> | Readiness;
  /** Why nothing can be served any more although this process lives; undefined, or absent, where all is well. */
  failing?(): string | undefined;
  /** The effective configuration as plain data; undefined before the first. Secrets are taken out here once more. */
  config(): unknown;
  /** Begins a drain. May be called more than once. */
  drain(): void;
  /** Told of what an endpoint threw; whoever asked only learns that it failed. */
  failed?(endpoint: string, reason: unknown): void;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What an endpoint may know of who asks. */
export interface Asker {
  /** By loopback or a unix socket, and not from within a browser. */
  readonly local: boolean;
  /** What stands behind the path's question mark; "" where there is none. */
  readonly query: string;
}

export interface Endpoint {
  readonly method: "GET" | "POST";
  readonly about: string;
  answer(port: AdminPort, asker: Asker): Promise<Answer> | Answer;
}

const plain = "text/plain; charset=utf-8";
const json = "application/json; charset=utf-8";

/** A short text, with the newline that a terminal wants. */
export function text(status: number, body: string): Answer {
  return { status, contentType: plain, body: `${body}\n` };
}

export const endpoints: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ["/", { method: "GET", about: "this list", answer: () => text(200, listing()) }],
  [
    "/metrics",
    { method: "GET", about: "metrics in Prometheus' text format; ?by=worker for each process", answer: metrics },
  ],
  ["/healthz", { method: "GET", about: "200 while the process lives", answer: health }],
  ["/readyz", { method: "GET", about: "200 when calls may be sent, else 503 and what is missing", answer: ready }],
  ["/config", { method: "GET", about: "the configuration in force, without its secrets", answer: config }],
  ["/drain", { method: "POST", about: "begins a drain; from this machine only", answer: drain }],
]);

function listing(): string {
  const lines = Array.from(endpoints, ([path, { method, about }]) => `${method.padEnd(4)} ${path.padEnd(8)} ${about}`);
  return `contender sidecar, admin port\n\n${lines.join("\n")}`;
}

async function metrics(port: AdminPort, { query }: Asker): Promise<Answer> {
  const body = await port.metrics(new URLSearchParams(query).get("by") === "worker");
  return { status: 200, contentType: port.contentType, body };
}

function health(port: AdminPort): Answer {
  const why = port.failing?.();
  return why === undefined ? text(200, "ok") : text(503, why);
}

async function ready(port: AdminPort): Promise<Answer> {
  const { ready: isReady, missing } = await port.readiness();
  return isReady ? text(200, "ready") : text(503, ["not ready", ...missing.map((each) => `- ${each}`)].join("\n"));
}

function config(port: AdminPort): Answer {
  const effective = port.config();
  if (effective === undefined) return text(503, "there is no configuration yet");
  return { status: 200, contentType: json, body: `${JSON.stringify(redact(effective), null, 2)}\n` };
}

function drain(port: AdminPort, asker: Asker): Answer {
  // It takes a pod out of service: whoever can only reach the port, such as a scraper, must not.
  if (!asker.local) return text(403, "a drain is begun from the machine itself: contender drain");
  port.drain();
  return text(202, "draining");
}
