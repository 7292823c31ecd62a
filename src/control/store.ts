/**
 * Where a control keeps what must outlive it: texts under keys, behind an interface small enough that a directory, etcd and
 * Kubernetes objects can all be behind it.
 *
 * Keys are not empty, and in the order of their code points; keys and values are texts without half surrogate pairs. Whoever breaks
 * that, or a bound, is told INTERNAL: it is a bug. A store that another process has taken over, or that was closed, refuses everything
 * with STORE_LOCKED or STORE_UNAVAILABLE.
 *
 * A revision is a whole number that grows with every commit of the store, whatever the key. All changes of one commit have
 * one revision, and whoever watches gets them together: half a commit is never seen. Watches owe each other no order. Which contents a revision belongs to
 * (a store that was restored counts on from an older one) is not this interface's business: the registry keeps an id for that,
 * under a key like any other.
 */
import type { ContenderError } from "../base/errors.ts";

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the commit that wrote it last. */
  readonly revision: number;
}

/** What was there at one moment: every entry is as of `revision`. */
export interface Entries {
  readonly revision: number;
  /** By key, in ascending order. */
  readonly entries: readonly Entry[];
}

/** Of what is under a prefix, what is wanted. */
export interface Part {
  /** The first key, where it is there. */
  readonly from?: string | undefined;
  /** The first key that is not wanted any more. */
  readonly below?: string | undefined;
  /** At most so many, the first ones. */
  readonly limit?: number | undefined;
}

/** What one commit did to one key; without a value it was deleted. */
export interface Change {
  readonly key: string;
  readonly value: string | undefined;
}

export interface Commit {
  /** What must hold, or nothing is written: the revision of a key's last change, 0 for a key that must not be there. */
  readonly when: readonly { readonly key: string; readonly revision: number }[];
  /** Each key once; a change without a value deletes, and one of a key that is not there changes nothing. */
  readonly changes: readonly Change[];
}

/** The new revision; or, with `ok: false`, nothing was written because something in `when` did not hold. */
export type Committed = { readonly ok: true; readonly revision: number } | { readonly ok: false };

export interface Watcher {
  /** One commit's changes under the prefix, in the order of commits, each exactly once. */
  changed(revision: number, changes: readonly Change[]): void;
  /**
   * The watch has ended and nothing else will come: what happened since is no longer told (compacted), the store has never come so far
   * (it was put back), or it has ended. Read everything anew and watch from there.
   */
  lost(why: string): void;
  /**
   * The store was away and is back. Where it was put back meanwhile, and written to since, the watch does not tell what is no longer so:
   * read anew what must be right.
   */
  resumed?(): void;
}

/**
 * A claim on keys that ends with its holder: some time after the holder was last heard of, at least `ttlMs`, they are gone. A commit over
 * such a key keeps it beyond the lease.
 */
export interface Lease {
  /** Writes a key that is gone when the lease is. @throws ContenderError STORE_UNAVAILABLE. */
  put(key: string, value: string): Promise<void>;
  /** As `put`, where the key is not there. @returns whether it is ours now. @throws ContenderError STORE_UNAVAILABLE. */
  claim(key: string, value: string): Promise<boolean>;
  /** Ends it at once, its keys with it; never fails, since it ends by itself too. */
  close(): Promise<void>;
}

export interface Store {
  /** For people and logs: `dir:PATH`, `etcd:http://HOST:PORT,…`, without secrets. */
  readonly name: string;
  /** Whether several controls may use it at once. */
  readonly shared: boolean;
  /**
   * Everything under a prefix, or a part of it, as of a moment after the call: whatever was committed anywhere before it is in it.
   * @throws ContenderError STORE_UNAVAILABLE.
   */
  get(prefix: string, part?: Part): Promise<Entries>;
  /** Tells of every commit after `revision`, until `close`. A store that can't be reached for a while catches up by itself. */
  watch(prefix: string, revision: number, watcher: Watcher): { close(): void };
  /**
   * Writes all changes or none. Once it resolves, they survive the death of everything.
   * @throws ContenderError STORE_UNAVAILABLE; then they may have been written all the same.
   */
  commit(commit: Commit): Promise<Committed>;
  /**
   * @param lost is called once if the lease ended otherwise than by `close`: no later than others may take its keys.
   * @throws ContenderError STORE_UNAVAILABLE.
   */
  lease(ttlMs: number, lost: (why: string) => void): Promise<Lease>;
  /** Ends watches (without telling them) and leases. */
  close(): Promise<void>;
}

/** Largest value that a store must take, and the largest commit: etcd's defaults are 1.5 MiB a request and 128 changes. */
export const storeBounds = { valueBytes: 524_288, changes: 120, commitBytes: 1_048_576 } as const;

/** Whether an operation may be tried again later: the store is away, and nothing is known to be wrong with the request. */
export const isUnavailable = (reason: unknown): boolean =>
  reason instanceof Error && (reason as Partial<ContenderError>).code === "STORE_UNAVAILABLE";
