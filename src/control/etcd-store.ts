/**
 * A store in etcd, under a prefix of its own: its revisions are etcd's, so whoever else writes to that etcd makes them skip
 * numbers, and nothing more.
 */
import { ContenderError } from "../base/errors.ts";
import { EtcdClient } from "../etcd/client.ts";
import { EtcdFailure } from "../etcd/failure.ts";
import { EtcdLease } from "../etcd/lease.ts";
import type { EtcdOptions } from "../etcd/options.ts";
import type { Compare, RequestOp, WatchEvent } from "../etcd/protos.ts";
import { readPrefix } from "../etcd/range.ts";
import { EtcdWatch } from "../etcd/watch.ts";
import { checkedCommit } from "./request.ts";
import type { Change, Commit, Committed, Entries, Lease, Part, Store, Watcher } from "./store.ts";

export interface EtcdStoreOptions extends EtcdOptions {
  /** What all keys in etcd begin with. Default `contender/`. */
  readonly prefix?: string;
}

/** @throws ContenderError STORE_UNAVAILABLE where no member answers, STORE_UNSUPPORTED where one must not be used. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const client = new EtcdClient(options);
  try {
    await client.open();
  } catch (reason) {
    client.close();
    throw reason;
  }
  return new EtcdStore(client, options.prefix ?? "contender/");
}

class EtcdStore implements Store {
  readonly name: string;
  readonly shared = true;
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #watches = new Set<EtcdWatch>();
  readonly #leases = new Set<EtcdLease>();
  #closed = false;

  constructor(client: EtcdClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
    this.name = `etcd:${client.options.endpoints.join(",")}`;
  }

  async get(prefix: string, { from, below, limit }: Part = {}): Promise<Entries> {
    const key = (name: string | undefined): Buffer | undefined => (name === undefined ? undefined : this.#key(name));
    const part = { from: key(from), below: key(below), limit };
    const found = await this.#answer(() => readPrefix(this.#client, this.#key(prefix), part));
    const entries = found.kvs.map(({ key, value, mod_revision }) => ({
      key: this.#name(key),
      value: value.toString(),
      revision: Number(mod_revision),
    }));
    return { revision: found.revision, entries };
  }

  watch(prefix: string, revision: number, watcher: Watcher): { close(): void } {
    const watch = new EtcdWatch(this.#client, this.#key(prefix), revision, {
      changed: (at, events) =>
        watcher.changed(
          at,
          events.map((event) => this.#change(event)),
        ),
      lost: (why) => {
        this.#watches.delete(watch);
        watcher.lost(why);
      },
      resumed: () => watcher.resumed?.(),
    });
    this.#watches.add(watch);
    return {
      close: () => {
        this.#watches.delete(watch);
        watch.close();
      },
    };
  }

  async commit(commit: Commit): Promise<Committed> {
    const { when, changes } = checkedCommit(commit);
    const success = changes.map(({ key, value }): RequestOp => {
      if (value === undefined) return { request_delete_range: { key: this.#key(key) } };
      return { request_put: { key: this.#key(key), value: Buffer.from(value) } };
    });
    return await this.#transact(
      when.map(({ key, revision }) => this.#unchanged(key, revision)),
      success,
    );
  }

  async lease(ttlMs: number, lost: (why: string) => void): Promise<Lease> {
    const lease = await this.#answer(() =>
      EtcdLease.grant(this.#client, ttlMs, (why) => {
        this.#leases.delete(lease);
        lost(why);
      }),
    );
    this.#leases.add(lease);
    const put = async (key: string, value: string, compare: readonly Compare[]): Promise<boolean> => {
      checkedCommit({ when: [], changes: [{ key, value }] });
      if (lease.ended) throw new ContenderError("STORE_UNAVAILABLE", "the lease has ended");
      const written = { key: this.#key(key), value: Buffer.from(value), lease: lease.id };
      try {
        return (await this.#transact(compare, [{ request_put: written }])).ok;
      } catch (reason) {
        if (/requested lease not found/.test(String(reason))) lease.end("etcd has ended the lease");
        throw reason;
      }
    };
    return {
      put: async (key, value) => {
        await put(key, value, []);
      },
      claim: (key, value) => put(key, value, [this.#unchanged(key, 0)]),
      close: async () => {
        this.#leases.delete(lease);
        await lease.close();
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    await Promise.all([...this.#leases].map((lease) => lease.close()));
    this.#watches.clear();
    this.#leases.clear();
    this.#client.close();
  }

  async #transact(compare: readonly Compare[], success: readonly RequestOp[]): Promise<Committed> {
    const request = { compare, success };
    const { succeeded, header } = await this.#answer(() => this.#client.send(this.#client.services.txn, request));
    return succeeded ? { ok: true, revision: Number(header.revision) } : { ok: false };
  }

  /** Failures by the codes of a store. */
  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new ContenderError("STORE_UNAVAILABLE", `${this.name} is closed`);
    try {
      return await ask();
    } catch (reason) {
      if (!(reason instanceof EtcdFailure)) throw reason;
      // A request that no etcd takes is our mistake; to try it again later would not help.
      const code = reason.malformed ? "INTERNAL" : "STORE_UNAVAILABLE";
      throw new ContenderError(code, `${this.name}: ${reason.message}`, { cause: reason });
    }
  }

  #unchanged(key: string, revision: number): Compare {
    return { result: "EQUAL", target: "MOD", key: this.#key(key), mod_revision: revision };
  }

  #change({ type, kv }: WatchEvent): Change {
    return { key: this.#name(kv.key), value: type === "DELETE" ? undefined : kv.value.toString() };
  }

  #key(key: string): Buffer {
    return Buffer.from(`${this.#prefix}${key}`);
  }

  #name(key: Buffer): string {
    return key.toString().slice(this.#prefix.length);
  }
}
