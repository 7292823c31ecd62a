/**
 * The inputs that are kept: `corpus/<target>/<name>`, one file each. `npm test` replays them all, so a file of a finding is a
 * test that fails until the finding is mended, and stays as its test.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface CorpusFile {
  readonly name: string;
  readonly input: Buffer;
}

export const defaultCorpus = fileURLToPath(new URL("corpus", import.meta.url));

/** Files of a target, by name. */
export function readCorpus(target: string, corpus = defaultCorpus): CorpusFile[] {
  const folder = path.join(corpus, target);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  return names.map((name) => ({ name, input: readFileSync(path.join(folder, name)) }));
}

/** Folders that there are, by name. */
export function corpusTargets(): string[] {
  return existsSync(defaultCorpus) ? readdirSync(defaultCorpus).sort() : [];
}

/** Writes an input under `name`, to which a few digits of its hash are added. @returns the path, from the working folder. */
export function writeCorpus(target: string, name: string, input: Uint8Array, corpus = defaultCorpus): string {
  const folder = path.join(corpus, target);
  mkdirSync(folder, { recursive: true });
  const hash = createHash("sha256").update(input).digest("hex").slice(0, 8);
  const file = path.join(folder, `${slug(name)}-${hash}`);
  writeFileSync(file, input);
  return path.relative(process.cwd(), file);
}

/** Words of a message as a file's name. */
export function slug(text: string): string {
  const words = text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return words.slice(0, 60).replace(/^-+|-+$/g, "") || "finding";
}
