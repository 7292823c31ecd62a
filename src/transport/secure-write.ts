/**
 * Writes to TLS sockets.
 *
 * OpenSSL encrypts what it is given into memory of its own, at once, so plain bytes are free again when the write returns.
 * That holds only while nothing else is under way: Node's stream would keep them until its turn comes. So there is one
 * write at a time, and what accumulates meanwhile goes into the next: fewer records, fewer system calls. Several pieces
 * are gathered first; given as they are, Node would allocate, clear and fill memory for all of them, each time.
 */
import type { Socket } from "node:net";
import type { Output } from "../http2/output.ts";

/**
 * Four records of 16 KiB, the largest that there are (RFC 8446 section 5.1). What it is encrypted into is as large, and
 * allocators give such memory out again, where twice as much comes from the system and goes back to it for each write.
 */
const gatherBytes = 65_536;
/** One for all: it is used up when the write returns. */
const gather = Buffer.allocUnsafeSlow(gatherBytes);

/** Gives a socket that has nothing under way the first of `output`; the rest when `onWritten` is called. */
export function writeSecurely(socket: Socket, output: Output, onWritten: () => void): void {
  const piece = output.takeOne();
  if (piece === undefined) {
    const count = output.move(gather);
    if (count > 0) socket.write(gather.subarray(0, count), onWritten);
    return;
  }
  socket.write(piece, onWritten);
  output.rewind();
}
