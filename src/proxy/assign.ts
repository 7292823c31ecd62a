/**
 * Which route and which variant a call gets, as soon as enough of it is here.
 *
 * Most calls are decided by their headers. Where the model, the key or a sequence sits in the payload, the first message
 * is held, up to the route's `peekBytes`, and looked into once it is complete.
 */
import { prefixBytes } from "../grpc/framing.ts";
import { grpcStatus } from "../grpc/status.ts";
import type { HeaderField } from "../http2/header-block.ts";
import type { AssignmentReason } from "../model/call.ts";
import type { RouteSpec } from "../model/route.ts";
import { assignmentIndex } from "../observe/labels.ts";
import type { KeyStep } from "../plan/route-plan.ts";
import type { Dialect, Method } from "../protocol/dialect.ts";
import { clearRequestFacts, newRequestFacts } from "../protocol/facts.ts";
import { Assignment, type UndrawnReason } from "../router/route-assigner.ts";
import { peerOf } from "../transport/listener.ts";
import type { Call } from "./call.ts";
import { callState } from "./call-state.ts";
import type { BoundRoute, BoundVariant } from "./generation.ts";
import type { RequestHead } from "./request-head.ts";
import { isCold } from "./warmth.ts";

/** Bytes of a long message after which its beginning is looked into: one socket read. */
const earlyBytes = 16_384;

const assignment = new Assignment();
const facts = newRequestFacts();
const anyFacts = newRequestFacts();

/** A request's metadata, as the key rules look it up. */
const metadata = {
  fields: [] as readonly HeaderField[],
  count: 0,
  named(name: string): HeaderField | undefined {
    for (let i = 0; i < this.count; i++) {
      const field = this.fields[i] as HeaderField;
      if (field.name === name) return field;
    }
    return undefined;
  },
};

/**
 * By the request's headers.
 *
 * @returns true where the call has its variant; false where it must wait for its message (its state says so), or has
 *   been answered.
 */
export function assignByHead(call: Call, head: RequestHead, fields: readonly HeaderField[], count: number): boolean {
  const { method } = call;
  call.pin = head.pin;
  if (head.hop !== undefined && takeHop(call, head.hop)) return true;
  const { plan, route } = method;
  const predicts = plan.method === undefined ? route !== undefined : plan.method.kind === "predict";
  if (!predicts) return decide(call, call.generation.fallback, undefined, "not_prediction");
  if (route === undefined || method.byModel !== undefined || messageFirst(call, route)) return false;
  metadata.fields = fields;
  metadata.count = count;
  const steps = route.plan.keySteps;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as KeyStep;
    if (step.kind === "message") {
      if (plan.dialect !== undefined) return false;
      continue;
    }
    const key = route.plan.assigner.keyRules.fromMetadata(step.names, metadata);
    if (key !== undefined) return decide(call, route, key, undefined);
  }
  return decide(call, route, undefined, undefined);
}

/** A sidecar before us has split this call: it goes to our own model server, and is not split, copied or counted. */
function takeHop(call: Call, hop: string): boolean {
  const route = call.generation.named(hop);
  if (route === undefined || !call.proxy.trustsHop(peerOf(call.down.connection).address)) return false;
  call.route = route;
  call.reason = "hop";
  call.assigned = route.local;
  call.target = route.local;
  route.local.cells.assigned(assignmentIndex.hop);
  return true;
}

/** Whether something that outranks every key may sit in the message (a sequence), and it matters. */
function messageFirst(call: Call, route: BoundRoute): boolean {
  const { dialect } = call.method.plan;
  if (dialect === undefined || !route.plan.chooses) return false;
  return route.plan.factsReaders.get(dialect.name)?.needsMessage ?? false;
}

/**
 * By the first message, once it is complete, too long, or will never come.
 *
 * A long message is looked into as soon as its beginning is here: encoders write the model, the parameters and small
 * inputs before large tensors, and what is found there need not wait for a megabyte.
 *
 * @returns as `assignByHead`.
 */
export function assignByMessage(call: Call): boolean {
  const { request, method } = call;
  const length = request.messageBytes();
  const whole = length >= 0 && request.bytes >= prefixBytes + length;
  const tooLong = request.bytes > method.peekBytes + prefixBytes || call.proxy.budget.exceeded(call.down.holder);
  if (!whole && !request.ended && !tooLong && (request.bytes < earlyBytes || call.lookedEarly)) return false;
  const known = method.plan.method;
  if (known === undefined || length < 0) return decide(call, somewhere(call), undefined, "malformed");
  if ((request.flag & 1) === 1) return decide(call, somewhere(call), undefined, "compressed");
  request.flatten();
  const start = request.start + prefixBytes;
  if (whole) return byMessage(call, known, request.head, start, start + length, "whole");
  if (request.ended) return decide(call, somewhere(call), undefined, "malformed");
  call.lookedEarly = true;
  return byMessage(call, known, request.head, start, request.end, tooLong ? "last" : "early");
}

