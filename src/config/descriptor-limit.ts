/**
 * How many file descriptors the process may have open. Node raises its own limit to the hard one as it starts, and tells nobody
 * how far it got; Linux does.
 */
import { readFileSync } from "node:fs";

/** Undefined where the system doesn't say. @param path for tests */
export function descriptorLimit(path = "/proc/self/limits"): number | undefined {
  try {
    const [, soft] = /^Max open files\s+([0-9]+)\s/m.exec(readFileSync(path, "utf8")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined; // not Linux, or no /proc
  }
}
