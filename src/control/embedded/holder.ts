/**
 * Who a process is, so that another can tell whether it still runs.
 *
 * A process id says something only to those that count processes as its holder did: on the same boot of the same host, in
 * the same namespace; two containers of one host are both process 1. And ids are given again, so the time of the start goes
 * with it. Where the system tells none of that, nothing is concluded from an id.
 */
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";

export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Boot and namespace of the ids; undefined where the system does not tell. */
  readonly realm: string | undefined;
  /** In the system's own unit, since boot. */
  readonly started: string | undefined;
}

export interface Processes {
  self(): Promise<Holder>;
  /** When a process of our own realm started; undefined where none of that id runs. */
  startOf(pid: number): Promise<string | undefined>;
}

export const systemProcesses: Processes = {
  async self() {
    const [boot, namespace, started] = await Promise.all([
      unlessUntold(readFile("/proc/sys/kernel/random/boot_id", "utf8")),
      unlessUntold(readlink("/proc/self/ns/pid")),
      startOf(process.pid),
    ]);
    const told = boot !== undefined && namespace !== undefined && started !== undefined;
    return {
      pid: process.pid,
      host: hostname(),
      realm: told ? `${boot.trim()} ${namespace}` : undefined,
      started,
    };
  },
  startOf,
};

async function startOf(pid: number): Promise<string | undefined> {
  const text = await unlessUntold(readFile(`/proc/${pid}/stat`, "utf8"));
  // The name before it, in parentheses, may have spaces and parentheses of its own.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  // One that has ended and that nobody has asked about yet is still listed.
  return fields?.[0] === "Z" || fields?.[0] === "X" ? undefined : fields?.[19];
}

async function unlessUntold(reading: Promise<string>): Promise<string | undefined> {
  try {
    return await reading;
  } catch {
    return undefined;
  }
}
