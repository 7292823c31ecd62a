/** What this process holds: for tests whose claim is that something is not kept, or not made many times its size. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
let spentMs = 0;

/** Processor time that these collections have taken in all: a test's own, and nobody else's. */
export function collectingMs(): number {
  return spentMs;
}

const collect = runInNewContext("gc") as () => void;

/** Bytes of live objects and of buffers outside the heap, once what is dead was collected. */
export function heldMemory(): number {
  const before = process.cpuUsage();
  collect();
  collect();
  const { user, system } = process.cpuUsage(before);
  spentMs += (user + system) / 1_000;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
