/**
 * How many connections a port takes, and how many of them from one address: whoever can reach it can open some, and everybody's
 * wait at the same door. Those beyond are closed at once; who was meant to come tries again, as after any failure.
 */
import { descriptorLimit } from "../../config/descriptor-limit.ts";

export interface ConnectionBounds {
  readonly connections: number;
  readonly perAddress: number;
}

interface Connection {
  readonly remoteAddress?: string | undefined;
  once(name: "close", fn: () => void): unknown;
  destroy(): unknown;
}

/** What servers of `node:net`, `tls`, `http` and `https` have. */
interface Listener {
  maxConnections: number;
  on(name: "connection", fn: (connection: Connection) => void): unknown;
}

/** A replica's share of a fleet of a hundred thousand, and as many again after another one has died. */
const mostConnections = 65_536;
/** Of the descriptors, for the store, the other port, files and replicas. */
const kept = 256;

/** @param descriptors that the process may have open, undefined where that is not known */
export function connectionBounds(descriptors = descriptorLimit()): ConnectionBounds {
  const connections = Math.min(mostConnections, Math.max(16, (descriptors ?? 4_096) - kept));
  // A gateway or a mesh may bring everybody from one address; a stranger at one is not to keep out all others.
  return { connections, perAddress: shareOf(connections) };
}

/** What one address may have. */
export const shareOf = (connections: number): number => Math.ceil((connections * 3) / 4);

/** Holds a listener to it. */
export function bound(listener: Listener, { connections, perAddress }: ConnectionBounds): void {
  const from = new Map<string, number>();
  listener.maxConnections = connections;
  listener.on("connection", (socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (from.get(address) ?? 0) + 1;
    from.set(address, count);
    socket.once("close", () => {
      const left = (from.get(address) ?? 1) - 1;
      if (left === 0) from.delete(address);
      else from.set(address, left);
    });
    if (count > perAddress) socket.destroy();
  });
}
