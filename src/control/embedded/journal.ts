/**
 * The files of the store: one at a time is in use, and begins with everything that was there when it was begun; commits
 * follow. So a snapshot and its journal can't come apart, and there is one way to switch: the next file is written under
 * another name, synced, given its name, and the directory synced. Until then the old file has everything, afterwards the new
 * one; the highest number counts.
 *
 * That switch is also the answer to everything else. A torn end is not cut off, the file is left behind. After a failed write
 * or sync nothing is known of the file, not even by reading it: the system may hand out from memory what the disk has lost.
 * So its contents are never asked again, and memory, which has only what was acknowledged, is written anew.
 *
 * What a file begins with is many records, each of a bounded length: all of it as one text would meet the longest that V8 can make, 512 MiB,
 * and be in memory twice. The first one says how many entries follow, so a beginning that is not whole is seen to be none.
 *
 * A name is only ever given where it is free. A process that was taken for dead, and wakes up amid a switch, can so neither
 * replace the file of its successor nor be counted above it: the successor's number is higher or its own attempt fails.
 */
import { ContenderError } from "../../base/errors.ts";
import type { Entry } from "../store.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { decodeFrames, encodeFrame, type Frame } from "./frame.ts";
import { type Effect, State } from "./state.ts";

/** Until 0.1.0 it was 1: the whole state in the first record. That is read still. */
const format = 2;
/** Characters of entries in one record, a little more where the last is long: many enough that a record's head costs nothing. */
const recordCharacters = 1_048_576;
const pattern = /^journal-(\d{10})$/;
const draftPattern = /^journal-\d{10}\.\w+$/;
const nameOf = (generation: number) => `journal-${String(generation).padStart(10, "0")}`;

export const isJournalName = (name: string) => pattern.test(name) || draftPattern.test(name);

export interface Recovered {
  readonly generation: number;
  readonly state: State;
}

/**
 * @param between is waited for after each of the records that a file begins with: others have their turn, the lock's count among them
 * @throws ContenderError STORE_DAMAGED; whatever the disk or `between` throws.
 */
export async function recover(disk: Disk, between = async (): Promise<void> => undefined): Promise<Recovered> {
  const generation = Math.max(0, ...(await disk.list()).map((name) => Number(pattern.exec(name)?.[1] ?? 0)));
  if (generation === 0) return { generation, state: new State(0, []) };
  const name = nameOf(generation);
  const bytes = await disk.read(name);
  // A former holder that was stopped amid a switch has finished it only now: there is a later one.
  if (bytes === undefined) return recover(disk, between);
  const damaged = (offset: number, why: string) =>
    new ContenderError(
      "STORE_DAMAGED",
      `${disk.path}/${name}: ${why} at byte ${offset}. Restore the directory from a backup`,
    );
  const frames = decodeFrames(bytes);
  const { expected, ...begun } = beginningOf(frames.next(), damaged);
  let { revision } = begun;
  const held = new Map<string, Entry>();
  const add = (entry: Entry): void => void held.set(entry.key, entry);
  begun.entries.forEach(add);
  let read = begun.entries.length;
  for (;;) {
    const next = frames.next();
    if (next.done === true) {
      const bad = next.value;
      if (read < expected) throw damaged(bad?.offset ?? bytes.length, "no whole snapshot");
      // The end may be torn: that commit was never acknowledged. Nothing is written after an end that was not known to be whole.
      if (bad?.goodAgainAt === undefined) return { generation, state: new State(revision, held.values()) };
      throw damaged(bad.offset, `a bad record, with a good one after it at byte ${bad.goodAgainAt},`);
    }
    const frame = next.value;
    if (read < expected) {
      if (read > 0) await between();
      const entries = entriesOf(frame, damaged);
      read += entries.length;
      if (read > expected) throw damaged(frame.offset, `${read} entries of a snapshot of ${expected}`);
      entries.forEach(add);
      continue;
    }
    for (const commit of commitsOf(frame, damaged)) {
      if (commit.revision !== revision + 1) {
        throw damaged(frame.offset, `revision ${commit.revision} follows revision ${revision}`);
      }
      revision = commit.revision;
      for (const [key, value] of commit.changes) {
        if (value === undefined) held.delete(key);
        else held.set(key, { key, value, revision });
      }
    }
  }
}

type Damaged = (offset: number, why: string) => ContenderError;

interface Beginning {
  readonly revision: number;
  readonly entries: readonly Entry[];
  /** So many are in it, with those of the records that follow. */
  readonly expected: number;
}

function beginningOf(first: IteratorResult<Frame, unknown>, damaged: Damaged): Beginning {
  if (first.done === true) throw damaged(0, "no whole snapshot");
  const { offset, content } = first.value;
  const { format: found, revision, entries } = content;
  if (found !== 1 && found !== format) {
    throw damaged(offset, `no snapshot in a format that this version reads (${found})`);
  }
  if (!isRevision(revision)) throw damaged(offset, "no snapshot");
  if (found === format && isRevision(entries)) return { revision, entries: [], expected: entries };
  const whole = entriesOf(first.value, damaged);
  return { revision, entries: whole, expected: whole.length };
}

