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

export interface Endpoint {
  readonly method: "GET" | "POST";
  /** Answers this machine's own programs alone: it tells, or does, more than a scraper or a prober has to know. */
  readonly local?: true;
  readonly about: string;
  /** @param query what stands behind the path's question mark; "" where there is none */
  answer(port: AdminPort, query: string): Promise<Answer> | Answer;
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
  [
    "/config",
    {
      method: "GET",
      local: true,
      about: "the configuration in force, without its secrets; to this machine only",
      answer: config,
    },
  ],
  ["/drain", { method: "POST", local: true, about: "begins a drain; from this machine only", answer: drain }],
]);

function listing(): string {
  const lines = Array.from(endpoints, ([path, { method, about }]) => `${method.padEnd(4)} ${path.padEnd(8)} ${about}`);
  return `contender sidecar, admin port\n\n${lines.join("\n")}`;
}

async function metrics(port: AdminPort, query: string): Promise<Answer> {
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

/** To whom an endpoint does not answer. */
export function refusalOf(path: string): Answer {
  return text(
    403,
    `${path} answers this machine only, by a loopback address and not from a page: use contender in the container`,
  );
}

function drain(port: AdminPort): Answer {
  port.drain();
  return text(202, "draining");
}
