/**
 * What becomes of a word that the store has come further than it has: then it was put back from a backup, and gets a new id, so that those
 * who have seen more of it take what is in it now.
 *
 * By what this service has seen itself that is so. By a sidecar's word it may be, or a single one in wrong hands has all others
 * renamed again and again, which costs each of them a message. So the first word counts at once, since a store is put back about never and
 * then it should be quick; after a new id the next is looked at when a minute is over, whichever replica gave it. And where a store is
 * this process's alone, as a directory is, and was given its id by it, every revision under that id went through here: a word of a later
 * one is false.
 */
import type { Clock } from "../../base/clock.ts";
import { StrangerLog } from "../../base/stranger-log.ts";
import { isUnavailable } from "../store.ts";

/** Of a store, by somebody. */
export interface Seen {
  readonly store: string;
  readonly revision: number;
}

/** The sidecar whose word it is. */
export interface Claimant {
  readonly instance: string;
  /** By certificate or token; empty where none was asked for. */
  readonly identity: string;
}

/** What is said of a word: it was found right, and there is a new id; it waits; it is not true. */
export type ClaimOutcome = "restored" | "waits" | "refused";

export interface ClaimsPorts {
  readonly clock: Clock;
  /** Whether a store with this id can't have come further than is known here. */
  knowsAll(id: string): boolean;
  /** Gives the store a new id where it has not come so far. @returns whether it has one now. @throws ContenderError STORE_UNAVAILABLE. */
  restored(seen: Seen): Promise<boolean>;
  /** The store did not answer. */
  failed(why: string): void;
  /** @param more how many of the same outcome came untold since the last */
  told(outcome: ClaimOutcome, claimed: Seen, by: Claimant, more: number): void;
  /** For the metrics. */
  counted(outcome: ClaimOutcome): void;
}

/** After a store that could not be asked. */
const retryMs = 1_000;
/** Between two new ids by sidecars' words: a fleet bears one, and who put a store back twice in it has sidecars wait so long. */
const restMs = 60_000;

export class Claims {
  readonly #ports: ClaimsPorts;
  readonly #log: StrangerLog<ClaimOutcome>;
  /** By what this service has seen. */
  #seen: Seen | undefined = undefined;
  /** The highest of those of sidecars. */
  #claimed: (Seen & { readonly by: Claimant }) | undefined = undefined;
  #renamedMs = Number.NEGATIVE_INFINITY;
  #asking = false;
  #closed = false;
  #cancel: () => void = () => undefined;

  constructor(ports: ClaimsPorts) {
    this.#ports = ports;
    this.#log = new StrangerLog(ports.clock);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** This service has seen more of the store than there is. */
  saw(seen: Seen): void {
    this.#seen = later(this.#seen, seen);
    this.#next();
  }

  /** A sidecar says that it has seen more. All say so at once when a store was put back: it is asked once for all of them. */
  said(claimed: Seen, by: Claimant): void {
    if (this.#ports.knowsAll(claimed.store)) return this.#tell("refused", claimed, by);
    if (this.#waitMs > 0) this.#tell("waits", claimed, by);
    this.#claimed = later(this.#claimed, { ...claimed, by });
    this.#next();
  }

  /** The store has another id, whoever gave it. */
  renamed(): void {
    this.#renamedMs = this.#ports.clock.nowMs();
  }

  get #waitMs(): number {
    return this.#renamedMs + restMs - this.#ports.clock.nowMs();
  }

  #next(): void {
    if (this.#asking || this.#closed) return;
    this.#cancel();
    const waitMs = this.#seen === undefined ? this.#waitMs : 0;
    if (this.#seen === undefined && this.#claimed === undefined) return;
    if (waitMs > 0) {
      this.#cancel = this.#ports.clock.after(waitMs, () => this.#next());
      return;
    }
    this.#asking = true;
    void this.#ask();
  }

  /** Until the store has answered: sidecars take nothing of it before. */
  async #ask(): Promise<void> {
    const own = this.#seen;
    const claim = own === undefined ? this.#claimed : undefined;
    const seen = own ?? claim;
    if (own === undefined) this.#claimed = undefined;
    else this.#seen = undefined;
    let waitMs = 0;
    try {
      const restored = seen !== undefined && (await this.#ports.restored(seen));
      if (restored && claim !== undefined) this.#tell("restored", claim, claim.by);
    } catch (reason) {
      this.#ports.failed(String(reason));
      if (isUnavailable(reason)) {
        if (own !== undefined) this.#seen ??= own;
        if (claim !== undefined) this.#claimed ??= claim;
      }
      waitMs = retryMs;
    }
    const again = (): void => {
      this.#asking = false;
      this.#next();
    };
    if (waitMs > 0) this.#cancel = this.#ports.clock.after(waitMs, again);
    else again();
  }

  #tell(outcome: ClaimOutcome, claimed: Seen, by: Claimant): void {
    this.#ports.counted(outcome);
    const more = this.#log.add(outcome);
    if (more !== undefined) this.#ports.told(outcome, claimed, by, more);
  }
}

/** The one that has come further; of another store, the newer one. */
function later<Each extends Seen>(known: Each | undefined, seen: Each): Each {
  return known?.store === seen.store && known.revision >= seen.revision ? known : seen;
}
