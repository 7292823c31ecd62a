/** What a connection tells whoever owns it. */
import type { Connection } from "./connection.ts";
import type { HeaderBlock } from "./header-block.ts";
import type { H2Stream } from "./stream.ts";

/** A header block is valid only during the call. */
export interface ConnectionHandler {
  /** Server: a call begins. `block.tooLarge` says that fields are missing. */
  onRequest(stream: H2Stream, block: HeaderBlock, endStream: boolean): void;
  /** Client: the answer's head. */
  onResponse(stream: H2Stream, block: HeaderBlock, status: number, endStream: boolean): void;
  /** Client: an interim answer (1xx); a final one follows. Whoever has no use for it leaves it out. */
  onInterim?(stream: H2Stream, block: HeaderBlock, status: number): void;
  onTrailers(stream: H2Stream, block: HeaderBlock): void;
  onData(stream: H2Stream, buf: Buffer, start: number, end: number, endStream: boolean): void;
  /** The stream ended early: by the peer's word, our own finding, or with its connection. */
  onReset(stream: H2Stream, code: number, how: ResetHow): void;
  /** A stream is reset for what the peer did on it, whether there is such a stream or not; the connection goes on. */
  onStreamFault?(code: number): void;
  /** `bytes` of what was queued went out. */
  onDelivered(stream: H2Stream, bytes: number): void;
  /** The peer's first SETTINGS are in. */
  onReady(connection: Connection): void;
  /** Client: another stream can be opened, where there was none to be had before. */
  onCapacity(connection: Connection): void;
  /** The peer opens or takes no more streams. */
  onGoaway(connection: Connection, code: number): void;
  /** Both ends are silent from now on; every stream has been reported. */
  onClosed(connection: Connection): void;
}

/**
 * `unprocessed`: the peer says that it never looked at the stream, so it may be sent again. `stalled`: what was queued for
 * the peer stood still for too long.
 */
export type ResetHow = "peer" | "unprocessed" | "protocol" | "lost" | "stalled";
