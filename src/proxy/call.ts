/**
 * One call, from its first header to its last: the whole life is the methods of this class, in order.
 *
 * begin -> (peek) -> assign -> connect -> open -> relay both ways -> finish
 *
 * A call is a state machine driven by the events of its two streams; nothing in it waits, throws or makes a promise.
 * It keeps its generation and its variant for life, whatever happens to the weights. What it reports, it reports once,
 * in `finish`.
 */
import { grpcStatus, grpcStatusOfHttp } from "../grpc/status.ts";
import type { Connection } from "../http2/connection.ts";
import type { ResetHow } from "../http2/connection-handler.ts";
import { errorCode } from "../http2/constants.ts";
import { HeaderBlock, type HeaderField } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import type { AssignmentReason, LocalReplyReason } from "../model/call.ts";
import { outcomeIndex, trafficIndex } from "../observe/labels.ts";
import { type ReportCells, reportRow } from "../observe/report-cells.ts";
import type { Waiter } from "../transport/call-queue.ts";
import { AnswerFlow } from "./answer-flow.ts";
import { isGrpcAnswer, passOn, replyHttp, replyStatus, statusOf, wantsBody } from "./answers.ts";
import { assignByHead, assignByMessage } from "./assign.ts";
import { CallHead } from "./call-head.ts";
import { callState } from "./call-state.ts";
import { failureOfReset, type HttpRefusal, lingerMs, mostResends, refusalOf } from "./failures.ts";
import type { BoundMethod, BoundRoute, BoundVariant, Generation } from "./generation.ts";
import { prepareRequest } from "./model-override.ts";
import type { ProxyPorts } from "./ports.ts";
import { RequestFlow } from "./request-flow.ts";
import { keepTraffic, type RequestHead, writeRequestHead } from "./request-head.ts";
import { letGo, stopCaller } from "./stream-ends.ts";
import type { StreamUser } from "./upstream-handler.ts";

const upstreamBlock = new HeaderBlock();

export class Call extends CallHead implements StreamUser, Waiter {
  readonly proxy: ProxyPorts;
  readonly down: H2Stream;
  /** One of `callState`. */
  state: number = callState.peeking;
  method: BoundMethod;
  route: BoundRoute;
  /** The variant that was drawn, and that the call counts for. */
  assigned: BoundVariant;
  /** The variant that is asked: the assigned one, or the champion in its place. */
  target: BoundVariant;
  reason: AssignmentReason = "not_prediction";
  keyed = false;
  /** Of the variant that was drawn, which a cold one's champion is not; undefined for what gates leave out. */
  counts: ReportCells | undefined = undefined;
  /** Value of `x-contender-pin`. */
  pin: string | undefined = undefined;
  /** Whether the message forbids that it is copied, and why. */
  copyable: "yes" | "sequence" | "shared_memory" = "yes";
  /** The beginning of a long first message has been looked into. */
  lookedEarly = false;
  key: string | undefined = undefined;
  model: string | undefined = undefined;
  version: string | undefined = undefined;

  /** The reason of the answer we gave in the upstream's place; undefined where it answered itself. */
  failure: LocalReplyReason | undefined = undefined;
  readonly request: RequestFlow;
  /** A bit for each shadow that gets a copy, by its place in the route. */
  copyTo = 0;
  /** The challenger's breaker let this call through under this permit; 0 where none was asked. */
  permit = 0;
  /** What the insured challenger said, while the champion answers in its place; -1 otherwise. */
  insuredCode = -1;

  up: H2Stream | undefined = undefined;
  upstreamStartMs = -1;
  /** The answer's head is out: no second try, and a failure ends in trailers. */
  headSent = false;
  /** Times that it was sent again because the upstream had not looked at it. */
  resends = 0;
  readonly answer = new AnswerFlow();
  /** The caller may go on with its request although it has its answer. */
  #patient = false;

  // Waiter
  queuedAtMs = 0;
  waiting = false;

