/**
 * How much a sidecar may say on its stream. Whatever it says is kept for as long as it is connected, told to replicas and shown to
 * people, and a message is read in one turn of the event loop, in which nobody else is served: so each has an end.
 */
import type { NodeMessage, ProblemMessage, WatchRequest } from "../../api/messages.ts";
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

export function readWatchRequest(bytes: Buffer): ReadRequest {
  const message = read(bytes);
  if ("fault" in message) return message;
  const { request } = message;
  return { ...request, problems: request.problems.slice(0, watchBounds.problems).map(cutProblem) };
}

/** Why a sidecar can't be one that describes itself like this; undefined where it can. */
export function nodeFault(node: NodeMessage | null): string | undefined {
  if (node === null || node.instance === "") return "the first message of a stream says which instance it is";
  return describedFault(node);
}

/** As ours are: lists of them are told to people, and a name that is none would be taken for several. */
const capabilityForm = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The same of who only asks what a sidecar would get, and need not say which one. */
export function describedFault(node: NodeMessage): string | undefined {
  const { capabilities, capabilityLength, nameLength } = watchBounds;
  for (const name of ["instance", "namespace", "workload", "pod", "release"] as const) {
    const { length } = node[name];
    if (length > nameLength) return `${name} has ${length} characters, want at most ${nameLength}`;
  }
  const { length } = node.capabilities;
  if (length > capabilities) return `${length} capabilities, want at most ${capabilities}`;
  const long = node.capabilities.find((capability) => capability.length > capabilityLength);
  if (long !== undefined) return `a capability of ${long.length} characters, want at most ${capabilityLength}`;
  const odd = node.capabilities.find((capability) => !capabilityForm.test(capability));
  return odd === undefined ? undefined : `the capability ${JSON.stringify(odd)}, want a name such as "model-override"`;
}

function cutProblem({ path, message, where }: ProblemMessage): ProblemMessage {
  const { problemLength } = watchBounds;
  const [a, b, c] = [path, message, where].map((text) => text.slice(0, problemLength)) as [string, string, string];
  return { path: a, message: b, where: c };
}
