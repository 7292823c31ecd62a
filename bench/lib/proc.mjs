/**
 * What the kernel knows of a process: processor time and memory, summed over the process and its descendants.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Length of a clock tick in /proc, in seconds. */
const tick = 1 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Fields 3 and up of /proc/PID/stat; the name before them may hold blanks and brackets. */
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** A process and all its descendants. */
export function tree(root) {
  const children = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = stat(name);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [];
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    found.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}

/**
 * Processor time used so far, in seconds: user and system, all threads (fields 14 and 15 of proc_pid_stat(5)). The kernel
 * scales both to the exact run time, so ten-millisecond ticks are the only rounding.
 */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const fields = stat(pid);
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * tick;
}

/** Resident memory in bytes (VmRSS). */
export function rssBytes(pids) {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // ended meanwhile
    }
  }
  return kib * 1024;
}
