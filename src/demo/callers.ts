/** The demo's callers: traffic on every route through the sidecar, and the books of what they saw. */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { openClient } from "./clients.ts";
import type { CreditData } from "./data.ts";
import { type DemoOptions, demoUsers } from "./options.ts";
import { demoRoutes, modelName } from "./routes.ts";
import type { Tally } from "./tally.ts";
import { Traffic } from "./traffic.ts";

/** Connections per route. */
const clientsPerRoute = 2;

export interface Callers {
  /** Whether every user has sent a call on every route. */
  metAll(): boolean;
  /** Calls sent so far, on the route with the fewest. */
  sent(): number;
  /** Sends no more and closes the connections when the last answer is there. */
  stop(): Promise<void>;
}

/** @param sidecar `HOST:PORT` @param tallies by route, of all routes */
export function startCallers(
  sidecar: string,
  tallies: ReadonlyMap<string, Tally>,
  { heldOut }: CreditData,
  { rate, users = demoUsers }: DemoOptions,
  { clock, chance }: { readonly clock: Clock; readonly chance: Chance },
): Callers {
  const running = demoRoutes.map(({ name, dialect }) => {
    const tally = tallies.get(name);
    const clients = Array.from({ length: clientsPerRoute }, () =>
      openClient({ target: sidecar, dialect, model: modelName, clock }),
    );
    const traffic = new Traffic({
      ...{ clients, clock, chance, rows: heldOut, users, callsPerSecond: rate },
      onAnswer: (user, answer, sentMs) => tally?.answered(user, answer, sentMs, clock.nowMs()),
      onError: (failure) => tally?.failed(failure),
    });
    return { clients, traffic };
  });
  return {
    metAll: () => running.every(({ traffic }) => traffic.metAll),
    sent: () => Math.min(...running.map(({ traffic }) => traffic.sent)),
    async stop() {
      await Promise.all(running.map(({ traffic }) => traffic.stop()));
      for (const client of running.flatMap(({ clients }) => clients)) client.close();
    },
  };
}
