/**
 * Which of several replicas leads: the one that holds a key under a lease. All of them serve sidecars and people; what must be done
 * once, by one, asks here.
 *
 * A leader that can't reach the store for as long as its lease lasts stops to lead before another can begin, by its own clock: for a
 * moment nobody leads, and never two.
 */
import type { Clock } from "../../base/clock.ts";
import { keys } from "../routes/records.ts";
import { isUnavailable, type Lease, type Store } from "../store.ts";

export interface Replica {
  /** Of this process: another after each start. */
  readonly name: string;
  /** By which other replicas reach it. */
  readonly address: string;
}

/** Ourselves, before it is known where we listen. */
export interface SelfReplica {
  readonly name: string;
  address: string;
}

export interface LeadershipPorts {
  readonly store: Store;
  readonly clock: Clock;
  /** Its address is asked for when it joins. */
  readonly self: SelfReplica;
  readonly leaseMs: number;
  /** Who leads and which replicas there are, ourselves included, has changed. */
  changed(state: LeadershipState): void;
  /** Why there is no lease at this moment. */
  failed(why: string): void;
}

export interface LeadershipState {
  readonly leads: boolean;
  /** Name of the leader; undefined where nobody is known to lead. */
  readonly leader: string | undefined;
  readonly replicas: readonly Replica[];
}

/** After the lease, or a look at the store, has failed. */
const retryMs = 1_000;

export class Leadership {
  readonly #ports: LeadershipPorts;
  #lease: Lease | undefined = undefined;
  #watch: { close(): void } | undefined = undefined;
  #known = new Map<string, string>();
  #state: LeadershipState = { leads: false, leader: undefined, replicas: [] };
  #cancelRetry: () => void = () => undefined;
  /**
   * What we claim to lead with, while its lease holds. Whether it was taken the watch tells, and not the answer to the claim: that may be
   * lost, or come behind what happened since.
   */
  #own: string | undefined = undefined;
  #terms = 0;
  #closed = false;
  #joining = false;
  #claiming = false;
  /** Nobody leads any more, and it was told while a claim was on its way. */
  #claimAgain = false;
  /** Why there is no lease, as it was told last. */
  #why: string | undefined = undefined;
  /** The lease under which others find us. */
  #listed: Lease | undefined = undefined;

  constructor(ports: LeadershipPorts) {
    this.#ports = ports;
  }

  get state(): LeadershipState {
    return this.#state;
  }

  /** Takes part from now on; never fails, since the store may come later. */
  async open(): Promise<void> {
    await this.#join();
  }

  /** Gives everything back, so that another leads at once. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    this.#watch?.close();
    await this.#lease?.close();
  }

  /** All that has not been done yet: a store that fails in between is asked again from there. */
  async #join(): Promise<void> {
    const { store, self, leaseMs } = this.#ports;
    if (this.#joining) return;
    this.#joining = true;
    try {
      this.#lease ??= await store.lease(leaseMs, (why) => this.#lost(why));
      if (this.#closed) return await this.#lease.close();
      const lease = this.#lease;
      // A claim of an earlier lease of ours may still be there, and is no claim of this one.
      this.#own ??= JSON.stringify({ ...self, term: ++this.#terms });
      if (this.#listed !== lease) await lease.put(`${keys.replicas}${self.name}`, JSON.stringify(self));
      this.#listed = lease;
      this.#why = undefined;
      await this.#look();
    } catch (reason) {
      this.#again(reason);
    } finally {
      this.#joining = false;
    }
  }

  /** Takes in what there is and follows it from there; leads where nobody does. */
  async #look(): Promise<void> {
    const { store } = this.#ports;
    const { revision, entries } = await store.get("lease/");
    if (this.#closed) return;
    this.#known = new Map(entries.map(({ key, value }) => [key, value]));
    this.#watch?.close();
    this.#watch = store.watch("lease/", revision, {
      changed: (_, changes) => {
        for (const { key, value } of changes) {
          if (value === undefined) this.#known.delete(key);
          else this.#known.set(key, value);
        }
        this.#tell();
        if (!this.#known.has(keys.leader)) void this.#claim();
      },
      lost: () => void this.#look().catch((reason) => this.#again(reason)),
      resumed: () => void this.#look().catch((reason) => this.#again(reason)),
    });
    this.#tell();
    await this.#claim();
  }

  async #claim(): Promise<void> {
    if (this.#closed || this.#known.has(keys.leader)) return;
    this.#claimAgain = true;
    if (this.#claiming) return;
    this.#claiming = true;
    try {
      while (this.#claimAgain && !this.#closed && this.#lease !== undefined && this.#own !== undefined) {
        this.#claimAgain = false;
        await this.#lease.claim(keys.leader, this.#own);
      }
    } catch (reason) {
      this.#again(reason);
    } finally {
      this.#claiming = false;
    }
  }

  /** The lease is over: whatever the store says, we lead no more. */
  #lost(why: string): void {
    if (this.#closed) return;
    this.#lease = undefined;
    this.#own = undefined;
    this.#ports.failed(why);
    this.#tell();
    this.#again(why);
  }

  #again(reason: unknown): void {
    if (this.#closed) return;
    if (typeof reason !== "string") this.#tellWhy(reason);
    this.#cancelRetry();
    this.#cancelRetry = this.#ports.clock.after(retryMs, () => {
      // One that is under way ends by itself, and may be what has failed.
      if (this.#joining) this.#again(reason);
      else void this.#join();
    });
  }

  /** A store that is away is asked every second: once is enough to say so, and as long as it has not begun to answer. */
  #tellWhy(reason: unknown): void {
    const why = String(reason);
    if (isUnavailable(reason) && this.#why !== undefined) return;
    this.#why = why;
    this.#ports.failed(why);
  }

  #tell(): void {
    const claimed = this.#known.get(keys.leader);
    const leader = replicaOf(claimed)?.name;
    const replicas = [...this.#known]
      .filter(([key]) => key.startsWith(keys.replicas))
      .flatMap(([, value]) => replicaOf(value) ?? []);
    const state: LeadershipState = { leads: claimed !== undefined && claimed === this.#own, leader, replicas };
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#ports.changed(state);
  }
}

function replicaOf(text: string | undefined): Replica | undefined {
  try {
    const { name, address } = JSON.parse(text ?? "") as Partial<Replica>;
    return typeof name === "string" && typeof address === "string" ? { name, address } : undefined;
  } catch {
    return undefined;
  }
}
