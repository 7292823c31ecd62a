/**
 * Reads sockets into memory of ours.
 *
 * By itself `node:net` allocates 64 KiB for every read and gives most of it back when the usual hundred bytes came. Node
 * offers another way (`onread`) for sockets that one opens. Those that a server accepts can be read so, too, if a
 * socket of our own is put around the handle; that has no public name, so where it can't be had they are read as Node does.
 * TLS sockets hand over a record at a time, into the same memory.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { lent, ReadMemory } from "../http2/read-memory.ts";

/** Takes `bytes[0, end)`, which are lent (`read-memory.ts`) where the reader says so. */
export type Sink = (bytes: Buffer, end: number) => void;

export interface Reader extends OnReadOpts {
  /** What the next read goes into. */
  readonly buffer: () => Buffer;
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

/** Where a socket keeps what `onread` gave it: under symbols that have descriptions and no public name. */
interface UserBuffer {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

function userBufferOf(socket: Socket): UserBuffer | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named("kBuffer"), named("kBufferCb"), named("kBufferGen")];
  if (buffer === undefined || callback === undefined || generator === undefined) return undefined;
  return { buffer, callback, generator };
}

/**
 * A socket whose TLS handshake is done, and of which nothing has been read; its bytes go to `sink`. `tls` hands `onread`
 * on for sockets that one opens only, so it is put where it would have put it.
 */
export function readSecure(socket: Socket, sink: Sink): Socket {
  const keys = userBufferOf(socket);
  const { _handle: handle } = socket as unknown as { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } };
  if (keys === undefined || handle?.useUserBuffer === undefined || socket.readableLength > 0) {
    socket.on("data", (chunk: Buffer) => sink(chunk, chunk.length));
    return socket;
  }
  const { buffer, callback, close } = readInto(sink);
  const first = buffer();
  Object.assign(socket, { [keys.buffer]: first, [keys.callback]: callback, [keys.generator]: buffer });
  handle.useUserBuffer(first);
  socket.once("close", close);
  return socket;
}
