/**
 * The addresses of a name, and which of them are wanted at this moment.
 *
 * A name with addresses of both families is reached by one of them: the first that the system names has a head start, and
 * the one that connects first is kept (RFC 8305, by family). A pod that has both must not be taken for two, and one
 * family that leads nowhere must cost nobody more than the head start.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { byFamily, chooseAddresses, familyOf } from "./address-choice.ts";

/** What RFC 8305 recommends, section 5. */
const headStartMs = 250;

export class Addresses {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #most: number;
  readonly #onChange: () => void;
  #families: readonly (readonly string[])[] = [];
  /** The family that has connected; 0 while that is open. */
  #family = 0;
  #racing = false;
  #cancelHeadStart: (() => void) | undefined = undefined;
  #seed = -1;

  /** @param most addresses in use at once, of either family. */
  constructor(clock: Clock, chance: Chance, most: number, onChange: () => void) {
    this.#clock = clock;
    this.#chance = chance;
    this.#most = most;
    this.#onChange = onChange;
  }

  /** Whether nothing has been learnt yet. */
  get unknown(): boolean {
    return this.#families.length === 0;
  }

  get wanted(): readonly string[] {
    const settled = this.#settled;
    if (settled !== undefined) return this.#chosen(settled);
    const used = this.#racing ? this.#families : this.#families.slice(0, 1);
    return used.flatMap((family) => this.#chosen(family));
  }

  /** What the name stands for from now on. */
  learn(addresses: readonly string[]): void {
    this.#families = byFamily(addresses);
    if (this.#settled === undefined) {
      this.#family = 0;
      if (this.#families.length > 1 && !this.#racing) {
        this.#cancelHeadStart ??= this.#clock.after(headStartMs, () => this.noneAnswers());
      }
    }
    this.#onChange();
  }

  /** One of those wanted has connected: its family is the one. */
  connected(host: string): void {
    this.close();
    this.#family = familyOf(host);
    if (!this.#racing) return;
    this.#racing = false;
    this.#onChange();
  }

  /** None of those wanted is connected: the other family is tried too. */
  noneAnswers(): void {
    this.close();
    if (this.#racing || this.#families.length < 2) return;
    this.#family = 0;
    this.#racing = true;
    this.#onChange();
  }

  /** Ends the head start. */
  close(): void {
    this.#cancelHeadStart?.();
    this.#cancelHeadStart = undefined;
  }

  get #settled(): readonly string[] | undefined {
    return this.#families.find(([first = ""]) => familyOf(first) === this.#family);
  }

  #chosen(family: readonly string[]): readonly string[] {
    if (family.length > this.#most && this.#seed < 0) this.#seed = Math.floor(this.#chance.next() * 2 ** 31);
    return chooseAddresses(family, this.#most, this.#seed);
  }
}
