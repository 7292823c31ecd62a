/**
 * One copy of a call, on its way to a shadow and back: its answer is read, measured and dropped.
 *
 * It has its own connection, budget and deadline. Nothing of it reaches the caller, and the caller's going away does
 * not end it: half-done copies would make the shadow look worse than it is.
 */

import type { Clock } from "../base/clock.ts";
import { type TimerWheel, WheelEntry } from "../base/timer-wheel.ts";
import { frameMessage, prefixBytes } from "../grpc/framing.ts";
import { grpcStatus, grpcStatusOfHttp, grpcStatusOfReset } from "../grpc/status.ts";
import { formatTimeout } from "../grpc/timeout.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { ResetHow } from "../http2/connection-handler.ts";
import { errorCode } from "../http2/constants.ts";
import { HeaderBlock, HeaderField, headerId } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import { outcomeIndex } from "../observe/labels.ts";
import { reportRow } from "../observe/report-cells.ts";
import { breakerVerdict, isFairTimeout, type TransportEnd } from "../resilience/classify.ts";
import type { Overload } from "../resilience/overload.ts";
import { AnswerTap } from "./answer-tap.ts";
import { isGrpcAnswer, statusOf } from "./answers.ts";
import { ranOut } from "./call-deadline.ts";
import { ChargedBuffer } from "./charged-buffer.ts";
import type { BoundMethod, BoundRoute, BoundShadow } from "./generation.ts";
import { writeRequestHead } from "./request-head.ts";
import type { StreamUser } from "./upstream-handler.ts";

export interface CopyPorts {
  readonly clock: Clock;
  readonly budget: ByteBudget;
  readonly wheel: TimerWheel;
  readonly overload: Overload;
  /** Longest answer that is read to its end. */
  readonly answerBytes: number;
  /** Longest answer whose score is read. */
  readonly scoreBytes: number;
}

const block = new HeaderBlock();
const credentials: readonly number[] = [headerId.authorization, headerId.cookie];

/** A copy that has been admitted. */
export interface CopyJob {
  readonly shadow: BoundShadow;
  readonly route: BoundRoute;
  readonly fields: readonly HeaderField[];
  readonly method: BoundMethod;
  /** Whether the call has a key that it is a copy of. */
  readonly keyed: boolean;
  readonly body: Buffer;
  readonly permit: number;
}

/** Sends a copy, or drops it and counts why. */
export function sendCopy(ports: CopyPorts, job: CopyJob): void {
  const { shadow, route, fields, method, body, permit } = job;
  const { gate, variant } = shadow;
  const connection = variant.pool.pick();
  if (connection === undefined) {
    const { pool } = variant;
    // Not being reachable is the shadow's failure, and the breaker is to know; being full, or not there yet, is not.
    const hopeful = pool.ready || pool.count("connecting") > 0;
    gate.settle(permit, body.length, hopeful ? "neither" : "failure");
    gate.drop(pool.ready ? "in_flight_full" : "not_connected");
    return;
  }
  const message = overridden(shadow, method, body);
  if (message === undefined) {
    gate.settle(permit, body.length, "neither");
    gate.drop("not_overridable");
    return;
  }
  const { spec } = gate;
  const kept = spec.forwardAuthorization ? fields : fields.filter((field) => !credentials.includes(field.id));
  const timeout = new HeaderField("grpc-timeout", formatTimeout(spec.timeoutMs), false, headerId["grpc-timeout"]);
  const copy = new ShadowCopy(ports, job);
  copy.up = connection.openStream(copy);
  writeRequestHead(block, kept, kept.length, variant, route.hop, timeout);
  block.add(shadow.mark);
  copy.up.sendHeaders(block, false);
  copy.up.sendData(message, 0, message.length, true);
}

/** The request as this shadow is to get it; undefined where its model can't be set. */
function overridden(shadow: BoundShadow, method: BoundMethod, body: Buffer): Buffer | undefined {
  const { dialect, method: known } = method.plan;
  const override = dialect === undefined ? undefined : shadow.variant.plan.overrides.get(dialect.name);
  if (override === undefined || known === undefined) return body;
  if (body.length < prefixBytes || ((body[0] ?? 1) & 1) === 1) return undefined;
  // Nobody has looked whether its caller sent as much as the prefix says.
  if (body.readUInt32BE(1) !== body.length - prefixBytes) return undefined;
  const message = override.request(known, body, prefixBytes, body.length);
  return message === undefined ? undefined : frameMessage(message);
}

class ShadowCopy extends WheelEntry implements StreamUser {
  up: H2Stream | undefined = undefined;
  readonly #ports: CopyPorts;
  readonly #shadow: BoundShadow;
  readonly #route: BoundRoute;
  readonly #method: BoundMethod;
  readonly #keyed: boolean;
  readonly #permit: number;
  readonly #bytes: number;
  readonly #startMs: number;
  /** As `Overload.stalledMs` was when it began. */
  readonly #stalledMs: number;
  #answerBytes = 0;
  #tap: AnswerTap | undefined = undefined;
  #done = false;

