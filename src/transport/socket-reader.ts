/**
 * Reads sockets into memory of ours.
 *
 * By itself `node:net` allocates 64 KiB for every read and gives most of it back when the usual hundred bytes came. Node
 * offers another way (`onread`) for sockets that one opens. Those that a server accepts can be read so, too, if a
 * socket of our own is put around the handle; that has no public name, so where it can't be had they are read as Node does.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { lent, ReadMemory } from "../http2/read-memory.ts";

/** Takes `bytes[0, end)`, which are lent (`read-memory.ts`) where the reader says so. */
export type Sink = (bytes: Buffer, end: number) => void;

export interface Reader extends OnReadOpts {
  /** The socket is gone. */
  close(): void;
}

export function readInto(sink: Sink): Reader {
  let memory = ReadMemory.take();
  return {
    buffer: () => {
      if (!memory.free) {
        memory.leave();
        memory = ReadMemory.take();
      }
      return memory.bytes;
    },
    callback: (count) => {
      memory.touch(count);
      lent.begin(memory);
      try {
        sink(memory.bytes, count);
      } finally {
        lent.end();
      }
      return true;
    },
    close: () => memory.leave(),
  };
}

/**
 * A socket that a server accepted and has not read from (`pauseOnConnect`), to be used in the place of the one given.
 * Its bytes go to `sink`; it emits no `data`.
 */
export function readAccepted(accepted: Socket, sink: Sink): Socket {
  const shell = accepted as unknown as { _handle: unknown };
  const handle = shell._handle;
  if (typeof handle !== "object" || handle === null || !("useUserBuffer" in handle)) {
    accepted.on("data", (chunk: Buffer) => sink(chunk, chunk.length));
    return accepted;
  }
  shell._handle = null;
  const reader = readInto(sink);
  // Typed for another kind of handle, the only one that may be given in public.
  const options: unknown = { handle, allowHalfOpen: true, onread: reader };
  const socket = new Socket(options as SocketConstructorOpts);
  socket.once("close", () => {
    reader.close();
    accepted.destroy(); // its server counts it until then
  });
  return socket;
}
