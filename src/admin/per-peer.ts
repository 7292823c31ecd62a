/**
 * How many connections each peer has: one that opens all there may be, and says nothing on them, must not keep the kubelet's
 * probes out.
 */
import type { Socket } from "node:net";
import type { IsNear } from "../base/local-asker.ts";

export class PerPeer {
  readonly #most: number;
  readonly #isNear: IsNear;
  readonly #counts = new Map<string, number>();

  /** @param isNear peers that have no limit: programs on this machine, in whose way nobody else is. */
  constructor(most: number, isNear: IsNear) {
    this.#most = most;
    this.#isNear = isNear;
  }

  /** Counts a connection until it closes, or closes it where its peer has as many as it may. */
  take(socket: Socket): void {
    const peer = socket.remoteAddress;
    if (peer === undefined || this.#isNear(peer)) return;
    const count = this.#counts.get(peer) ?? 0;
    if (count >= this.#most) {
      socket.destroy();
      return;
    }
    this.#counts.set(peer, count + 1);
    socket.once("close", () => {
      const left = (this.#counts.get(peer) ?? 1) - 1;
      if (left === 0) this.#counts.delete(peer);
      else this.#counts.set(peer, left);
    });
  }
}
