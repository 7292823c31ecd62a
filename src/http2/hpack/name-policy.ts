/**
 * Which fields are worth a place in the encoder's table.
 *
 * An entry pays when it is referred to before it is evicted. Values that are made per call never are, and each one
 * inserted pushes out an entry that was. Some such names are known; for the rest, a name has credit: inserting costs
 * some, the more the larger the field, and the first time that the entry is referred to gives it back with interest. A
 * name without credit pauses, for twice as many fields each time, and then gets a little to try again. So a bearer
 * token that repeats is inserted once, and one that changes with each call soon no more.
 */
import type { HeaderField } from "../header-block.ts";
import { staticNames } from "./static-table.ts";

/** Made per call, by their definition or by custom. */
const perCall: ReadonlySet<string> = new Set([
  "b3",
  "content-length",
  "date",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-tags-bin",
  "grpc-timeout",
  "grpc-trace-bin",
  "traceparent",
  "tracestate",
  "uber-trace-id",
  "x-amzn-trace-id",
  "x-cloud-trace-context",
  "x-correlation-id",
  "x-request-id",
]);
const perCallPrefix = "x-b3-";

/** Inserting costs 1, and 1 more for each of so many bytes: small entries push out little. */
const bytesPerCredit = 256;
/** A dozen small values, or four tokens of 600 bytes, before a name is known for what it is. */
const firstCredit = 12;
/** Enough to see whether two or three large values, or eight small ones, take turns. */
const retryCredit = 8;
const mostCredit = 16;
/** What an entry that is referred to brings beyond its cost. */
const interest = 2;
/** Fields of a name that pass before it is tried again: retries cost at most a few per cent, in the end 1 in 500. */
const firstPause = 64;
const longestPause = 4096;

/** What an encoder knows of a name. */
export class NamePolicy {
  /** The static table's entries of this name, or 0 and -1. */
  readonly staticFirst: number;
  readonly staticLast: number;
  readonly perCall: boolean;
  /** Sets the hashes of its values apart from other names'. */
  readonly seed: number;
  /** The number of its newest insertion (see EncoderTable); 0 for none. */
  newest = 0;
  #credit = firstCredit;
  #pause: number;
  #nextPause = firstPause;

  /** `trusted`: a name that the proxy knows. Any other must come twice, or random names would fill the table. */
  constructor(name: string, trusted: boolean) {
    const entries = staticNames.get(name);
    this.staticFirst = entries?.first ?? 0;
    this.staticLast = entries?.last ?? -1;
    this.perCall = perCall.has(name) || name.startsWith(perCallPrefix);
    this.seed = Math.imul(name.length, 0x85eb) + name.charCodeAt(name.length - 1);
    this.#pause = trusted ? 0 : 1;
  }

  /** Whether a field of this name may be looked for and inserted at all; counts the field. */
  isOpen(): boolean {
    if (this.#pause === 0) return true;
    this.#pause--;
    return false;
  }

  /** Whether a field that is not in the table is to be inserted. */
  affords(field: HeaderField): boolean {
    const cost = costOf(field);
    if (this.#credit >= cost) {
      this.#credit -= cost;
      return true;
    }
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(2 * this.#nextPause, longestPause);
    this.#credit = retryCredit;
    return false;
  }

  /** An entry of this name was referred to for the first time. */
  repaid(field: HeaderField): void {
    this.#credit = Math.min(mostCredit, this.#credit + costOf(field) + interest);
    this.#nextPause = firstPause;
  }
}

function costOf(field: HeaderField): number {
  return 1 + Math.floor(field.size / bytesPerCredit);
}
