/**
 * Accepts connections for other processes: what it gets is a handle that nobody has read from, to be passed on.
 *
 * A `net.Socket` could be passed too, and Node documents only that. It would be read from as soon as it arrives, before
 * its new owner can say into which memory; its server here would go on counting it until the other process closes it; and
 * it is closed here once the channel has it, so that it is lost with a process that dies before it looks. The handle
 * beneath, which Node's own cluster module passes, has none of that.
 */
import { createServer, type Server, Socket, type SocketConstructorOpts } from "node:net";
import type { Address } from "../base/address.ts";
import { clearStale, setMode } from "./unix-socket.ts";

/** Owner and group: in a pod, `fsGroup` puts the containers that share a volume into one. */
const defaultSocketMode = 0o660;

/** A connection without a stream around it. */
export interface RawHandle {
  close(): void;
}

export interface DoorOptions {
  readonly backlog: number;
  /** Permissions of a unix socket's file. */
  readonly socketMode?: number | undefined;
  /** Counts a connection that could not be accepted. */
  readonly onRefused: () => void;
}

/** @returns the bound address as text. @throws the system's error, where the address can't be had. */
export async function listenOn(server: Server, address: Address, options: DoorOptions): Promise<string> {
  const { socketMode = defaultSocketMode } = options;
  if (address.kind === "unix") await clearStale(address.path);
  const bound = await bind(server, address, options);
  if (address.kind === "unix") setMode(address.path, socketMode);
  return bound;
}

function bind(server: Server, address: Address, { backlog, onRefused }: DoorOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const done = (): void => {
      server.off("error", reject);
      // An accept that fails ends nothing. One without a descriptor is not even told of: libuv closes it (uv__emfile_trick),
      // which is why `maxConnectionsAccepted` is held below their number.
      server.on("error", onRefused);
      const bound = server.address();
      resolve(bound === null || typeof bound === "string" ? `unix:${bound ?? ""}` : textOf(bound.address, bound.port));
    };
    if (address.kind === "unix") server.listen({ path: address.path, backlog }, done);
    else server.listen({ host: address.host, port: address.port, backlog }, done);
  });
}

function textOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export class Door {
  readonly #server: Server;
  readonly #options: DoorOptions;

  /** @param onConnection gets each accepted connection, and owns it from then on. */
  constructor(options: DoorOptions, onConnection: (handle: RawHandle) => void) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      const handle = takeHandle(socket);
      if (handle !== undefined) onConnection(handle);
    });
  }

  /** @returns the bound address as text. @throws the system's error, where the address can't be had. */
  listen(address: Address): Promise<string> {
    return listenOn(this.#server, address, this.#options);
  }

  /** Accepts nothing more. What was handed on is its new owner's. */
  close(): void {
    this.#server.close();
  }
}

/** The handle of a socket that nobody has read from; the socket is none any more. Undefined where it is gone already. */
function takeHandle(socket: Socket): RawHandle | undefined {
  const shell = socket as unknown as { _handle: RawHandle | null };
  const handle = shell._handle ?? undefined;
  shell._handle = null;
  socket.destroy();
  return handle;
}

/** A socket around a handle, as a server that pauses on connect would give it. */
export function socketOf(handle: RawHandle): Socket {
  const options: unknown = { handle, allowHalfOpen: true, pauseOnCreate: true };
  return new Socket(options as SocketConstructorOpts);
}