function entriesOf({ offset, content: { entries } }: Frame, damaged: Damaged): Entry[] {
  if (!Array.isArray(entries)) throw damaged(offset, "no snapshot");
  return entries.map((entry: unknown) => {
    const [key, value, revision] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof key !== "string" || typeof value !== "string" || !isRevision(revision)) {
      throw damaged(offset, "no snapshot");
    }
    return { key, value, revision };
  });
}

/** The records that a file begins with. */
function* snapshotOf(state: State): Iterable<Buffer> {
  yield encodeFrame({ format, revision: state.revision, entries: state.lastingCount });
  let entries: unknown[] = [];
  let characters = 0;
  for (const { key, value, revision } of state.lasting()) {
    entries.push([key, value, revision]);
    characters += key.length + value.length;
    if (characters < recordCharacters) continue;
    yield encodeFrame({ entries });
    entries = [];
    characters = 0;
  }
  if (entries.length > 0) yield encodeFrame({ entries });
}

interface Replayed {
  readonly revision: number;
  readonly changes: readonly (readonly [key: string, value?: string])[];
}

function commitsOf({ offset, content }: Frame, damaged: Damaged): Replayed[] {
  const { commits } = content;
  if (!Array.isArray(commits)) throw damaged(offset, "no record of commits");
  return commits.map((commit: unknown) => {
    const [revision, changes] = Array.isArray(commit) ? (commit as unknown[]) : [];
    if (!isRevision(revision) || !Array.isArray(changes) || !changes.every(isChange)) {
      throw damaged(offset, "no record of commits");
    }
    return { revision, changes };
  });
}

const isRevision = (value: unknown): value is number => Number.isSafeInteger(value);
const isChange = (change: unknown): change is [string, string?] =>
  Array.isArray(change) && typeof change[0] === "string" && ["string", "undefined"].includes(typeof change[1]);

export class Journal {
  readonly #disk: Disk;
  /** Sets the drafts of several processes apart. */
  readonly #token: string;
  #generation: number;
  #file: DiskFile | undefined;
  #snapshotBytes = 0;
  #commitBytes = 0;

  /** Nothing can be appended before `begin`. */
  constructor(disk: Disk, token: string, { generation }: Recovered) {
    this.#disk = disk;
    this.#token = token;
    this.#generation = generation;
  }

  /** Whether commits may be appended: a file was begun, and nothing has failed since. */
  get sound(): boolean {
    return this.#file !== undefined;
  }

  /** Whether the next file is due: longer than the bound, and long enough that writing the state again is in proportion. */
  outgrown(boundBytes: number): boolean {
    return this.#commitBytes > Math.max(boundBytes, this.#snapshotBytes);
  }

  /**
   * Begins the next file with a state. @returns false where another process has begun one of that number.
   * @throws whatever the disk throws; then the journal is not sound, and another `begin` may be tried.
   */
  async begin(state: State): Promise<boolean> {
    // Each attempt has a number of its own: the name of a failed one may be on disk or not, and must lose either way.
    const name = nameOf(++this.#generation);
    const draft = `${name}.${this.#token}`;
    await this.close();
    const file = await this.#disk.create(draft);
    let bytes = 0;
    try {
      // Others are served between two of them; the state stays as it is meanwhile, since it changes by what is written after this.
      for (const record of snapshotOf(state)) {
        await file.append(record);
        bytes += record.length;
      }
      await file.sync();
      if (!(await this.#disk.publish(draft, name))) {
        await file.close();
        await this.#disk.remove(draft);
        return false;
      }
      await this.#disk.syncDirectory();
    } catch (reason) {
      await quietly(file.close());
      await quietly(this.#disk.remove(draft));
      throw reason;
    }
    this.#file = file;
    this.#snapshotBytes = bytes;
    this.#commitBytes = 0;
    await quietly(this.#clear(name));
    return true;
  }

  /** One record for the whole group, so that it is torn as a whole. @throws what the disk throws; nothing is sound then. */
  async append(effects: readonly Effect[]): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new ContenderError("INTERNAL", "a journal that is not sound was written to");
    this.#file = undefined;
    const commits = effects.map(({ revision, lasting }) => [revision, lasting.map(pairOf)]);
    const frame = encodeFrame({ commits });
    try {
      await file.append(frame);
      await file.sync();
    } catch (reason) {
      await quietly(file.close());
      throw reason;
    }
    this.#file = file;
    this.#commitBytes += frame.length;
  }

  /** What was appended can no longer be relied on, whatever the disk said of it. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await quietly(file.close());
  }

  /** What is left over takes room and does no harm: lower numbers don't count, so this may fail. */
  async #clear(current: string): Promise<void> {
    const own = `${current}.${this.#token}`;
    // Never a higher number, nor another's draft of this one: they would be a successor's.
    const stale = (name: string) => name === own || (isJournalName(name) && name.slice(0, current.length) < current);
    for (const name of (await this.#disk.list()).filter(stale)) await this.#disk.remove(name);
  }
}

const pairOf = ({ key, value }: { key: string; value: string | undefined }) =>
  value === undefined ? [key] : [key, value];

async function quietly(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt;
  } catch {
    // Only tidying: what matters has succeeded or failed already.
  }
}
