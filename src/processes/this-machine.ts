/** What this process may take of the machine, as its flags and settings have it. */
import { youngGenerationBytes } from "../config/young-generation.ts";
import { type Machine, systemMachine } from "../runtime/machine.ts";
import type { ProcessPorts } from "./ports.ts";

/**
 * @param memoryBytes what the process may take; 0 where the container or the machine says it
 * @param processes as many share what those say in equal parts
 */
export function thisMachine(ports: ProcessPorts, memoryBytes: number, processes = 1): Machine {
  const flags = [ports.env.NODE_OPTIONS, ...process.execArgv].join(" ");
  return systemMachine(memoryBytes, youngGenerationBytes(flags, ports.nodeVersion), processes);
}
