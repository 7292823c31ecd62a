/**
 * A store in a directory, for one control: no other process, nothing to install, and what it has acknowledged survives the
 * death of everything.
 *
 * Commits wait while one group is being written, and then go together, with one sync. A group is worked out in a draft
 * (`state.ts`), written and synced (`journal.ts`), shown to have been written by the holder of the lock (`lock.ts`), and only
 * then becomes the state, is acknowledged and told. So memory is never ahead of the disk. After a failure the journal is
 * begun anew from memory before the next group: the store is back by itself once the disk is.
 *
 * Leases end with the process, and their contents are never written. Their changes have revisions like others though, told to
 * watchers and used in conditions, so each goes to the journal as a revision without contents; and each opening uses up one
 * revision for the keys that are gone with the last process. Without that, a revision would come again with other contents.
 */
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import { checkedCommit, lengthOf } from "../request.ts";
import type { Commit, Committed, Entries, Lease, Part, Store, Watcher } from "../store.ts";
import { type Disk, whyFailed } from "./disk.ts";
import type { Journal } from "./journal.ts";
import type { Lock } from "./lock.ts";
import { Draft, type LeaseToken, type State } from "./state.ts";
import { type HistoryOptions, Watches } from "./watches.ts";

export interface EmbeddedOptions {
  /** Bytes of commits after which the journal begins anew. Default 4 194 304: read in a moment, and written in one. */
  readonly journalBytes?: number;
  readonly history?: HistoryOptions;
  /** How soon a lease that ended while the disk failed is tried again. Default 1 000. */
  readonly retryMs?: number;
}

const defaults = { journalBytes: 4_194_304, history: {}, retryMs: 1_000 } satisfies EmbeddedOptions;

export interface EmbeddedPorts {
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Most characters of one group, unless a single commit has more: it is one record, and is in memory as a whole. */
const groupCharacters = 8_388_608;
/** A full disk takes a tenth of the time at most, until it has room. */
const restTimes = 10;

interface Waiting {
  readonly characters: number;
  /** What it does to the draft, and how it turned out. */
  readonly work: (draft: Draft) => Committed;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (reason: ContenderError) => void;
}

interface HeldLease {
  readonly token: LeaseToken;
  readonly lost: (why: string) => void;
}

export class EmbeddedStore implements Store {
  readonly name: string;
  readonly shared = false;
  readonly #options: Required<EmbeddedOptions>;
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #journal: Journal;
  readonly #lock: Lock;
  readonly #state: State;
  readonly #watches: Watches;
  readonly #leases = new Set<HeldLease>();
  /** Over, with keys that are still there. */
  readonly #ending = new Set<LeaseToken>();
  #cancelRetry: (() => void) | undefined;
  readonly #waiting: Waiting[] = [];
  /** The last try to begin a journal, where it came to nothing. */
  #failed: { readonly reason: unknown; readonly restsUntilMs: number } | undefined = undefined;
  #writing: Promise<void> | undefined;
  /** Why nothing is done any more. */
  #ended: ContenderError | undefined;
  #closing: Promise<void> | undefined;

