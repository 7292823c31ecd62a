/** A folder of this run alone, gone with it: two judges at once must not read each other's routes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const folder = mkdtempSync(path.join(os.tmpdir(), "contender-judge-"));

process.on("exit", () => rmSync(folder, { recursive: true }));

/** Where a file of this name would be. */
export function scratchPath(name: string): string {
  return path.join(folder, name);
}

/** Writes a file for a client or a sidecar to read. @returns its path. */
export function scratchFile(name: string, content: string | Uint8Array): string {
  const file = scratchPath(name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}
