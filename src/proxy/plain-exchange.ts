/**
 * A request that is no gRPC call, and its answer, where such requests are passed on (`CONTENDER_NON_GRPC=forward`): a health
 * check by GET, or a server that speaks REST on the port of its gRPC.
 *
 * It is the champion's of the default route, as is all that is not a prediction. HTTP is passed on as it came, both ways:
 * there is no message to look into, no status of gRPC's, nothing to draw, copy or compare, so it counts for no variant. What
 * we have to say ourselves is said in HTTP, too: by a status, or, where the answer's head is out, by a reset.
 *
 * Such requests are rare beside calls, and may cost objects where a call may not.
 */
import type { Connection } from "../http2/connection.ts";
import type { ResetHow } from "../http2/connection-handler.ts";
import { errorCode } from "../http2/constants.ts";
import { HeaderBlock, type HeaderField, headerId } from "../http2/header-block.ts";
import { type H2Stream, noBody } from "../http2/stream.ts";
import type { LocalReplyReason } from "../model/call.ts";
import type { Waiter } from "../transport/call-queue.ts";
import { peerOf } from "../transport/listener.ts";
import { passOn, replyHttp, wantsBody } from "./answers.ts";
import { CallHead } from "./call-head.ts";
import { failureOfReset, lingerMs } from "./failures.ts";
import type { BoundRoute, BoundVariant, Generation } from "./generation.ts";
import type { ProxyPorts } from "./ports.ts";
import { RequestFlow } from "./request-flow.ts";
import { writeRequestHead } from "./request-head.ts";
import { letGo, stopCaller } from "./stream-ends.ts";
import type { StreamUser } from "./upstream-handler.ts";

/** In place of a status: there was no whole answer. */
const aborted = 0;

const upstreamBlock = new HeaderBlock();

export class PlainExchange extends CallHead implements StreamUser, Waiter {
  readonly #proxy: ProxyPorts;
  readonly #down: H2Stream;
  readonly #route: BoundRoute;
  readonly #target: BoundVariant;
  readonly #request: RequestFlow;
  /** The request's own, once they are here: they end it. */
  #trailers: readonly HeaderField[] | undefined = undefined;
  #up: H2Stream | undefined = undefined;
  #state: "waiting" | "open" | "done" = "waiting";
  #resent = false;
  #bodyWanted = true;
  #continued = false;
  /** The answer's status, once its head is out. */
  #status = aborted;
  /** The answer is whole; the request may still be coming, and be wanted. */
  #answered = false;
  /** What is left of the request is read, for a while, although nobody wants it. */
  #patient = false;

  // Waiter
  queuedAtMs = 0;
  waiting = false;

  /** @param hop value of `x-contender-hop`: a sidecar before us has passed the request on already. */
  constructor(proxy: ProxyPorts, down: H2Stream, generation: Generation, hop: string | undefined) {
    super(proxy.reads.readMs, proxy.overload.stalledMs, proxy.admission, generation);
    this.#proxy = proxy;
    this.#down = down;
    this.#request = new RequestFlow(down, proxy.budget, proxy.options.replayBytes);
    const named = hop === undefined ? undefined : generation.named(hop);
    const hopped = named !== undefined && proxy.trustsHop(peerOf(down.connection).address);
    this.#route = hopped ? named : generation.fallback;
    // Not the champion again, which may be where it came from: two sidecars would send it to and fro.
    this.#target = hopped ? named.local : generation.fallback.champion;
  }