  /** @param journal begun with this state; or not sound: then the first commit begins it, and until then what is there is read. */
  constructor(disk: Disk, lock: Lock, journal: Journal, state: State, clock: Clock, options: EmbeddedOptions) {
    this.name = `dir:${disk.path}`;
    this.#options = { ...defaults, ...options };
    this.#clock = clock;
    this.#disk = disk;
    this.#lock = lock;
    this.#journal = journal;
    this.#state = state;
    this.#watches = new Watches(state.revision, this.#options.history);
    lock.onLost((reason) => this.#end(reason));
  }

  async get(prefix: string, part?: Part): Promise<Entries> {
    this.#refuseEnded();
    try {
      // A holder that was stopped for long and woke up just now must not tell what has meanwhile changed.
      await this.#lock.check();
    } catch (reason) {
      throw this.#unavailable(reason, "read");
    }
    this.#refuseEnded();
    return { revision: this.#state.revision, entries: this.#state.entries(prefix, part) };
  }

  watch(prefix: string, revision: number, watcher: Watcher): { close(): void } {
    this.#refuseEnded();
    return this.#watches.add(prefix, revision, watcher);
  }

  async commit(commit: Commit): Promise<Committed> {
    const checked = checkedCommit(commit);
    return this.#enqueue((draft) => outcome(draft.commit(checked, undefined)), lengthOf(checked));
  }

  /** As long as this process lives, it can't have been without its leases: there is no term to watch. */
  async lease(_ttlMs: number, lost: (why: string) => void): Promise<Lease> {
    this.#refuseEnded();
    const lease: HeldLease = { token: {}, lost };
    this.#leases.add(lease);
    const write = async (commit: Commit) => {
      const checked = checkedCommit(commit);
      const { ok } = await this.#enqueue((draft) => {
        if (!this.#leases.has(lease))
          throw new ContenderError("STORE_UNAVAILABLE", `${this.name}: the lease has ended`);
        return outcome(draft.commit(checked, lease.token));
      }, lengthOf(checked));
      return ok;
    };
    return {
      put: async (key, value) => void (await write({ when: [], changes: [{ key, value }] })),
      claim: (key, value) => write({ when: [{ key, revision: 0 }], changes: [{ key, value }] }),
      close: () => this.#endLease(lease),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#watches.end();
    this.#leases.clear();
    this.#cancelRetry?.();
    this.#ended ??= new ContenderError("STORE_UNAVAILABLE", `${this.name}: closed`);
    // What was asked for before is still done.
    await this.#writing;
    await this.#journal.close();
    await this.#lock.release();
  }

  async #endLease(lease: HeldLease): Promise<void> {
    if (!this.#leases.delete(lease)) return;
    this.#ending.add(lease.token);
    try {
      // Each group begins with the ends of leases: there is nothing else to ask of it.
      await this.#enqueue((draft) => ({ ok: true, revision: draft.revision }));
    } catch {
      // It ends with the store, or once the disk is back.
    }
  }

  #enqueue(work: (draft: Draft) => Committed, characters = 0): Promise<Committed> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#waiting.push({ work, characters, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    // One turn later, so that those asked for together go together from the first on.
    await undefined;
    while (this.#waiting.length > 0) await this.#writeGroup(this.#waiting.splice(0, this.#groupLength()));
    // At once, not when the promise tells: what is asked for in between would wait for ever.
    this.#writing = undefined;
  }

  #groupLength(): number {
    let characters = 0;
    const over = this.#waiting.findIndex((waiting) => {
      characters += waiting.characters;
      return characters > groupCharacters;
    });
    return over < 0 ? this.#waiting.length : Math.max(1, over);
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const draft = new Draft(this.#state);
    const settle: (() => void)[] = [];
    const ending = [...this.#ending];
    try {
      // Here, so that a former holder does not even begin; what makes it safe is the same question after the write.
      await this.#lock.check();
      if (!this.#journal.sound || this.#journal.outgrown(this.#options.journalBytes)) await this.#beginAnew();
      for (const lease of ending) {
        draft.commit({ when: [], changes: draft.keysOf(lease).map((key) => ({ key, value: undefined })) }, undefined);
      }
      for (const waiting of group) settle.push(settled(waiting, draft));
      if (draft.effects.length > 0) {
        await this.#journal.append(draft.effects);
        await this.#afterWrite();
      }
    } catch (reason) {
      const error = await this.#whyNotWritten(reason);
      // All of them, also those that wrote nothing: they were judged by what has come to nothing.
      for (const { reject } of group) reject(error);
      this.#retryEndings();
      return;
    }
    for (const lease of ending) this.#ending.delete(lease);
    this.#state.apply(draft);
    for (const each of settle) each();
    this.#watches.tell(draft.effects);
  }

  /** A successor removes files from under a former holder: that is then the reason, and not what the disk says. */
  async #whyNotWritten(reason: unknown): Promise<ContenderError> {
    try {
      await this.#lock.check();
    } catch (lost) {
      if (lost instanceof ContenderError) return lost;
    }
    return this.#unavailable(reason, "write");
  }

  /** Whether the lock was ours all along. */
  async #afterWrite(): Promise<void> {
    try {
      await this.#lock.check();
    } catch (reason) {
      // The record is in the file all the same, and memory must not go on without it there.
      await this.#journal.close();
      throw reason;
    }
  }

  /** A try that fails writes up to all there is: the next comes when ten times that time is over, however often it is asked for. */
  async #beginAnew(): Promise<void> {
    const beganMs = this.#clock.nowMs();
    if (this.#failed !== undefined && beganMs < this.#failed.restsUntilMs) throw this.#failed.reason;
    try {
      if (await this.#journal.begin(this.#state)) {
        this.#failed = undefined;
        return;
      }
    } catch (reason) {
      const endedMs = this.#clock.nowMs();
      this.#failed = { reason, restsUntilMs: endedMs + (endedMs - beganMs) * restTimes };
      throw reason;
    }
    await this.#lock.check();
    throw new Error("the name of the next journal is taken");
  }

  #retryEndings(): void {
    if (this.#ending.size === 0 || this.#ended !== undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(this.#options.retryMs, () => {
      // A failure sets the next one.
      void this.#enqueue((draft) => ({ ok: true, revision: draft.revision })).catch(() => undefined);
    });
  }

  /** Another has the directory: nothing of ours counts any more. */
  #end(reason: ContenderError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#cancelRetry?.();
    this.#watches.end(reason.message);
    const leases = [...this.#leases];
    this.#leases.clear();
    for (const { lost } of leases) lost(reason.message);
  }

  #refuseEnded(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  #unavailable(reason: unknown, what: string): ContenderError {
    if (reason instanceof ContenderError) return reason;
    const text = `${this.#disk.path}: can't ${what}: ${whyFailed(reason)}`;
    return new ContenderError("STORE_UNAVAILABLE", text, { cause: reason });
  }
}

const outcome = (revision: number | undefined): Committed =>
  revision === undefined ? { ok: false } : { ok: true, revision };

/** How one of a group ends, once the group is written. */
function settled({ work, resolve, reject }: Waiting, draft: Draft): () => void {
  try {
    const committed = work(draft);
    return () => resolve(committed);
  } catch (reason) {
    return () => reject(ContenderError.from(reason));
  }
}
