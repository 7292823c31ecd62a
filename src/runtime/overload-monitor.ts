/**
 * Takes the readings that an overload is decided by, and tells people of it.
 *
 * The loop is read every 50 ms, and memory every 250 ms, as Envoy's overload manager does. That alone would be too late:
 * a small heap is filled within a tenth of a second. What fills it has to be read from a socket first, so memory is read after
 * every so many bytes as well, which costs 0.02 ms.
 */
import type { Clock } from "../base/clock.ts";
import { LoopLag } from "../resilience/loop-lag.ts";
import {
  type Overload,
  type OverloadStep,
  overloadLevel,
  overloadSteps,
  type WatchedResource,
} from "../resilience/overload.ts";
import type { Machine } from "./machine.ts";

const loopEveryMs = 50;
const memoryEveryMs = 250;
/** Memory is read again when this part of what there is of it has come in. */
const memoryShare = 1 / 64;
/** Least time between two log lines: an overload that comes and goes must not fill the log. */
const tellEveryMs = 1_000;

export interface OverloadMonitorPorts {
  readonly clock: Clock;
  readonly machine: Machine;
  readonly overload: Overload;
  /** Calls `fn` whenever so many bytes have been read from sockets. */
  everyBytes(bytes: number, fn: () => void): void;
  /** Bytes that calls and connections pin, as a part of what they may. */
  buffered(): number;
  onChange(step: OverloadStep, resource: WatchedResource): void;
}

export class OverloadMonitor {
  readonly #ports: OverloadMonitorPorts;
  readonly #lag: LoopLag;
  readonly #readings: Record<WatchedResource, number> = { event_loop: 0, heap: 0, memory: 0, buffered: 0 };
  #cancel: () => void = () => undefined;
  #dueMs = 0;
  #memoryDueMs: number;
  #told = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** Begins to watch. */
  constructor(ports: OverloadMonitorPorts) {
    this.#ports = ports;
    const nowMs = ports.clock.nowMs();
    this.#lag = new LoopLag(nowMs);
    this.#memoryDueMs = nowMs;
    const leastBytes = Math.min(ports.machine.heap().limitBytes, ports.machine.memory().limitBytes);
    ports.everyBytes(leastBytes * memoryShare, () => this.#readMemory());
    this.#arm(nowMs);
  }

  /** The latest reading of each resource, as a part of the mark at which calls are refused. */
  pressures(): (readonly [WatchedResource, number])[] {
    const entries = Object.entries(this.#readings) as [WatchedResource, number][];
    return entries.map(([resource, reading]) => [resource, this.#ports.overload.pressure(resource, reading)]);
  }

  close(): void {
    this.#cancel();
  }

  #arm(nowMs: number): void {
    this.#dueMs = nowMs + loopEveryMs;
    this.#cancel = this.#ports.clock.after(loopEveryMs, () => this.#tick());
  }

  #tick(): void {
    const { clock, overload } = this.#ports;
    const nowMs = clock.nowMs();
    overload.stalledMs += this.#lag.sample(nowMs, nowMs - this.#dueMs);
    this.#read("event_loop", this.#lag.lagMs);
    if (nowMs >= this.#memoryDueMs) {
      this.#memoryDueMs = nowMs + memoryEveryMs;
      this.#readMemory();
    }
    this.#tell(nowMs);
    this.#arm(nowMs);
  }

  #readMemory(): void {
    const { machine, buffered, overload } = this.#ports;
    const heap = machine.heap();
    const memory = machine.memory();
    this.#read("heap", heap.usedBytes / heap.limitBytes);
    this.#read("memory", memory.usedBytes / memory.limitBytes);
    this.#read("buffered", buffered());
    if (overload.levelOf("memory") > overloadLevel.none) machine.collect();
  }

  #read(resource: WatchedResource, reading: number): void {
    this.#readings[resource] = reading;
    this.#ports.overload.read(resource, reading);
  }

  #tell(nowMs: number): void {
    const { overload, onChange } = this.#ports;
    if (overload.level === this.#told || nowMs - this.#toldMs < tellEveryMs) return;
    this.#told = overload.level;
    this.#toldMs = nowMs;
    onChange(overloadSteps[overload.level] ?? "none", overload.worst);
  }
}
