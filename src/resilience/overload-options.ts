/** Where a sidecar begins to give things up for its own sake, each mark with its default and reason. */
import { resolveOptions } from "./options.ts";

export interface OverloadOptions {
  /**
   * Lateness of the event loop at which copies stop. Default 100: a full collection of a large heap takes tens of
   * milliseconds, a container's CPU quota pauses it for up to its period of 100 (cpu.max(5), cgroup v2), and a live call has
   * felt more than that.
   */
  readonly shadowLagMs?: number;
  /** Lateness of the event loop at which new calls are refused. Default 300: whoever queues here waits longer than most models take. */
  readonly shedLagMs?: number;
  /**
   * Percentage of what there is of memory (V8's heap, the container's memory, `bufferedBytes`) at which copies stop.
   * Default 75.
   */
  readonly shadowMemoryPercent?: number;
  /**
   * The same for new calls. Default 85: V8 lets garbage grow at most half of the way from what lives to its limit
   * (heap/memory-controller), so that a heap at 85 % has 70 % that lives; and it gives up before 100, for pages are never quite
   * full: a heap of 64 MiB ended at 59.
   */
  readonly shedMemoryPercent?: number;
  /** Memory that the process may take. Default 0: the container's limit, or the machine's memory where it has none. */
  readonly memoryBytes?: number;
  /**
   * What connections and calls may pin in all, output that peers do not take and memory that sockets are read into
   * included. Default 536 870 912: twice what streams may hold (`heldBytes`), since those are only a part of it.
   */
  readonly bufferedBytes?: number;
}

const longestTimerMs = 2 ** 31 - 1;
const terabyte = 1_099_511_627_776;

const rules = {
  shadowLagMs: { default: 100, min: 1, max: longestTimerMs, whole: true },
  shedLagMs: { default: 300, min: 1, max: longestTimerMs, whole: true },
  shadowMemoryPercent: { default: 75, min: 1, max: 100, whole: false },
  shedMemoryPercent: { default: 85, min: 1, max: 100, whole: false },
  memoryBytes: { default: 0, min: 0, max: terabyte, whole: true },
  bufferedBytes: { default: 536_870_912, min: 1_048_576, max: terabyte, whole: true },
} as const;

export type ResolvedOverloadOptions = Readonly<Required<OverloadOptions>>;

/** @throws RangeError for unknown or senseless options. */
export function resolveOverloadOptions(given: OverloadOptions = {}): ResolvedOverloadOptions {
  return resolveOptions("overload", rules, given);
}