  constructor(ports: CopyPorts, { shadow, route, method, keyed, body, permit }: CopyJob) {
    super();
    this.#ports = ports;
    this.#shadow = shadow;
    this.#route = route;
    this.#method = method;
    this.#keyed = keyed;
    this.#permit = permit;
    this.#bytes = body.length;
    this.#startMs = ports.clock.nowMs();
    this.#stalledMs = ports.overload.stalledMs;
    const { counts } = shadow.variant;
    if (counts !== undefined) counts.copies++;
    ports.wheel.arm(this, this.#startMs, shadow.gate.spec.timeoutMs);
  }

  onResponse(head: HeaderBlock, status: number, endStream: boolean): void {
    if (!isGrpcAnswer(head, status, endStream)) {
      const code = status === 200 ? grpcStatus.UNKNOWN : grpcStatusOfHttp(status);
      return this.#finish(code, outcomeIndex.error, "protocol");
    }
    if (endStream) return this.#finishWith(statusOf(head));
    const { dialect, method } = this.#method.plan;
    if (dialect === undefined || method === undefined || !method.scored) return;
    const reader = this.#route.scoreReaders.get(dialect.name);
    const { up } = this;
    if (reader === undefined || up === undefined) return;
    const { budget, scoreBytes } = this.#ports;
    this.#tap = new AnswerTap(reader, method, scoreBytes, new ChargedBuffer(budget, up.holder));
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.#answerBytes += end - start;
    if (this.#answerBytes > this.#ports.answerBytes) {
      // An answer without end is a shadow that is broken, not one that is busy.
      return this.#finish(grpcStatus.UNKNOWN, outcomeIndex.error, "protocol");
    }
    this.#tap?.push(buf, start, end);
    // Unread bytes would use up the connection's window: what is dropped is credited all the same.
    this.up?.consumed(end - start);
    if (endStream) this.#finish(grpcStatus.UNKNOWN, outcomeIndex.error, "protocol");
  }

  onTrailers(trailers: HeaderBlock): void {
    this.#finishWith(statusOf(trailers));
  }

  onReset(code: number, how: ResetHow): void {
    const leaving = this.up?.connection.goingAway === true;
    this.up = undefined;
    if (how === "unprocessed" && leaving) return this.#notLookedAt();
    if (how === "peer" && code === errorCode.CANCEL && this.#ranOut) return this.onDeadline();
    const refused = how === "peer" || how === "unprocessed";
    const status = refused ? grpcStatusOfReset(code) : grpcStatus.UNAVAILABLE;
    this.#finish(status, outcomeIndex.error, refused ? "reset" : "gone");
  }

  /** A server that goes away says nothing of its model by it. */
  #notLookedAt(): void {
    if (!this.#end()) return;
    this.#tap?.drop();
    this.#shadow.gate.settle(this.#permit, this.#bytes, "neither");
    this.#shadow.gate.drop("not_connected");
  }

  get #ranOut(): boolean {
    return ranOut(this.#shadow.gate.spec.timeoutMs, this.#ports.clock.nowMs() - this.#startMs);
  }

  onDelivered(): void {
    // The copy's bytes are held until its end anyway.
  }

  override onDeadline(): void {
    this.#finish(grpcStatus.DEADLINE_EXCEEDED, outcomeIndex.deadline, "answered");
  }

  #finishWith(code: number): void {
    this.#finish(code, code === grpcStatus.OK ? outcomeIndex.ok : outcomeIndex.error, "answered");
  }

  #finish(code: number, outcome: number, end: TransportEnd): void {
    if (!this.#end()) return;
    const { gate, sink, traffic, variant } = this.#shadow;
    const tookMs = this.#ports.clock.nowMs() - this.#startMs;
    variant.cells.request(traffic, this.#method.index, code, outcome, tookMs, tookMs);
    variant.counts?.request(reportRow(traffic, this.#keyed), code, tookMs);
    sink.answers(variant.counts, this.#keyed);
    if (code === grpcStatus.OK) this.#tap?.read(sink);
    else this.#tap?.drop();
    const fair = isFairTimeout(gate.spec.timeoutMs, this.#ports.overload.stalledMs - this.#stalledMs);
    gate.settle(this.#permit, this.#bytes, breakerVerdict(code, end, fair));
    variant.warmup?.settle(code === grpcStatus.OK);
    const { up } = this;
    this.up = undefined;
    if (up !== undefined && !up.closed && !(up.remoteEnded && up.localEnded)) up.reset(errorCode.CANCEL);
  }

  /** @returns whether it was still under way. */
  #end(): boolean {
    if (this.#done) return false;
    this.#done = true;
    const { counts } = this.#shadow.variant;
    if (counts !== undefined) counts.copies--;
    this.#ports.wheel.cancel(this);
    return true;
  }
}
