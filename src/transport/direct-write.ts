/**
 * Writes to a socket without Node's stream in between.
 *
 * For the few hundred bytes of a lone call, the stream's own work (a request object, two callbacks, a tick) costs as much
 * as the HTTP/2 around them. The kernel nearly always takes such a piece at once, and then there is nothing to wait for.
 * The descriptor has no public name: where it can't be had, as on Windows, the stream writes.
 */
import { writeSync } from "node:fs";
import type { Socket } from "node:net";

interface Handled {
  readonly _handle?: { readonly fd?: number } | null;
  /** Set on TLS sockets, whose descriptor takes what they have encrypted and nothing else. */
  readonly encrypted?: boolean;
}

/** What libuv waits for to pass, or tries again, instead of failing the socket. */
const passing: ReadonlySet<string> = new Set(["EAGAIN", "ENOBUFS", "EPROTOTYPE"]);

/**
 * Gives the kernel what it takes at once of `piece`, provided that nothing is before it in the stream.
 *
 * @returns how many bytes that were: often all, 0 where the stream must be asked. A socket that fails is destroyed with its
 *   error, as the stream would have done, and takes no more.
 */
export function writeDirectly(socket: Socket, piece: Buffer): number {
  if (socket.writableLength > 0 || socket.connecting) return 0;
  const { _handle: handle, encrypted } = socket as unknown as Handled;
  if (handle === null || handle === undefined || encrypted === true) return 0;
  // Asked for each time: the number of a closed socket may be another's by now.
  const { fd } = handle;
  if (typeof fd !== "number" || fd < 0) return 0;
  try {
    return writeSync(fd, piece, 0, piece.length);
  } catch (reason) {
    const error = reason as NodeJS.ErrnoException;
    if (error.code !== undefined && passing.has(error.code)) return 0;
    socket.destroy(error);
    return piece.length;
  }
}