  constructor(proxy: ProxyPorts, down: H2Stream, generation: Generation) {
    super(proxy.reads.readMs, proxy.overload.stalledMs, proxy.admission, generation);
    this.proxy = proxy;
    this.down = down;
    this.request = new RequestFlow(down, proxy.budget, proxy.options.replayBytes);
    this.route = generation.fallback;
    this.assigned = generation.fallback.champion;
    this.target = this.assigned;
    this.method = generation.unknownMethod;
  }

  // === begin ===

  begin(head: RequestHead, block: HeaderBlock, endStream: boolean): void {
    const refusal = refusalOf(head, block.tooLarge);
    if (refusal !== undefined) {
      if ("status" in refusal) return this.#refuseHttp(refusal, wantsBody(block));
      return this.refuse(refusal.code, refusal.reason, refusal.text);
    }
    this.request.ended = endStream;
    this.headBytes = block.size;
    this.method = this.generation.method(head.path.value);
    if (!this.setDeadline(this.proxy.wheel, head.timeoutMs, head.timeout)) return this.#expire();
    if (assignByHead(this, head, block.fields, block.count)) return this.connect(block.fields, block.count);
    if (this.state !== callState.peeking) return; // refused
    this.keepFields(block.fields, block.count);
    if (endStream) this.#assignHeld();
  }

  // === request bytes ===

