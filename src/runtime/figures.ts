/** Gauges that are read where the thing they measure lives: listener, pools, budgets. */
import type { ByteBudget } from "../http2/byte-budget.ts";
import { ReadMemory } from "../http2/read-memory.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Admission } from "../proxy/admission.ts";
import type { Listener } from "../transport/listener.ts";
import type { Generations } from "./generations.ts";
import type { PoolEntry, Pools } from "./pools.ts";

const poolStates = ["ready", "connecting", "draining"] as const;

/** What a connection has from its beginning, beside the memory it is read into: its output's arena and its tables. */
const connectionBytes = 16_384;

export interface FigureSources {
  readonly listener: Listener;
  readonly pools: Pools;
  readonly generations: Generations;
  readonly budget: ByteBudget;
  readonly admission: Admission;
}

/** All that connections and calls pin. */
export function pinnedBytes({ listener, pools, generations, budget, admission }: FigureSources): number {
  let bytes = budget.held + generations.shadowBytes + admission.headerBytes + ReadMemory.touchedBytes;
  bytes += listener.unsentBytes + listener.connectionCount * connectionBytes;
  for (const { pool } of pools.all()) bytes += pool.unsentBytes;
  return bytes;
}

export function registerFigures(metrics: Metrics, sources: FigureSources): void {
  const { listener, pools, generations, budget, admission } = sources;
  const each = <T>(read: (entry: PoolEntry) => T): T[] => [...pools.all()].map(read);
  const sum = (read: (entry: PoolEntry) => number): number => each(read).reduce((total, value) => total + value, 0);
  const connections = ({ pool }: PoolEntry): number =>
    poolStates.reduce((total, state) => total + pool.count(state), 0);

  metrics.register("contender_streams_active", () => [
    { labels: ["downstream"], value: listener.streamCount },
    { labels: ["upstream"], value: sum(({ pool }) => pool.streamCount) },
  ]);
  metrics.register("contender_connections_active", () => [
    { labels: ["downstream"], value: listener.connectionCount },
    { labels: ["upstream"], value: sum(connections) },
  ]);
  metrics.register("contender_pool_connections", () =>
    each(({ route, variant, pool }) =>
      poolStates.map((state) => ({ labels: [route, variant, state], value: pool.count(state) })),
    ).flat(),
  );
  metrics.register("contender_pool_addresses", () =>
    [...pools.all()]
      .filter(({ traffic }) => traffic === "live")
      .map(({ route, variant, pool }) => ({ labels: [route, variant], value: pool.addressCount })),
  );
  metrics.register("contender_queue_calls", () =>
    each(({ route, variant, pool }) => ({ labels: [route, variant], value: pool.queued })),
  );
  metrics.register("contender_buffered_bytes", () => [
    { labels: ["streams"], value: budget.held },
    { labels: ["unsent_downstream"], value: listener.unsentBytes },
    { labels: ["unsent_upstream"], value: sum(({ pool }) => pool.unsentBytes) },
    { labels: ["shadow_copies"], value: generations.shadowBytes },
    { labels: ["headers"], value: admission.headerBytes },
    { labels: ["read_memory"], value: ReadMemory.touchedBytes },
  ]);
}
