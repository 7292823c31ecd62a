/** Brings the events of upstream connections to whoever uses the stream, and to the pool the connection belongs to. */
import type { Connection } from "../http2/connection.ts";
import type { ConnectionHandler, ResetHow } from "../http2/connection-handler.ts";
import { streamFaultOf } from "../http2/faults.ts";
import type { HeaderBlock } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Pool } from "../transport/pool.ts";

/** A call, or a copy of one. */
export interface StreamUser {
  onResponse(block: HeaderBlock, status: number, endStream: boolean): void;
  /** An interim answer; nothing that a gRPC caller could use. */
  onInterim?(block: HeaderBlock, status: number): void;
  onData(buf: Buffer, start: number, end: number, endStream: boolean): void;
  onTrailers(block: HeaderBlock): void;
  onReset(code: number, how: ResetHow): void;
  /** Bytes that had been held back went out. */
  onDelivered(bytes: number): void;
}

export function upstreamHandler(metrics: Metrics): ConnectionHandler {
  return {
    onRequest: () => undefined, // a server can't begin calls towards a client
    onResponse: (stream, block, status, endStream) => userOf(stream).onResponse(block, status, endStream),
    onInterim: (stream, block, status) => userOf(stream).onInterim?.(block, status),
    onTrailers: (stream, block) => userOf(stream).onTrailers(block),
    onData: (stream, buf, start, end, endStream) => userOf(stream).onData(buf, start, end, endStream),
    onReset: (stream, code, how) => userOf(stream).onReset(code, how),
    onStreamFault: (code) => metrics.streamFault("upstream", streamFaultOf(code)),
    onDelivered: (stream, bytes) => userOf(stream).onDelivered(bytes),
    onReady: (connection) => poolOf(connection).onReady(connection),
    onCapacity: (connection) => poolOf(connection).onCapacity(connection),
    onGoaway: (connection, code) => {
      metrics.goaway("upstream", "received");
      poolOf(connection).onGoaway(connection, code);
    },
    onClosed: (connection) => {
      if (connection.failure < 0) return;
      metrics.goaway("upstream", "sent");
      metrics.connectionFault("upstream", connection.fault);
    },
  };
}

function userOf(stream: H2Stream): StreamUser {
  return stream.owner as StreamUser;
}

function poolOf(connection: Connection): Pool {
  return connection.context as Pool;
}
