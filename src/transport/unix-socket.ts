/**
 * The file of a unix socket, before and after something listens on it.
 *
 * A process that was killed leaves its file behind, and nothing can listen there until it is gone. Whether someone still
 * answers behind a file is found out by asking; only one that refuses is removed, and never anything but a socket.
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { createConnection } from "node:net";

/** Removes what a dead process left at `path`. @throws the system's words, where it is in use or no socket. */
export async function clearStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw inUse(`${path} is there and is no socket`);
  if (await answers(path)) throw inUse(`another process listens on ${path}`);
  unlinkSync(path);
}

/** Who may connect: on Linux that takes the right to write. */
export function setMode(path: string, mode: number): void {
  chmodSync(path, mode);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Whatever else it says, such as that its queue is full, somebody is there.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED"));
  });
}

function inUse(message: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(message);
  error.code = "EADDRINUSE";
  return error;
}