  begin(block: HeaderBlock, endStream: boolean): void {
    this.#bodyWanted = wantsBody(block);
    if (block.tooLarge) return this.#fail(431, "headers_too_large", "header list too large");
    this.#request.ended = endStream;
    const overloaded = this.#proxy.admission.refusal(this.#down.connection);
    if (overloaded !== undefined) return this.#fail(503, "overload", overloaded);
    this.headBytes = block.size;
    this.keepFields(block.fields, block.count);
    this.capDeadline(this.#proxy.wheel, this.#route.spec.maxTimeoutMs);
    this.#connect();
  }

  // === the request ===

  onRequestData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const request = this.#request;
    if (endStream) request.ended = true;
    if (this.#state === "done") return this.#down.consumed(end - start);
    if (this.#state === "waiting") return request.hold(buf, start, end, false);
    request.relay(this.#up as H2Stream, buf, start, end);
    if (endStream) this.#endIfOver();
  }

  onRequestTrailers(block: HeaderBlock): void {
    if (this.#state === "done") return;
    this.#trailers = block.fields.slice(0, block.count);
    this.keepMore(block.size);
    if (this.#state !== "open") return;
    this.#up?.sendTrailers(passOn(block, undefined));
    this.#endIfOver();
  }

  #connect(): void {
    const { pool } = this.#target;
    const connection = pool.pick();
    if (connection !== undefined) return this.#open(connection);
    this.#state = "waiting";
    const refused = pool.wait(this);
    if (refused !== undefined) this.onNoConnection(refused);
  }

  onConnection(connection: Connection): void {
    if (this.#state === "waiting") this.#open(connection);
  }

  onNoConnection(reason: "connect_failed" | "queue_timeout" | "queue_full" | "draining"): void {
    if (this.#state === "done") return;
    this.#fail(503, reason, `no connection to ${this.#target.name}: ${reason.replace("_", " ")}`);
  }

  #open(connection: Connection): void {
    const fields = this.fields as readonly HeaderField[];
    const request = this.#request;
    const up = connection.openStream(this);
    up.holder = this.#down.holder;
    this.#up = up;
    this.#state = "open";
    // Both were there, or HTTP/2's rules had refused the request.
    const method = fields.find(({ id }) => id === headerId[":method"]) as HeaderField;
    if (!this.#bodyWanted) up.expectedBytes = noBody;
    writeRequestHead(upstreamBlock, fields, fields.length, this.#target, this.#route.hop, undefined, method);
    const empty = request.bytes === 0;
    up.sendHeaders(upstreamBlock, empty && request.ended);
    if (!empty) request.sendHeld(up);
    if (this.#trailers !== undefined) up.sendTrailers(passOn(blockOf(this.#trailers), undefined));
  }

  // === the answer ===

  /** The caller may wait for 100 before it sends its body. Hints and the like it can do without, and they have no end. */
  onInterim(block: HeaderBlock, status: number): void {
    if (status !== 100 || this.#continued || this.#state === "done") return;
    this.#continued = true;
    this.#down.sendHeaders(passOn(block, undefined), false);
  }

  onResponse(block: HeaderBlock, status: number, endStream: boolean): void {
    if (this.#state === "done") return;
    this.#status = status;
    this.#request.forget();
    this.#down.sendHeaders(passOn(block, undefined), endStream);
    if (endStream) this.#onAnswered();
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#state === "done") return;
    this.#up?.consumed(this.#down.sendData(buf, start, end, endStream));
    if (endStream) this.#onAnswered();
    else if (this.#proxy.admission.drowns(this.#down)) this.onCallerReset();
  }

  onTrailers(block: HeaderBlock): void {
    if (this.#state === "done") return;
    this.#down.sendTrailers(passOn(block, undefined));
    this.#onAnswered();
  }

  #onAnswered(): void {
    this.#answered = true;
    this.#proxy.metrics.plainRequest(this.#status);
    this.#endIfOver();
  }

  /** A server may answer first and read on: the exchange is over when both have said everything. */
  #endIfOver(): void {
    const up = this.#up;
    // The connection closes a stream when its second half has ended, which it may be about to do after this event.
    if (this.#answered && (up === undefined || up.closed || (up.remoteEnded && up.localEnded))) this.#end();
  }

  onReset(code: number, how: ResetHow): void {
    if (this.#state === "done") return;
    this.#up = undefined;
    // It has answered, and wants no more of the request (RFC 9113, 8.1).
    if (this.#answered) return this.#endPatiently();
    if (how === "unprocessed" && this.#resend()) return;
    const { reason, text } = failureOfReset(this.#target.name, code, how);
    this.#fail(how === "unprocessed" ? 503 : 502, reason, text);
  }

  /** A request that the upstream never looked at is sent again, once (RFC 9113, 8.7). */
  #resend(): boolean {
    if (this.#resent || !this.#request.replayable) return false;
    this.#resent = true;
    this.#request.restart();
    this.#connect();
    return true;
  }

  // === ends ===

  /** Ends it by our own word, or by a reset where the upstream's has begun. */
  #fail(status: number, reason: LocalReplyReason, text: string): void {
    const { metrics } = this.#proxy;
    metrics.localReply(reason);
    if (this.#status !== aborted) {
      metrics.plainRequest(aborted);
      this.#down.reset(errorCode.INTERNAL_ERROR);
      return this.#end();
    }
    metrics.plainRequest(status);
    replyHttp(this.#down, status, text, this.#bodyWanted);
    this.#endPatiently();
  }

  override onDeadline(): void {
    if (this.#state !== "done" && !this.#answered) return this.#fail(504, "deadline", "deadline exceeded");
    this.#patient = false;
    if (this.#state === "done") this.#closeDown();
    else this.#end();
  }

  onCallerReset(): void {
    if (this.#state === "done") return;
    if (!this.#answered) this.#proxy.metrics.plainRequest(aborted);
    this.#end();
  }

  /** `bytes` that had waited for the caller went out. */
  onDownDelivered(bytes: number): void {
    if (this.#up !== undefined) this.#up.consumed(bytes);
    if (this.#state === "done") this.#closeDown();
  }

  /** `bytes` that had waited for the upstream went out. */
  onDelivered(bytes: number): void {
    this.#request.delivered(this.#up, bytes);
    if (this.#state === "open") this.#endIfOver();
  }

  /** The rest of a request may be on its way: what is wrong with it is still told as HTTP/2 wants it, for a while. */
  #endPatiently(): void {
    this.#patient = true;
    this.#end();
    const { clock, wheel } = this.#proxy;
    if (!this.#down.closed) wheel.arm(this, clock.nowMs(), lingerMs);
  }

  #end(): void {
    if (this.#state === "done") return;
    if (this.waiting) this.#target.pool.leave(this);
    this.#state = "done";
    this.#proxy.wheel.cancel(this);
    const up = this.#up;
    this.#up = undefined;
    letGo(up);
    this.#request.forget();
    this.leave();
    this.#trailers = undefined;
    this.#closeDown();
  }

  #closeDown(): void {
    if (!this.#patient) stopCaller(this.#down);
  }
}

const trailerBlock = new HeaderBlock();

function blockOf(fields: readonly HeaderField[]): HeaderBlock {
  trailerBlock.clear();
  for (const field of fields) trailerBlock.add(field);
  return trailerBlock;
}
