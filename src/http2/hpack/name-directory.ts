/**
 * An encoder's knowledge of names, bounded.
 *
 * Callers choose names, so what is kept of them must not grow with what they send: past a limit, all names without an
 * entry in the table are forgotten at once. Entries are few, so each time frees most of the directory, and the sweep's
 * cost is shared by the many names that led to it.
 */
import { type HeaderField, headerId } from "../header-block.ts";
import type { EncoderTable } from "./encoder-table.ts";
import { NamePolicy } from "./name-policy.ts";

export class NameDirectory {
  readonly #table: EncoderTable;
  readonly #limit: number;
  /** By header id: what repeats most is found without hashing. */
  readonly #known = new Array<NamePolicy | undefined>(Object.keys(headerId).length).fill(undefined);
  readonly #others = new Map<string, NamePolicy>();

  /** `limit`: names without an id that are kept; above the table's number of entries. */
  constructor(table: EncoderTable, limit: number) {
    this.#table = table;
    this.#limit = limit;
  }

  /** Names without an id that are kept now. */
  get size(): number {
    return this.#others.size;
  }

  of(field: HeaderField): NamePolicy {
    const policy = field.id !== headerId.other ? this.#known[field.id] : this.#others.get(field.name);
    return policy ?? this.#meet(field);
  }

  #meet(field: HeaderField): NamePolicy {
    const trusted = field.id !== headerId.other;
    const policy = new NamePolicy(field.name, trusted);
    if (trusted) {
      this.#known[field.id] = policy;
    } else {
      if (this.#others.size >= this.#limit) this.#forget();
      this.#others.set(field.name, policy);
    }
    return policy;
  }

  #forget(): void {
    for (const [name, policy] of this.#others) {
      if (!this.#table.holds(policy.newest)) this.#others.delete(name);
    }
  }
}
