/**
 * Reads a socket into memory of ours instead of a new buffer for each read.
 *
 * By itself `node:net` allocates 64 KiB for every read and gives most of it back when the usual answer of a hundred
 * bytes came: the memory churns, and the collector with it. Here reads fill one piece of memory after the other; nothing
 * is written over, so what a read brought stays as it is for whoever holds on to it. Only sockets that we open
 * ourselves can be read so.
 */
import type { OnReadOpts } from "node:net";

const pieceBytes = 65_536;
/** Too little to be worth a read: a new piece is begun. */
const leastBytes = 16_384;

export function readInto(receive: (chunk: Buffer) => void): OnReadOpts {
  let free = Buffer.allocUnsafeSlow(pieceBytes);
  return {
    buffer: () => free,
    callback: (count) => {
      const chunk = free.subarray(0, count);
      const left = free.length - count;
      free = left >= leastBytes ? free.subarray(count) : Buffer.allocUnsafeSlow(pieceBytes);
      receive(chunk);
      return true;
    },
  };
}
