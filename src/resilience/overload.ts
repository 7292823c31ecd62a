/**
 * How far a sidecar is beyond what it can bear, and what it gives up for that: decided here, from readings alone.
 *
 * Two steps, in the order of what they cost: copies for shadows stop first, which no caller notices; then new calls are
 * refused, so that those under way can end. Each resource has two marks, and the worst resource decides. A step is taken
 * at once, since memory that runs out does not wait for a second reading, and taken back only when the reading is well
 * below its mark: at the edge a sidecar would else switch with every reading.
 */
import type { ResolvedOverloadOptions } from "./overload-options.ts";

/** What is given up, the later including the earlier. */
export const overloadSteps = ["none", "shadows_off", "shedding"] as const;
export type OverloadStep = (typeof overloadSteps)[number];

/** By their place in `overloadSteps`: the data path compares numbers. */
export const overloadLevel = { none: 0, shadowsOff: 1, shedding: 2 } as const;

/** What can run out, and is watched for it. */
export const watchedResources = ["event_loop", "heap", "memory", "buffered"] as const;
export type WatchedResource = (typeof watchedResources)[number];

/** A reading's marks, each with the value at which it is taken back. */
export interface Marks {
  readonly shadowsOff: number;
  readonly shadowsOn: number;
  readonly shed: number;
  readonly admit: number;
}

/** A loop's lateness jumps, and is taken back at half of its mark. */
const lagRelease = 0.5;
/** Memory goes down by whole collections: percentage points below its mark. */
const memoryReleasePercent = 5;

export function lagMarks({ shadowLagMs, shedLagMs }: ResolvedOverloadOptions): Marks {
  return {
    shadowsOff: shadowLagMs,
    shadowsOn: shadowLagMs * lagRelease,
    shed: shedLagMs,
    admit: shedLagMs * lagRelease,
  };
}

/** Of readings from 0 to 1. */
export function memoryMarks({ shadowMemoryPercent, shedMemoryPercent }: ResolvedOverloadOptions): Marks {
  return {
    shadowsOff: shadowMemoryPercent / 100,
    shadowsOn: Math.max(0, shadowMemoryPercent - memoryReleasePercent) / 100,
    shed: shedMemoryPercent / 100,
    admit: Math.max(0, shedMemoryPercent - memoryReleasePercent) / 100,
  };
}

/** The level that a reading asks for, given the one before. A reading at its mark is over it. */
export function nextLevel(before: number, reading: number, marks: Marks): number {
  if (reading >= marks.shed || (before === overloadLevel.shedding && reading > marks.admit)) {
    return overloadLevel.shedding;
  }
  if (reading >= marks.shadowsOff || (before > overloadLevel.none && reading > marks.shadowsOn)) {
    return overloadLevel.shadowsOff;
  }
  return overloadLevel.none;
}

export type OnOverload = (level: number, resource: WatchedResource) => void;

/** The state in force: one object, read by the data path and written by whoever takes the readings. */
export class Overload {
  /** One of `overloadLevel`. */
  level: number = overloadLevel.none;
  /** The resource that is worst off; the first of several. */
  worst: WatchedResource = "event_loop";
  /** Time in which the event loop stood still, in all: what is timed by our clock has it on its bill. */
  stalledMs = 0;
  readonly #marks: Readonly<Record<WatchedResource, Marks>>;
  readonly #levels: Record<WatchedResource, number> = { event_loop: 0, heap: 0, memory: 0, buffered: 0 };
  readonly #onEntered: OnOverload;

  /** @param onEntered told of each step taken, by the resource that asked for it. */
  constructor(options: ResolvedOverloadOptions, onEntered: OnOverload = () => undefined) {
    const memory = memoryMarks(options);
    this.#marks = { event_loop: lagMarks(options), heap: memory, memory, buffered: memory };
    this.#onEntered = onEntered;
  }

  /** Takes one resource's reading: milliseconds of lateness, or a part of what there is of memory. */
  read(resource: WatchedResource, reading: number): void {
    const before = this.level;
    this.#levels[resource] = nextLevel(this.#levels[resource], reading, this.#marks[resource]);
    let level: number = overloadLevel.none;
    for (const each of watchedResources) {
      if (this.#levels[each] <= level) continue;
      level = this.#levels[each];
      this.worst = each;
    }
    this.level = level;
    for (let entered = before + 1; entered <= level; entered++) this.#onEntered(entered, this.worst);
  }

  /** What one resource asks for. */
  levelOf(resource: WatchedResource): number {
    return this.#levels[resource];
  }

  /** A reading as a part of the one at which calls are refused: 1 is that mark. */
  pressure(resource: WatchedResource, reading: number): number {
    return reading / this.#marks[resource].shed;
  }
}
