/**
 * Whether a new call is taken in: asked before anything is made for it, so that a refusal costs an answer's few bytes.
 *
 * Refused are new calls alone, whoever sends them: those under way are what we are here for, and giving them up would waste
 * what was spent on them. Health checks always pass. They are few and cost nothing, and a prober that is refused would
 * restart, or take out of service, a model server that does its work.
 */
import { grpcStatus } from "../grpc/status.ts";
import type { Connection } from "../http2/connection.ts";
import { errorCode } from "../http2/constants.ts";
import { type HeaderBlock, headerId } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import type { ShedResource } from "../model/call.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Overload, overloadLevel } from "../resilience/overload.ts";
import { replyStatus } from "./answers.ts";
import type { CallLoad } from "./call-head.ts";
import type { ProxyOptions } from "./options.ts";

/** Texts by the resource that is short: for people who read a client's log. */
const texts: Readonly<Record<ShedResource, string>> = {
  event_loop: "overloaded, the event loop is late",
  heap: "overloaded, the heap is nearly full",
  memory: "overloaded, memory is nearly used up",
  buffered: "overloaded, too many bytes are buffered",
  calls: "overloaded, too many calls are in flight",
  headers: "overloaded, calls in flight hold too many bytes of headers",
  connection: "overloaded, this connection leaves too many bytes of its answers unread",
};

const healthService = "/grpc.health.v1.Health/";

export class Admission implements CallLoad {
  /** Calls that have begun and not ended. */
  calls = 0;
  /** Bytes of header lists that they keep. */
  headerBytes = 0;
  readonly #options: Required<ProxyOptions>;
  readonly #overload: Overload;
  readonly #metrics: Metrics;

  constructor(options: Required<ProxyOptions>, overload: Overload, metrics: Metrics) {
    this.#options = options;
    this.#overload = overload;
    this.#metrics = metrics;
  }

  /** Refuses a call that can't be borne. @returns whether it did: then its stream is over. */
  refuses(stream: H2Stream, block: HeaderBlock): boolean {
    const short = this.#short(stream.connection, this.calls);
    if (short === undefined || block.find(headerId[":path"])?.value.startsWith(healthService) === true) return false;
    this.#metrics.localReply("overload");
    this.#metrics.shed(short);
    replyStatus(stream, false, grpcStatus.RESOURCE_EXHAUSTED, texts[short], undefined);
    // It has its answer: a request that is still coming is told to stop (RFC 9113, 8.1).
    if (!stream.closed) stream.reset(errorCode.NO_ERROR);
    return true;
  }

  /** Why a request that is no call, and has begun, can't be borne, in words; undefined where it can. Who asks, refuses. */
  refusal(connection: Connection): string | undefined {
    const short = this.#short(connection, this.calls - 1);
    if (short === undefined) return undefined;
    this.#metrics.shed(short);
    return texts[short];
  }

  /**
   * Ends a call whose caller leaves too much unread, where its answer has just added to that. Reading slowly is no fault,
   * but what waits for one connection is memory that all others lack.
   */
  drowns(stream: H2Stream): boolean {
    const { sender } = stream.connection;
    if (sender.queuedBytes <= this.#options.connectionUnreadBytes || stream.queuedBytes === 0) return false;
    this.#metrics.shed("connection");
    stream.reset(errorCode.ENHANCE_YOUR_CALM);
    return true;
  }

  /** What there is too little of for another call. */
  #short(connection: Connection, calls: number): ShedResource | undefined {
    const { maxCalls, headerBytes, connectionUnreadBytes } = this.#options;
    if (this.#overload.level === overloadLevel.shedding) return this.#overload.worst;
    if (calls >= maxCalls) return "calls";
    if (this.headerBytes > headerBytes) return "headers";
    if (connection.sender.queuedBytes > connectionUnreadBytes) return "connection";
    return undefined;
  }
}
