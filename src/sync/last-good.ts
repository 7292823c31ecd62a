/**
 * The last good routes of a source, on disk: a sidecar that starts while its source is away serves what it served.
 *
 * A config service's are kept as JSON and not as the message's bytes: reading those takes a library that takes a tenth of a second to
 * load, in a process that is to serve in less than half of one. A checksum tells a file that was torn, or edited; the temporary file, its
 * fsync, the rename and the directory's fsync keep a crash from leaving one.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, open, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";

/** Whose routes: a file of another's is of no use. */
export interface LastGoodOwner {
  /** The source: a config service by its address, anything else by where it is. */
  readonly service: string;
  readonly namespace: string;
  readonly workload: string;
}

/** What a source gave; JSON can hold it. */
export interface LastGood<T> {
  readonly version: string;
  readonly snapshot: T;
}

export interface FoundGood<T> {
  readonly kind: "good";
  readonly lastGood: LastGood<T>;
  /** When the source was heard last, as exactly as `touch` was told. */
  readonly contactWallMs: number;
}

export type Found<T> = { readonly kind: "none" } | { readonly kind: "ignored"; readonly detail: string } | FoundGood<T>;

/** Of a config service, and of what `CONTENDER_CONFIG` names: one may stand in for the other, so a start may need both. */
export const lastGoodNames = { control: "last-good.json", config: "last-good-config.json" } as const;

const format = "contender-last-good/1";

/** Ten thousand routes; beyond it is no file of ours. */
const largestBytes = 268_435_456;

export class LastGoodFile<T> {
  readonly path: string;
  readonly #directory: string;
  readonly #aside: string;
  readonly #owner: LastGoodOwner;
  readonly #done: (version: string, failed: string | undefined) => void;
  #wanted: LastGood<T> | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;
  #touchedWallMs = Number.NEGATIVE_INFINITY;
  #touching: Promise<void> = Promise.resolve();

  /** @param done is told of each write, with why it failed where it did */
  constructor(
    directory: string,
    owner: LastGoodOwner,
    done: (version: string, failed: string | undefined) => void,
    name: string = lastGoodNames.control,
  ) {
    this.#directory = directory;
    this.path = join(directory, name);
    this.#aside = join(directory, `.${name}.${process.pid}`);
    this.#owner = owner;
    this.#done = done;
  }

  /** Read at once: nothing is served before it is known. */
  read(): Found<T> {
    let text: string;
    let contactWallMs: number;
    try {
      mkdirSync(this.#directory, { recursive: true });
      const { size, mtimeMs } = statSync(this.path);
      if (size > largestBytes) return { kind: "ignored", detail: `it has ${size} bytes` };
      contactWallMs = mtimeMs;
      text = readFileSync(this.path, "utf8");
    } catch (reason) {
      const { code, message } = reason as NodeJS.ErrnoException;
      return code === "ENOENT" ? { kind: "none" } : { kind: "ignored", detail: message };
    }
    const end = text.indexOf("\n");
    if (text.slice(0, end) !== checksum(text.slice(end + 1))) {
      return { kind: "ignored", detail: "it was not written whole, or changed since" };
    }
    // What passed the checksum was written by us.
    const { owner, version, snapshot, ...rest } = JSON.parse(text.slice(end + 1)) as Written<T>;
    if (rest.format !== format) return { kind: "ignored", detail: `another release wrote it: ${rest.format}` };
    const { service, namespace, workload } = this.#owner;
    if (owner.service !== service || owner.namespace !== namespace || owner.workload !== workload) {
      return { kind: "ignored", detail: `it is of ${ownerText(owner)}, and this is ${ownerText(this.#owner)}` };
    }
    return { kind: "good", lastGood: { version, snapshot }, contactWallMs };
  }

  /** Writes this, or what is wanted when the write before it is done. */
  write(lastGood: LastGood<T>): void {
    this.#wanted = lastGood;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** The service was heard: the file's time says so, so often at most. A clock that was put back says so too. */
  touch(wallMs: number, everyMs: number): void {
    if (Math.abs(wallMs - this.#touchedWallMs) < everyMs) return;
    this.#touchedWallMs = wallMs;
    const time = new Date(wallMs);
    // A file that is not there has no time.
    this.#touching = utimes(this.path, time, time).catch(() => undefined);
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
    await this.#touching;
  }

  async #writeAll(): Promise<void> {
    while (this.#wanted !== undefined) {
      const { version, snapshot } = this.#wanted;
      this.#wanted = undefined;
      const body = JSON.stringify({ format, owner: this.#owner, version, snapshot } satisfies Written<T>);
      try {
        await this.#replace(`${checksum(body)}\n${body}`);
        this.#done(version, undefined);
      } catch (reason) {
        await rm(this.#aside, { force: true }).catch(() => undefined);
        this.#done(version, reason instanceof Error ? reason.message : String(reason));
      }
    }
  }

  async #replace(text: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    // Routes may hold tokens in their metadata.
    const file = await open(this.#aside, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(this.#aside, this.path);
    const directory = await open(this.#directory, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

interface Written<T> extends LastGood<T> {
  readonly format: string;
  readonly owner: LastGoodOwner;
}

const ownerText = ({ service, namespace, workload }: LastGoodOwner): string =>
  `${workload === "" ? "no workload" : workload} in ${namespace === "" ? "no namespace" : namespace} at ${service}`;

const checksum = (text: string): string => createHash("sha256").update(text).digest("hex");
