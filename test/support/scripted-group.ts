/** A group over workers that do as a test says: programs of a few lines in place of the real one (`scripted-worker.mjs`). */
import { fileURLToPath } from "node:url";
import { Group, type GroupEvent } from "../../src/workers/group.ts";
import type { WorkerSettings } from "../../src/workers/messages.ts";
import { ManualClock } from "./manual-clock.ts";
import { until } from "./until.ts";

const path = fileURLToPath(new URL("scripted-worker.mjs", import.meta.url));

export function scriptedGroup(workers: number, script: string) {
  const clock = new ManualClock();
  const events: GroupEvent[] = [];
  const args = [script];
  const group = new Group(
    {
      clock,
      chance: { next: () => 0.5 },
      program: { path, args },
      settingsOf: (worker) => ({ worker }) as WorkerSettings,
      onLine: () => undefined,
      onEvent: (event) => events.push(event),
      onBreaker: () => undefined,
      onGone: () => undefined,
      onRefused: () => undefined,
    },
    { workers, breaker: {}, maxConnections: 3, maxConnectionsPerWorker: 2, maxWaiting: 1 },
  );
  /** How many events of a kind there were. */
  const kinds = (kind: GroupEvent["kind"]): number => events.filter((event) => event.kind === kind).length;
  const close = async (): Promise<void> => {
    group.close();
    await until(() => group.alive.length === 0, "all workers have ended");
  };
  return { args, clock, events, group, kinds, close };
}
