/**
 * Reads the texts behind a path: one route file, or a directory of them.
 *
 * In a directory `*.yaml`, `*.yml` and `*.json` count, in the order of their names; what starts with a dot does not, the
 * `..data` of a ConfigMap among it. A ConfigMap is swapped by renaming that link, so a read during which it moved may
 * have mixed two generations and is done again.
 */
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Parsed } from "../../base/parsed.ts";
import type { RouteText } from "../files.ts";
import { largestTextBytes } from "../yaml.ts";

/** Files of a directory that are read at most: a wrong path should not read a disk. */
const mostFiles = 1_000;

/** A ConfigMap changes once a minute at most; twice within one read is chance, five times is not. */
const attempts = 5;

/** Reads `path`; a file that can't be read is a problem that names it. */
export async function readRouteTexts(path: string): Promise<Parsed<readonly RouteText[]>> {
  for (let attempt = 1; ; attempt++) {
    const before = await generationOf(path);
    const texts = await readOnce(path);
    if (attempt === attempts || (await generationOf(path)) === before) return texts;
  }
}

/** What `..data` beside the file or in the directory points to; undefined where there is none. */
async function generationOf(path: string): Promise<string | undefined> {
  for (const link of [join(path, "..data"), join(path, "..", "..data")]) {
    try {
      return await readlink(link);
    } catch {
      // Not a ConfigMap's volume, or not this one.
    }
  }
  return undefined;
}

async function readOnce(path: string): Promise<Parsed<readonly RouteText[]>> {
  let names: readonly string[];
  try {
    names = await routeFileNames(path);
  } catch (reason) {
    return refused(path, reason);
  }
  if (names.length === 0) return refused(path, "there is no *.yaml, *.yml or *.json in this directory");
  if (names.length > mostFiles) return refused(path, `want at most ${mostFiles} files, got ${names.length}`);
  const results = await Promise.all(names.map(readText));
  const problems = results.flatMap((result) => (result.ok ? [] : result.problems));
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: results.flatMap((result) => (result.ok ? [result.value] : [])) };
}

/** The files behind a path. @throws the system's error where it is not there */
export async function routeFileNames(path: string): Promise<readonly string[]> {
  return (await stat(path)).isDirectory() ? await routeFilesOf(path) : [path];
}

async function routeFilesOf(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  const files = names.filter((name) => !name.startsWith(".") && /\.(ya?ml|json)$/.test(name));
  return files.sort().map((name) => join(directory, name));
}

async function readText(name: string): Promise<Parsed<RouteText>> {
  try {
    const { size } = await stat(name);
    if (size > largestTextBytes) return refused(name, `want at most ${largestTextBytes} bytes, got ${size}`);
    return { ok: true, value: { name, text: await readFile(name, "utf8") } };
  } catch (reason) {
    return refused(name, reason);
  }
}

function refused(
  where: string,
  reason: unknown,
): { ok: false; problems: [{ path: string; message: string; where: string }] } {
  return { ok: false, problems: [{ path: "", message: `can't be read: ${messageOf(reason)}`, where }] };
}

function messageOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  const { code } = reason as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  return code === "EACCES" ? "permission denied" : reason.message;
}
