/** Writes a route file for a person, who may have one there already. */
import { stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ContenderError } from "../base/errors.ts";

/**
 * Refuses a place where `writeNewFile` would fail, as far as that can be told before there is anything to write.
 * @throws ContenderError FILE_UNWRITABLE.
 */
export async function refuseTaken(path: string, replace: boolean): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) throw unwritable(path, "is a directory");
  if (there !== undefined && !replace) throw taken(path);
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (!folder?.isDirectory()) throw unwritable(path, `there is no directory ${dirname(path)}`);
}

/**
 * Writes the file; one that is there is kept, unless it is to be replaced.
 * @throws ContenderError FILE_UNWRITABLE.
 */
export async function writeNewFile(path: string, text: string, replace: boolean): Promise<void> {
  try {
    // "x": also a file that somebody put there a moment ago is kept.
    await writeFile(path, text, { flag: replace ? "w" : "wx" });
  } catch (reason) {
    const { code, message } = reason as NodeJS.ErrnoException;
    throw code === "EEXIST" ? taken(path) : unwritable(path, message, reason);
  }
}

const taken = (path: string): ContenderError => {
  return unwritable(path, "is there already; choose another file with --output, or let --force replace it");
};

function unwritable(path: string, why: string, cause?: unknown): ContenderError {
  return new ContenderError("FILE_UNWRITABLE", `${path}: ${why}`, { cause });
}
