/**
 * Opens the sockets towards upstreams, over TCP or a unix socket, with TLS or without. The caller gets a socket that is
 * still connecting: what is written to it waits, also for the handshake, and a failure is its `error`.
 */
import { createConnection, type Socket } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import type { Address } from "../base/address.ts";
import { type Reader, readInto, type Sink } from "./socket-reader.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

export interface Dialled {
  readonly socket: Socket;
  /** To be called once the socket is gone: gives back what it was read into. */
  close(): void;
}

/** Opens a socket whose bytes go to `sink`. */
export function dial(address: Address, sink: Sink, tls?: UpstreamTls): Dialled {
  const onread = readInto(sink);
  const target =
    address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port, noDelay: true };
  const close = (): void => onread.close();
  if (tls === undefined) return { socket: createConnection({ ...target, onread }), close };
  // The types of `tls.connect` don't know `onread` of its page.
  const options: ConnectionOptions & { readonly onread: Reader } = { ...target, onread, ...tls.options() };
  const socket = connect(options);
  tls.attend(socket);
  return { socket, close };
}
