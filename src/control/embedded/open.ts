/**
 * Opens the embedded store: the lock first, so that what is read is what no one else changes; then what the last process
 * left, and a file of one's own begun with it. Where the disk has no room for that file, what is there is served all the same, since sidecars
 * that start anew have nothing else; each commit tries again to begin one.
 */
import type { Chance } from "../../base/chance.ts";
import { ContenderError } from "../../base/errors.ts";
import { openDirectory } from "./directory.ts";
import { type Disk, whyFailed } from "./disk.ts";
import { type Processes, systemProcesses } from "./holder.ts";
import { isJournalName, Journal, recover } from "./journal.ts";
import { isLockName, Lock, type LockOptions } from "./lock.ts";
import { State } from "./state.ts";
import { type EmbeddedOptions, type EmbeddedPorts, EmbeddedStore } from "./store.ts";

export interface OpenOptions extends EmbeddedOptions {
  readonly lock?: LockOptions;
}

/**
 * The wait for a lock of unknown life takes seconds and hangs on the clock alone, which keeps no process alive: the caller
 * has something open that does.
 * @throws ContenderError STORE_LOCKED, STORE_DAMAGED, STORE_UNAVAILABLE.
 */
export async function openEmbeddedStore(
  path: string,
  ports: EmbeddedPorts,
  options: OpenOptions = {},
): Promise<EmbeddedStore> {
  return openOn(await available(path, openDirectory(path)), systemProcesses, ports, options);
}

/** On any disk, by any processes: for tests. */
export async function openOn(
  disk: Disk,
  processes: Processes,
  { clock, chance }: EmbeddedPorts,
  options: OpenOptions = {},
): Promise<EmbeddedStore> {
  return available(disk.path, open());

  async function open(): Promise<EmbeddedStore> {
    const foreign = (await disk.list()).filter((name) => !isOurs(name)).sort();
    if (foreign.length > 0) {
      const some = foreign.slice(0, 3).join(", ") + (foreign.length > 3 ? ", …" : "");
      throw new ContenderError(
        "STORE_DAMAGED",
        `${disk.path}: has what no store put there (${some}). Choose an empty directory`,
      );
    }
    const token = tokenOf(chance);
    const lock = await Lock.acquire(disk, { clock, processes, token }, options.lock);
    try {
      const [journal, state] = await begin(disk, token, lock);
      return new EmbeddedStore(disk, lock, journal, state, clock, options);
    } catch (reason) {
      await lock.release();
      throw reason;
    }
  }
}

/** Attempts at the next file: a former holder that wakes up amid it takes one number, and then sees that it is none. */
const attempts = 3;

async function begin(disk: Disk, token: string, lock: Lock): Promise<[Journal, State]> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    // A reading that takes long looks whether the directory is still ours; and what waits for the disk lets others have their turn.
    const recovered = await recover(disk, () => lock.check());
    const state = new State(recovered.state.revision + 1, recovered.state.lasting());
    const journal = new Journal(disk, token, recovered);
    try {
      if (await journal.begin(state)) return [journal, state];
    } catch (reason) {
      // Of nothing there is nothing to serve.
      if (recovered.generation === 0) throw reason;
      return [journal, state];
    }
  }
  throw new ContenderError("STORE_LOCKED", `${disk.path}: another process keeps beginning journals in it`);
}

/** A mount's own folder is no one's contents. */
const isOurs = (name: string) => isJournalName(name) || isLockName(name) || name === "lost+found";

const tokenOf = (chance: Chance) =>
  Array.from({ length: 4 }, () =>
    Math.floor(chance.next() * 2 ** 32)
      .toString(16)
      .padStart(8, "0"),
  ).join("");

async function available<T>(path: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (reason) {
    if (reason instanceof ContenderError) throw reason;
    const text = `${path}: can't open the store: ${whyFailed(reason)}`;
    throw new ContenderError("STORE_UNAVAILABLE", text, { cause: reason });
  }
}
