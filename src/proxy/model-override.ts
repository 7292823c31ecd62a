/**
 * Variants that are asked for another model than the caller named: the request's messages are rewritten, and where the
 * route asks for it the answer's are set back.
 */
import { prefixBytes } from "../grpc/framing.ts";
import { type HeaderField, headerId } from "../http2/header-block.ts";
import type { Dialect, Method, Override } from "../protocol/dialect.ts";
import { clearRequestFacts, newRequestFacts } from "../protocol/facts.ts";
import type { Call } from "./call.ts";
import { ChargedBuffer } from "./charged-buffer.ts";
import type { BoundVariant } from "./generation.ts";
import { MessageRewriter, type Rewrite } from "./message-rewriter.ts";

const facts = newRequestFacts();

export type Prepared = "ready" | "wait" | "impossible";

/** The override that calls of this method to `variant` need, if any. */
function overrideFor(call: Call, variant: BoundVariant): Override | undefined {
  const { dialect, method } = call.method.plan;
  if (dialect === undefined || method?.kind !== "predict" || call.reason === "hop") return undefined;
  return variant.plan.overrides.get(dialect.name);
}

/** Makes the request ready for its target: at once, or `wait` until the first message is here. */
export function prepareRequest(call: Call): Prepared {
  const override = overrideFor(call, call.target);
  const { request } = call;
  if (override === undefined || (request.ended && request.bytes === 0)) return "ready";
  const length = request.messageBytes();
  if (length > call.proxy.options.overrideBytes) return "impossible";
  const whole = length >= 0 && request.bytes >= prefixBytes + length;
  // Nobody gets credit for what is held beyond the budget: the rest would not come.
  if (!whole) return request.ended || request.unaffordable ? "impossible" : "wait";
  request.flatten();
  const method = call.method.plan.method as Method;
  const rewrite = (bytes: Uint8Array, start: number, end: number): Uint8Array | undefined =>
    override.request(method, bytes, start, end);
  const rewriter = rewriterFor(call, rewrite, encodingOf(call.fields ?? []));
  const rewritten = rewriter.push(request.head, request.start, request.end);
  if (rewriter.failed) return "impossible";
  request.rewrite(rewriter, rewritten);
  noteModel(call, method);
  return "ready";
}

/** What the caller asked for, to be able to set it back. */
function noteModel(call: Call, method: Method): void {
  const { request } = call;
  if (call.model !== undefined || request.flag !== 0) return;
  clearRequestFacts(facts);
  const { name } = call.method.plan.dialect as Dialect;
  const start = request.start + prefixBytes;
  call.route.plan.factsReaders.get(name)?.read(method, request.head, start, start + request.messageBytes(), facts);
  call.model = facts.model;
  call.version = facts.version;
}

/** Sets the answer's model back to what the caller asked for; undefined where the route doesn't want that. */
export function answerRewriter(call: Call, encoding: string | undefined): MessageRewriter | undefined {
  const override = overrideFor(call, call.target);
  const method = call.method.plan.method;
  if (override === undefined || method === undefined || call.model === undefined) return undefined;
  if (call.target.plan.spec.model?.restoreResponse !== true) return undefined;
  const { model, version } = call;
  // What can't be set back is passed on as it is: it is the truth, if not the expected name.
  const rewrite = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
    override.response(method, bytes, start, end, model, version) ?? bytes.subarray(start, end);
  return rewriterFor(call, rewrite, encoding);
}

function rewriterFor(call: Call, rewrite: Rewrite, encoding: string | undefined): MessageRewriter {
  const { budget, options } = call.proxy;
  return new MessageRewriter(rewrite, encoding, options.overrideBytes, new ChargedBuffer(budget, call.down.holder));
}

function encodingOf(fields: readonly HeaderField[]): string | undefined {
  return fields.find(({ id }) => id === headerId["grpc-encoding"])?.value;
}
