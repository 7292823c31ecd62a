/** Gauges that are read where the thing they measure lives: listener, pools, budgets. */
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Listener } from "../transport/listener.ts";
import type { Generations } from "./generations.ts";
import type { PoolEntry, Pools } from "./pools.ts";

const poolStates = ["ready", "connecting", "draining"] as const;

export function registerFigures(
  metrics: Metrics,
  listener: Listener,
  pools: Pools,
  generations: Generations,
  budget: ByteBudget,
): void {
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
  ]);
}