  onRequestData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const { request } = this;
    if (endStream) request.ended = true;
    switch (this.state) {
      case callState.open:
        if (!request.relay(this.up as H2Stream, buf, start, end)) return this.#cannotOverride();
        if (endStream) this.#requestComplete();
        return;
      case callState.peeking:
        // Held bytes are credited, or a message larger than the window could never be seen whole.
        request.hold(buf, start, end, true);
        return this.#assignHeld();
      case callState.preparing:
        request.hold(buf, start, end, true);
        return this.#connectHeld();
      case callState.waiting:
        request.hold(buf, start, end, false);
        return;
      default:
        this.down.consumed(end - start);
    }
  }

  #assignHeld(): void {
    if (assignByMessage(this)) this.#connectHeld();
  }

  #connectHeld(): void {
    const fields = this.fields as HeaderField[];
    this.connect(fields, fields.length);
  }

  #requestComplete(): void {
    if (this.copyTo !== 0) this.proxy.shadows.offer(this);
  }

  // === connect ===

  /** Asks the target's pool for a stream; the fields are those of the caller's request. */
  connect(fields: readonly HeaderField[], count: number): void {
    if (this.state === callState.done) return;
    if (this.target.plan.overrides.size > 0 && !this.#prepare(fields, count)) return;
    const connection = this.target.pool.pick();
    if (connection !== undefined) return this.#open(connection, fields, count);
    this.keepFields(fields, count);
    this.state = callState.waiting;
    const refused = this.target.pool.wait(this);
    if (refused !== undefined) this.onNoConnection(refused);
  }

  /** Puts the target's model into the request. @returns false where its first message has to come first. */
  #prepare(fields: readonly HeaderField[], count: number): boolean {
    this.keepFields(fields, count);
    const prepared = prepareRequest(this);
    if (prepared === "ready") return true;
    this.state = callState.preparing;
    if (prepared === "wait") {
      this.request.creditHeld();
      return false;
    }
    const { champion } = this.route;
    if (this.target === champion) {
      this.#cannotOverride();
      return false;
    }
    this.proxy.metrics.hookFailed("override");
    this.reason = "not_overridable";
    this.target = champion;
    return champion.plan.overrides.size === 0 || this.#prepare(fields, count);
  }

  /** A message of a call that goes to another model than it names can't be given that name. */
  #cannotOverride(): void {
    this.proxy.metrics.hookFailed("override");
    this.upstreamFailed(
      grpcStatus.INTERNAL,
      "bad_request",
      `the model of a message for ${this.target.name} can't be set`,
    );
  }

  onConnection(connection: Connection): void {
    if (this.state !== callState.waiting) return;
    const fields = this.fields as HeaderField[];
    this.#open(connection, fields, fields.length);
  }

  onNoConnection(reason: "connect_failed" | "queue_timeout" | "queue_full" | "draining"): void {
    if (this.state === callState.done) return;
    this.upstreamFailed(
      grpcStatus.UNAVAILABLE,
      reason,
      `no connection to ${this.target.name}: ${reason.replace("_", " ")}`,
    );
  }

  // === open ===

  #open(connection: Connection, fields: readonly HeaderField[], count: number): void {
    const held = this.fields !== undefined;
    this.state = callState.waiting;
    const timeout = this.remaining(this.proxy.clock, held);
    if (timeout === null) return this.#expire();
    const up = connection.openStream(this);
    up.holder = this.down.holder;
    this.up = up;
    this.state = callState.open;
    this.upstreamStartMs = held ? this.proxy.clock.nowMs() : this.startMs;
    writeRequestHead(upstreamBlock, fields, count, this.target, this.route.hop, timeout);
    if (this.reason === "hop") keepTraffic(upstreamBlock, fields, count);
    const { request } = this;
    const empty = request.bytes === 0;
    up.sendHeaders(upstreamBlock, empty && request.ended);
    if (request.keeps || this.proxy.records !== undefined) this.keepFields(fields, count);
    if (!empty && !request.sendHeld(up)) return this.#cannotOverride();
    if (request.ended) this.#requestComplete();
  }

  // === answer ===

  onResponse(block: HeaderBlock, status: number, endStream: boolean): void {
    if (this.state === callState.done) return;
    if (!isGrpcAnswer(block, status, endStream)) {
      const code = status === 200 ? grpcStatus.UNKNOWN : grpcStatusOfHttp(status);
      return this.upstreamFailed(code, "upstream_http_status", `${this.target.name} answered HTTP ${status}, not gRPC`);
    }
    if (endStream) {
      const code = statusOf(block);
      if (code !== grpcStatus.OK && this.proxy.insurance.take(this, code, "answer")) return;
      this.down.sendHeaders(passOn(block, this.target.answeredBy), true);
      return this.finish(code, code === grpcStatus.OK ? outcomeIndex.ok : outcomeIndex.error);
    }
    this.headSent = true;
    // It can't be sent again any more, but a copy of it may be wanted yet.
    if (this.copyTo === 0 || this.method.plan.method === undefined) this.request.forget();
    this.answer.begin(this, block);
    this.down.sendHeaders(passOn(block, this.target.answeredBy), false);
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.state === callState.done) return;
    if (!this.answer.relay(this.up as H2Stream, this.down, buf, start, end, endStream)) return this.#cannotOverride();
    // An answer that ends without trailers has no status, and that is what the caller will make of it.
    if (endStream) this.finish(grpcStatus.UNKNOWN, outcomeIndex.error);
    else if (this.proxy.admission.drowns(this.down)) this.onCallerReset();
  }

  onTrailers(block: HeaderBlock): void {
    if (this.state === callState.done) return;
    const code = statusOf(block);
    this.answer.sendRest(this.down);
    this.down.sendTrailers(passOn(block, undefined));
    this.finish(code, code === grpcStatus.OK ? outcomeIndex.ok : outcomeIndex.error);
  }

  /** The upstream stream ended early. */
  onReset(code: number, how: ResetHow): void {
    if (this.state === callState.done) return;
    const most = mostResends(this.up);
    this.up = undefined;
    if (how === "unprocessed" && this.#resend(most)) return;
    if (how === "peer" && code === errorCode.CANCEL && this.ranOut(this.proxy.clock)) return this.#expire();
    const failure = failureOfReset(this.target.name, code, how);
    this.upstreamFailed(failure.code, failure.reason, failure.text);
  }

  /** A stream that the upstream never looked at is sent again, so many times at most. */
  #resend(most: number): boolean {
    if (this.resends >= most || this.headSent || !this.request.replayable || this.fields === undefined) return false;
    this.resends++;
    this.assigned.cells.resent();
    this.reopen(this.target);
    return true;
  }

  /** Starts over with `target`, with the request bytes that were kept. */
  reopen(target: BoundVariant): void {
    const { up } = this;
    this.up = undefined;
    letGo(up);
    this.target = target;
    this.state = callState.waiting;
    this.request.restart();
    this.#connectHeld();
  }

  // === ends ===

  /** The upstream failed the call before its end: the insurance may pay, else the caller is told. */
  upstreamFailed(code: number, reason: LocalReplyReason, text: string): void {
    if (this.state === callState.done) return;
    if (this.proxy.insurance.take(this, code, reason)) return;
    this.failure = reason;
    this.proxy.metrics.localReply(reason);
    replyStatus(this.down, this.headSent, code, text, this.target.answeredBy);
    this.finish(code, code === grpcStatus.CANCELLED ? outcomeIndex.cancelled : outcomeIndex.error);
  }

  /** Answers a call that never gets a variant. */
  refuse(code: number, reason: LocalReplyReason, text: string): void {
    this.proxy.metrics.localReply(reason);
    replyStatus(this.down, false, code, text, undefined);
    this.#end();
  }

  /** What comes after such a head is not ours to judge, but still HTTP/2's: it is read to its end, for a while. */
  #refuseHttp({ status, text }: HttpRefusal, wantsBody: boolean): void {
    this.proxy.metrics.localReply("not_grpc");
    this.#patient = true;
    replyHttp(this.down, status, text, wantsBody);
    this.#end();
    if (!this.down.closed) this.proxy.wheel.arm(this, this.startMs, lingerMs);
  }

  override onDeadline(): void {
    if (this.state !== callState.done) return this.#expire();
    this.#patient = false;
    this.#closeDown();
  }

  #expire(): void {
    this.failure = "deadline";
    this.proxy.metrics.localReply("deadline");
    replyStatus(this.down, this.headSent, grpcStatus.DEADLINE_EXCEEDED, "deadline exceeded", this.target.answeredBy);
    this.finish(grpcStatus.DEADLINE_EXCEEDED, outcomeIndex.deadline);
  }

  /** The caller went away or reset its stream: at its deadline, or because it wants no answer any more. */
  onCallerReset(): void {
    if (this.state === callState.done) return;
    if (this.ranOut(this.proxy.clock)) return this.finish(grpcStatus.DEADLINE_EXCEEDED, outcomeIndex.deadline);
    this.finish(grpcStatus.CANCELLED, outcomeIndex.cancelled);
  }

  /** `bytes` that had waited for the caller went out. */
  onDownDelivered(bytes: number): void {
    if (this.up !== undefined) this.answer.delivered(this.up, this.down, bytes);
    if (this.state === callState.done) this.#closeDown();
  }

  /** `bytes` that had waited for the upstream went out. */
  onDelivered(bytes: number): void {
    this.request.delivered(this.up, bytes);
  }

  /** The one observation of a call that has a variant, then its end. */
  finish(code: number, outcome: number): void {
    if (this.state === callState.done) return;
    const { proxy, assigned } = this;
    const nowMs = proxy.clock.nowMs();
    // A call that ends before it has a variant (its deadline passed, its caller left) counts for none.
    if (this.reason !== "hop" && this.state !== callState.peeking) {
      const upstreamMs = this.upstreamStartMs < 0 ? -1 : nowMs - this.upstreamStartMs;
      const insured = this.insuredCode >= 0;
      const counted = insured ? this.insuredCode : code;
      const how = insured ? outcomeIndex.error : outcome;
      assigned.cells.request(trafficIndex.live, this.method.index, counted, how, nowMs - this.startMs, upstreamMs);
      this.counts?.request(reportRow(trafficIndex.live, this.keyed), counted, nowMs - this.startMs);
      // A score belongs to the variant that gave it: the champion's, where it answered in another's place.
      if (code === grpcStatus.OK) this.answer.read(this, this.target.sink);
      proxy.insurance.settle(this, code, outcome);
    }
    if (this.state !== callState.peeking) proxy.records?.add(this, code, nowMs);
    this.#end();
  }

  #end(): void {
    if (this.state === callState.waiting) this.target.pool.leave(this);
    if (this.copyTo !== 0) this.proxy.shadows.abandon(this);
    this.state = callState.done;
    this.proxy.wheel.cancel(this);
    const { up } = this;
    this.up = undefined;
    letGo(up);
    this.request.drop();
    this.answer.drop();
    this.leave();
    this.#closeDown();
  }

  #closeDown(): void {
    if (!this.#patient) stopCaller(this.down);
  }
}
