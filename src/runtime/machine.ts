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

/** Of a heap whose limit is so small that the young generation's default is no part of it. */
const leastOldShare = 0.125;

export interface MemoryReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface Machine {
  heap(): MemoryReading;
  /** All of the process's memory. */
  memory(): MemoryReading;
  /** Asks for a collection, soon. */
  collect(): void;
}

/**
 * @param memoryBytes what the process may take; 0 where the container or the machine says it
 * @param youngBytes the part of V8's limit that is its young generation's: the old one is what a process dies of
 * @param processes as many share what container and machine say in equal parts
 */
export function systemMachine(memoryBytes: number, youngBytes = 0, processes = 1): Machine {
  const limitBytes = memoryBytes > 0 ? memoryBytes : containerBytes() / processes;
  // Code, stacks, what libraries hold: resident, and neither V8's nor a buffer.
  const { rss, heapTotal, external } = process.memoryUsage();
  const ownBytes = Math.max(0, rss - heapTotal - external);
  let usedBytes = Math.min(rss, ownBytes + heapTotal + external);
  return {
    heap: () => {
      const { used_heap_size: usedBytes, heap_size_limit: heapLimit } = getHeapStatistics();
      return { usedBytes, limitBytes: Math.max(heapLimit - youngBytes, heapLimit * leastOldShare) };
    },
    memory: () => {
      try {
        const now = process.memoryUsage();
        usedBytes = Math.min(now.rss, ownBytes + now.heapTotal + now.external);
      } catch {
        // It opens a file, for which there may be no descriptor: what was read last is as good as it gets.
      }
      return { usedBytes, limitBytes };
    },
    collect,
  };
}

/** As much outside of the heap makes V8 look for what it may free there (kExternalAllocationSoftLimit). */
const noticedBytes = 67_108_864;

/**
 * Buffers that nobody refers to any more are freed by a collection, and V8 begins one when more are made: while new calls are
 * refused, none are, and memory would stay full of what has ended long ago. Memory that is never touched costs the
 * machine nothing, and V8 counts it all the same. It collects in steps then, where `gc()` would stand still for all of it.
 */
function collect(): void {
  try {
    Buffer.allocUnsafeSlow(noticedBytes);
  } catch {
    // Not even addresses are left, which V8 has noticed by itself.
  }
}

/** The container's limit, of cgroup v2 or v1; both give a number beyond all memory where there is none. */
function containerBytes(): number {
  const constrained = process.constrainedMemory();
  const machine = totalmem();
  return constrained > 0 && constrained < machine ? constrained : machine;
}
