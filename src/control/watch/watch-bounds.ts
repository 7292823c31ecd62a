/**
 * How much a sidecar may say on its stream. Whatever it says is kept for as long as it is connected, told to replicas and shown to
 * people, and a message is read in one turn of the event loop, in which nobody else is served: so each has an end.
 */
import { durationMs, type NodeMessage, type ProblemMessage, type WatchRequest } from "../../api/messages.ts";
import { parseVersion } from "../../api/version.ts";
import { boundedReader } from "../ports/request-bounds.ts";

export const watchBounds = {
  /** A refusal with a hundred problems has a tenth of it. */
  messageBytes: 524_288,
  /** Problems and capabilities. */
  messageParts: 1_024,
  /** Of a name: of the process, namespace, workload, pod, release. Kubernetes' longest have 253. */
  nameLength: 253,
  /** Releases add one now and then. */
  capabilities: 256,
  capabilityLength: 64,
  /** Of a refusal; the first say what is wrong. */
  problems: 100,
  problemLength: 1_024,
  /** Of all of them: people read the first, and a fleet of 100,000 that refuses a change keeps as many. */
  problemBytes: 16_384,
  /** A stream that says nothing is nobody's. */
  firstMessageMs: 10_000,
  /** Answers in a row to what was not sent. One may cross a heartbeat; a sidecar that goes on does not follow the protocol. */
  strayAnswers: 32,
  /** Messages that wait for a sidecar that takes none. */
  unread: 64,
} as const;

/** What a stream brought: a request, or why it is none. */
export type ReadRequest = WatchRequest | { readonly fault: string };

const { messageBytes, messageParts } = watchBounds;
const read = boundedReader<WatchRequest>("WatchRequest", { bytes: messageBytes, parts: messageParts });

/**
 * A version that is none of ours names nothing that we could compare, and is as long as who says it likes: it is taken as none. The
 * sidecar is sent everything then, so that another release's, written otherwise, locks nobody out.
 */
const knownVersion = (version: string): string => (parseVersion(version) === undefined ? "" : version);

export function readWatchRequest(bytes: Buffer): ReadRequest {
  const message = read(bytes);
  if ("fault" in message) return message;
  const { request } = message;
  return { ...request, version: knownVersion(request.version), problems: firstProblems(request.problems) };
}

/** Why a sidecar can't be one that describes itself like this; undefined where it can. */
export function nodeFault(node: NodeMessage | null): string | undefined {
  if (node === null || node.instance === "") return "the first message of a stream says which instance it is";
  return describedFault(node);
}

/** As ours are: lists of them are told to people, and a name that is none would be taken for several. */
const capabilityForm = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** What a timestamp of protobuf may be at most; beyond it programs that print times fail. */
const lastMs = Date.UTC(10_000, 0);

/** The same of who only asks what a sidecar would get, and need not say which one. */
export function describedFault(node: NodeMessage): string | undefined {
  const { capabilities, capabilityLength, nameLength } = watchBounds;
  for (const name of ["instance", "namespace", "workload", "pod", "release"] as const) {
    const { length } = node[name];
    if (length > nameLength) return `${name} has ${length} characters, want at most ${nameLength}`;
  }
  const startedAtMs = durationMs(node.startedAt) ?? 0;
  if (!(startedAtMs >= 0 && startedAtMs < lastMs)) return "startedAt is no time of the years 1970 to 9999";
  const { length } = node.capabilities;
  if (length > capabilities) return `${length} capabilities, want at most ${capabilities}`;
  const long = node.capabilities.find((capability) => capability.length > capabilityLength);
  if (long !== undefined) return `a capability of ${long.length} characters, want at most ${capabilityLength}`;
  const odd = node.capabilities.find((capability) => !capabilityForm.test(capability));
  return odd === undefined ? undefined : `the capability ${JSON.stringify(odd)}, want a name such as "model-override"`;
}

/** As many as there is room for, and how many more there are. */
function firstProblems(all: readonly ProblemMessage[]): ProblemMessage[] {
  const kept: ProblemMessage[] = [];
  let bytes = 0;
  for (const problem of all.slice(0, watchBounds.problems).map(cutProblem)) {
    bytes += Buffer.byteLength(problem.path) + Buffer.byteLength(problem.message) + Buffer.byteLength(problem.where);
    if (bytes > watchBounds.problemBytes) break;
    kept.push(problem);
  }
  const more = all.length - kept.length;
  return more === 0 ? kept : [...kept, { path: "", message: `and ${more} more`, where: "" }];
}

function cutProblem({ path, message, where }: ProblemMessage): ProblemMessage {
  return { path: cut(path), message: cut(message), where: cut(where) };
}

/** Through bytes: V8 keeps a text alive as long as any part that was sliced off it. */
function cut(text: string): string {
  const { problemLength } = watchBounds;
  return text.length <= problemLength ? text : Buffer.from(text.slice(0, problemLength).toWellFormed()).toString();
}
