/** A server that accepts sockets, and does nothing with them but what a test says. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Owned } from "./owned.ts";

/** @returns its address. @param onSocket gets each socket before anything was read from it. */
export async function rawServer(
  own: Owned,
  onSocket: (socket: Socket) => void,
  { host = "127.0.0.1", port = 0 } = {},
): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  server.listen(port, host);
  await once(server, "listening");
  own.add({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `${host}:${(server.address() as AddressInfo).port}`;
}
