/**
 * Takes the readings that an overload is decided by, and tells people of it.
 *
 * The loop is read every 50 ms, which is what its lateness has to be told apart from, and memory every 250 ms, as Envoy's
 * overload manager does: V8 and the kernel need some 0.1 ms to say it.
 */
import type { Clock } from "../base/clock.ts";
import { LoopLag } from "../resilience/loop-lag.ts";
import { type Overload, type OverloadStep, overloadSteps, type WatchedResource } from "../resilience/overload.ts";
import type { Machine } from "./machine.ts";

const loopEveryMs = 50;
const memoryEveryMs = 250;
/** Least time between two log lines: an overload that comes and goes must not fill the log. */
const tellEveryMs = 1_000;

export interface OverloadMonitorPorts {
  readonly clock: Clock;
  readonly machine: Machine;
  readonly overload: Overload;
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
    const { machine, buffered } = this.#ports;
    const heap = machine.heap();
    const memory = machine.memory();
    this.#read("heap", heap.usedBytes / heap.limitBytes);
    this.#read("memory", memory.usedBytes / memory.limitBytes);
    this.#read("buffered", buffered());
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
