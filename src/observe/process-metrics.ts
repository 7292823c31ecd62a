/**
 * The process' own metrics (CPU, memory, garbage collection, event loop lag), by prom-client under their usual names.
 *
 * Apart from `Metrics` because they observe the whole process: one per process, not one per registry.
 */
import { collectDefaultMetrics, type Registry } from "prom-client";

/**
 * Gauges that list every open socket and request by its class at each scrape. They cost time and memory by the number
 * of connections, which `contender_connections_active` tells for nothing, and their `_total` names are counters' names.
 */
const tooDear = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
];

/**
 * Interval of the event loop monitor, in milliseconds. prom-client's 10 wakes an idle process a hundred times a second:
 * near 1 % of a core where system calls are dear. 50 costs a fifth of that and still meets any stall longer than itself.
 */
const eventLoopMonitoringPrecision = 50;

/** Registers them. Their timer and observer hold no process alive, and can't be stopped. */
export function collectProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision });
  for (const name of tooDear) register.removeSingleMetric(name);
}
