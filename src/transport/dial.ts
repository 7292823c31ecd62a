/**
 * Opens the sockets towards upstreams, over TCP or a unix socket. The caller gets a socket that is still connecting:
 * what is written to it waits, and a failure is its `error`.
 */
import { createConnection, type Socket } from "node:net";
import type { Address } from "../base/address.ts";
import { readInto, type Sink } from "./socket-reader.ts";

export interface Dialled {
  readonly socket: Socket;
  /** To be called once the socket is gone: gives back what it was read into. */
  close(): void;
}

/** Opens a socket whose bytes go to `sink`. */
export function dial(address: Address, sink: Sink): Dialled {
  const onread = readInto(sink);
  const socket =
    address.kind === "unix"
      ? createConnection({ path: address.path, onread })
      : createConnection({ host: address.host, port: address.port, noDelay: true, onread });
  return { socket, close: () => onread.close() };
}