/** Where a call goes whose model can't be known. */
function somewhere(call: Call): BoundRoute {
  return call.method.route ?? call.generation.fallback;
}

/** How much of a message is looked into: all, its beginning while more may come, or its beginning and no more. */
type Look = "whole" | "early" | "last";

function byMessage(call: Call, known: Method, bytes: Buffer, start: number, end: number, look: Look): boolean {
  const { method, generation } = call;
  const dialect = (method.plan.dialect as Dialect).name;
  const first = (method.route ?? generation.fallback).plan.factsReaders.get(dialect);
  clearRequestFacts(anyFacts);
  first?.read(known, bytes, start, end, anyFacts, look !== "whole");
  const named = anyFacts.model === undefined ? undefined : method.byModel?.get(anyFacts.model);
  if (named === undefined && method.byModel !== undefined && anyFacts.model === undefined && look === "early")
    return false;
  call.model = anyFacts.model;
  call.version = anyFacts.version;
  if (anyFacts.sequence) call.copyable = "sequence";
  else if (anyFacts.sharedMemory) call.copyable = "shared_memory";
  const route = named ?? method.route;
  if (route === undefined) {
    const reason = anyFacts.exception === "malformed" ? "malformed" : "no_model";
    return decide(call, generation.fallback, undefined, look === "last" ? "peek_limit" : reason);
  }
  if (anyFacts.sequence) return decide(call, route, anyFacts.key, anyFacts.exception);
  return byKeySteps(call, route, known, bytes, start, end, look);
}

function byKeySteps(
  call: Call,
  route: BoundRoute,
  known: Method,
  bytes: Buffer,
  start: number,
  end: number,
  look: Look,
): boolean {
  const dialect = (call.method.plan.dialect as Dialect).name;
  metadata.fields = call.fields as readonly HeaderField[];
  metadata.count = metadata.fields.length;
  for (const step of route.plan.keySteps) {
    if (step.kind === "metadata") {
      const key = route.plan.assigner.keyRules.fromMetadata(step.names, metadata);
      if (key !== undefined) return decide(call, route, key, undefined);
      continue;
    }
    clearRequestFacts(facts);
    step.readers.get(dialect)?.read(known, bytes, start, end, facts, look !== "whole");
    if (facts.exception !== undefined) return decide(call, route, undefined, facts.exception);
    if (facts.key !== undefined) return decide(call, route, facts.key, undefined);
    // The key may stand in the part that is not here.
    if (look === "early") return false;
    if (look === "last") return decide(call, route, undefined, "peek_limit");
  }
  return decide(call, route, undefined, anyFacts.exception);
}

/** The draw, and what follows from it. */
function decide(call: Call, route: BoundRoute, key: string | undefined, undrawn: UndrawnReason | undefined): boolean {
  call.route = route;
  route.plan.assigner.decide(assignment, key, call.pin, undrawn, call.proxy.chance);
  if (assignment.unknownPin) {
    call.refuse(grpcStatus.INVALID_ARGUMENT, "bad_request", `x-contender-pin: ${namesOf(route.spec)}`);
    return false;
  }
  let variant = route.variants[assignment.variant] as BoundVariant;
  call.reason = assignment.reason;
  if (drawn(call.reason)) {
    // Whoever answers, and for what reason, it is this one's for good: else what a challenger fails would be nobody's.
    call.counts = variant.counts;
    if (isCold(variant, route, call.startMs)) {
      variant = route.champion;
      call.reason = "warming";
    }
  }
  call.assigned = variant;
  call.target = variant;
  call.key = key;
  call.keyed = assignment.keyed;
  call.proxy.shadows.sample(call);
  // An insured call's reason is only known at its end: see `Insurance.settle`.
  if (variant.breaker === undefined || !call.proxy.insurance.admit(call)) {
    variant.cells.assigned(assignmentIndex[call.reason]);
  }
  call.capDeadline(call.proxy.wheel, route.spec.maxTimeoutMs);
  return call.state !== callState.done;
}

function drawn(reason: AssignmentReason): boolean {
  return reason === "weight" || reason === "no_key";
}

function namesOf(spec: RouteSpec): string {
  return `want one of ${spec.variants.map(({ name }) => name).join(", ")}`;
}
