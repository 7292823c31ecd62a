/**
 * Whose an instance is. A sidecar chooses the id of its process, and its counters go by it: who reports first under an id keeps
 * it, and another who reports under the same is refused, or one sidecar could say what another has counted.
 *
 * How many are remembered is bounded, and so is what one identity can make us forget: beyond its share its own oldest go.
 */
import { watchBounds } from "../watch/watch-bounds.ts";
import type { Identity, Verdict } from "./permissions.ts";

export interface InstanceOwnersOptions {
  /** Instances that are remembered. Default 131,072: a fleet of 100,000 and those that ended lately. */
  readonly most?: number;
}

export class InstanceOwners {
  readonly #most: number;
  readonly #ownerOf = new Map<string, string>();
  /** By owner, the one that was heard of longest ago first. */
  readonly #instancesOf = new Map<string, Set<string>>();

  constructor({ most = 131_072 }: InstanceOwnersOptions = {}) {
    this.#most = most;
  }

  get size(): number {
    return this.#ownerOf.size;
  }

  /** Whether `identity` may report as `instance`; from now on, if it may, nobody else. */
  claim(instance: string, identity: Identity): Verdict {
    // Where nobody proves anything, everybody is the same one.
    if (identity.how === "loopback") return { ok: true };
    const { nameLength: longestInstance } = watchBounds;
    if (instance === "" || instance.length > longestInstance) {
      return denied(`want an instance of 1 to ${longestInstance} characters, got ${instance.length}`);
    }
    const claimant = ownerKey(identity);
    const owner = this.#ownerOf.get(instance);
    if (owner !== undefined && owner !== claimant) return denied("this instance is another one's");
    if (owner === undefined && this.#ownerOf.size >= this.#most) this.#forgetOne(claimant);
    const mine = this.#instancesOf.get(claimant) ?? new Set();
    mine.delete(instance);
    mine.add(instance);
    this.#instancesOf.set(claimant, mine);
    this.#ownerOf.set(instance, claimant);
    return { ok: true };
  }

  /** The claimant's own oldest where it has its share or more; else the oldest of whoever has most. */
  #forgetOne(claimant: string): void {
    const share = this.#most / Math.max(1, this.#instancesOf.size);
    let from = claimant;
    if ((this.#instancesOf.get(claimant)?.size ?? 0) < share) {
      let most = 0;
      for (const [owner, { size }] of this.#instancesOf) if (size > most) [most, from] = [size, owner];
    }
    const theirs = this.#instancesOf.get(from);
    const [oldest] = theirs ?? [];
    if (theirs === undefined || oldest === undefined) return;
    theirs.delete(oldest);
    this.#ownerOf.delete(oldest);
    if (theirs.size === 0) this.#instancesOf.delete(from);
  }
}

/** One entry of a document stands for many sidecars: what tells them apart counts too. How they prove it may change. */
const ownerKey = ({ name, node: { namespace, workload, pod } }: Identity): string =>
  JSON.stringify([name, namespace, workload, pod]);

const denied = (text: string): Verdict => ({ ok: false, code: "PERMISSION_DENIED", text });
