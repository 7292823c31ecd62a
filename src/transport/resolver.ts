/**
 * Names to addresses, as a port: tests script what a name stands for, and when.
 *
 * The real one asks the system (`getaddrinfo`), not the DNS: `/etc/hosts`, search domains and `nsswitch.conf` mean for a
 * sidecar what they mean for every other program in its pod, and `fraud-v42.ml` is a name only by the pod's search
 * domains. The price is that nobody tells how long an answer holds (no TTL), so names are looked up again by interval.
 * A look-up that hangs holds one of libuv's threads; libuv gives look-ups no more than half of them, and files keep theirs.
 */
import { lookup } from "node:dns";

export interface Resolver {
  /**
   * Looks a name up. `done` is called once, and not within the call: with addresses, those to be tried first in front, or
   * with the reason why there are none.
   */
  resolve(host: string, done: (addresses: readonly string[], failure: string | undefined) => void): void;
}

export const systemResolver: Resolver = {
  resolve: (host, done) => {
    // In the system's own order, which knows what this machine can reach (RFC 6724).
    lookup(host, { all: true, order: "verbatim" }, (error, found) => {
      if (error !== null) return done([], error.code ?? error.message);
      done(
        found.map(({ address }) => address),
        undefined,
      );
    });
  },
};
