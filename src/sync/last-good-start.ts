/** A start from what is on disk: told when it serves, and told why where it does not. */
import type { Problem } from "../base/parsed.ts";
import type { SourceStatus } from "../config/source-status.ts";
import type { FoundGood, LastGoodFile } from "./last-good.ts";

/**
 * From the moment that calls are served to the first question to the source. What that takes is loaded in a tenth of a second, during
 * which nothing else happens: log lines about our ports are written first.
 */
export const startDelayMs = 20;

/**
 * @param use puts in force what was found. @returns why it is not; empty where it is
 * @returns what is in force now, if anything is
 */
export async function usedLastGood<T>(
  file: LastGoodFile<T>,
  status: SourceStatus,
  use: (found: FoundGood<T>) => Promise<readonly Problem[]>,
): Promise<FoundGood<T> | undefined> {
  const { path } = file;
  status.lastGood = { path, version: undefined, failed: undefined };
  const found = file.read();
  if (found.kind === "none") return undefined;
  const why = found.kind === "good" ? problemText(await use(found)) : found.detail;
  if (found.kind === "ignored" || why !== "") {
    status.tell({ kind: "last_good_ignored", path, detail: why });
    return undefined;
  }
  const { version } = found.lastGood;
  status.lastGood = { path, version, failed: undefined };
  status.tell({ kind: "last_good_used", path, config: version });
  return found;
}

const problemText = (problems: readonly Problem[]): string =>
  problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
