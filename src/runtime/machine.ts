/**
 * What the process takes of the machine, and what it may take: the readings behind an overload, from V8 and the kernel.
 *
 * Two memories run out by themselves. V8's heap has a limit of its own, at which the process aborts; buffers lie outside of it,
 * and what they end at is the container's memory. There the kernel kills by what is resident, and counting that alone has a
 * trap: memory that was freed stays with the allocator, resident and free, and an overload would last for ever on
 * the strength of it (envoyproxy/envoy#21923). Counting what is in use alone is as wrong, since it says nothing of pages that
 * nobody gives back (envoyproxy/envoy#38718). So the lesser of both counts: there is danger where much is resident and
 * none of it can be used again.
 */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

export interface MemoryReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface Machine {
  heap(): MemoryReading;
  /** All of the process's memory. */
  memory(): MemoryReading;
}

/**
 * @param memoryBytes what the process may take; 0 where the container or the machine says it
 * @param processes as many share what those say in equal parts
 */
export function systemMachine(memoryBytes: number, processes = 1): Machine {
  const limitBytes = memoryBytes > 0 ? memoryBytes : containerBytes() / processes;
  // Code, stacks, what libraries hold: resident, and neither V8's nor a buffer.
  const { rss, heapTotal, external } = process.memoryUsage();
  const ownBytes = Math.max(0, rss - heapTotal - external);
  return {
    heap: () => {
      const { used_heap_size: usedBytes, heap_size_limit: heapLimit } = getHeapStatistics();
      return { usedBytes, limitBytes: heapLimit };
    },
    memory: () => {
      const now = process.memoryUsage();
      return { usedBytes: Math.min(now.rss, ownBytes + now.heapTotal + now.external), limitBytes };
    },
  };
}

/** The container's limit, of cgroup v2 or v1; both give a number beyond all memory where there is none. */
function containerBytes(): number {
  const constrained = process.constrainedMemory();
  const machine = totalmem();
  return constrained > 0 && constrained < machine ? constrained : machine;
}
