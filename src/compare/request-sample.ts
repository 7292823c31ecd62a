/**
 * Which requests are recorded: a share of them, the same ones everywhere.
 *
 * By the request's id rather than by a throw of the dice, because a record is there to be joined. A label that comes days
 * later with its request id is in the sample or is not, and everybody can tell which without asking; the calls that one
 * request makes to several routes, and its second attempt, are recorded together or not at all; a larger share records
 * all that a smaller one does.
 *
 * Not by the key: it would record the same few users for ever, in full, and nobody else; and a keyed outcome needs no
 * record, as its variant follows from the history of weights. Without request id and trace id there is nothing to join by,
 * and chance decides.
 */
import type { Chance } from "../base/chance.ts";
import { murmur3Latin1, murmur3Text } from "../base/hash.ts";
import { traceIdHash } from "./traceparent.ts";

/** Of its own, so that a route whose key is the request id doesn't record one variant's calls more than another's. */
const seed = murmur3Text("contender/prediction-log", 0);

const hashes = 2 ** 32;

export class RequestSample {
  /** Hashes below it are in. */
  readonly #limit: number;
  readonly #ratio: number;
  readonly #chance: Chance;

  /** @param ratio 0 to 1 */
  constructor(ratio: number, chance: Chance) {
    this.#limit = ratio * hashes;
    this.#ratio = ratio;
    this.#chance = chance;
  }

  /** Allocates nothing. Both texts hold one byte per character, as header values do. */
  includes(requestId: string | undefined, traceparent: string | undefined): boolean {
    if (requestId !== undefined) return murmur3Latin1(requestId, seed) < this.#limit;
    const hash = traceparent === undefined ? -1 : traceIdHash(traceparent, seed);
    if (hash >= 0) return hash < this.#limit;
    return this.#chance.next() < this.#ratio;
  }
}
