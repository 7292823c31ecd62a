/**
 * Certificates and keys from files, watched: `OpenPem` for the rest of the program.
 *
 * A Secret's files change together, by one rename of `..data`; a read during which that moved may have mixed two
 * generations and is done again. Files that are replaced one after the other can be read in between: what they hold is
 * told as it is, and whoever makes something of it finds that key and certificate are not a pair, and keeps what it has.
 *
 * Read at once and not in turns: these are a few KiB, mostly in memory (Secrets are), and a route that names them is
 * judged with them.
 */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Parsed, Problem } from "../../base/parsed.ts";
import type { OpenPem, PemPaths, PemTexts } from "../../base/pem.ts";
import { readPemTexts } from "../../base/pem-texts.ts";
import { PathWatch, type PathWatchOptions } from "./path-watch.ts";

/** A bundle of every public authority has some 220 KiB. */
const largestBytes = 1_048_576;

/** A Secret changes once a minute at most; twice within one read is chance, five times is not. */
const attempts = 5;

const kinds = ["ca", "cert", "key"] as const satisfies readonly (keyof PemPaths)[];

export function pemFiles(clock: Clock, options: PathWatchOptions = {}): OpenPem {
  return (paths, changed) => {
    let last = "";
    const next = (): Parsed<PemTexts> | undefined => {
      const texts = readPem(paths);
      const now = JSON.stringify(texts);
      if (now === last) return undefined;
      last = now;
      return texts;
    };
    const watched = kinds.flatMap((kind) => paths[kind] ?? []);
    const watch = new PathWatch(
      watched,
      clock,
      () => {
        const texts = next();
        if (texts !== undefined) changed(texts);
      },
      options,
    );
    return { first: next() ?? { ok: true, value: {} }, close: () => watch.close() };
  };
}

/** Reads the files as they are now; each that can't be read is a problem under the name of its kind. */
export function readPem(paths: PemPaths): Parsed<PemTexts> {
  for (let attempt = 1; ; attempt++) {
    const before = generationOf(paths);
    const texts = readOnce(paths);
    if (attempt === attempts || generationOf(paths) === before) return texts;
  }
}

/**
 * The same, of files that are to be used at once: what holds no certificate or key is a problem too. To OpenSSL a file of authorities
 * without one is a good file, with which nobody is trusted.
 */
export function readUsablePem(paths: PemPaths): Parsed<PemTexts> {
  const texts = readPem(paths);
  if (!texts.ok) return texts;
  const read = readPemTexts(texts.value, paths);
  return read.ok ? texts : read;
}

/** What the `..data` links beside the files point to. */
function generationOf(paths: PemPaths): string {
  return kinds
    .map((kind) => {
      const path = paths[kind];
      if (path === undefined) return "";
      try {
        return readlinkSync(join(dirname(path), "..data"));
      } catch {
        return ""; // not the volume of a Secret
      }
    })
    .join(" ");
}

function readOnce(paths: PemPaths): Parsed<PemTexts> {
  const problems: Problem[] = [];
  const texts: Partial<Record<keyof PemTexts, string>> = {};
  for (const kind of kinds) {
    const path = paths[kind];
    if (path === undefined) continue;
    try {
      const { size } = statSync(path);
      if (size > largestBytes) throw new Error(`want at most ${largestBytes} bytes, got ${size}`);
      texts[kind] = readFileSync(path, "utf8");
    } catch (reason) {
      problems.push({ path: kind, message: `${path} can't be read: ${messageOf(reason)}` });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: texts };
}

function messageOf(reason: unknown): string {
  const { code, message } = reason as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "permission denied";
    case "EISDIR":
      return "it is a directory";
    default:
      return message;
  }
}
