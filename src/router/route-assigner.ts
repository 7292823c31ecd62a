/**
 * One route's rules of assignment, compiled: which variant a call gets, and why.
 *
 * `decide` is on the path of every call: one hash and one look-up, no allocation, and whatever it is given it decides; what
 * could be wrong with a route was refused when the assigner was made. It is pure but for the chance it is handed, so
 * `contender why` asks the very same object.
 *
 * What wins, first to last: a hop or a call that is no prediction goes to the champion, for a first sidecar has already
 * chosen or there is nothing to choose; then the caller's pin; then whatever forbids a draw, again to the champion; then
 * the draw.
 */
import type { Chance } from "../base/chance.ts";
import { keyFromText } from "../base/hash.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import type { AssignmentReason } from "../model/call.ts";
import type { RouteSpec } from "../model/route.ts";
import type { SlotRange } from "../model/slots.ts";
import { KeyRules } from "./key-rules.ts";
import { md5Place, md5Places } from "./md5-100.ts";
import { rendezvousTable } from "./rendezvous.ts";
import { ShadowSampling, shadowProblems } from "./shadow-sampling.ts";
import { SlotTable, saltSeed, slotOf } from "./slot-table.ts";
import { weightProblems } from "./weights.ts";

/** Reasons that are found before a draw, and forbid it. */
export type UndrawnReason = Extract<
  AssignmentReason,
  "hop" | "not_prediction" | "multi_key" | "no_model" | "peek_limit" | "compressed" | "malformed"
>;

/** What was decided for a call. One object belongs to each call and is filled anew for its next. */
export class Assignment {
  /** Index into the route's variants. */
  variant = 0;
  reason: AssignmentReason = "weight";
  /** The slot that was hashed or drawn (0..65535, with md5-100 0..99); -1 where nothing was. */
  slot = -1;
  /** Whether the call has a key: gates count keyed and unkeyed calls apart. */
  keyed = false;
  /**
   * The caller pinned a variant that the route doesn't have: to be answered with INVALID_ARGUMENT, for who asks for one
   * model must not be given another's word. (Should it be sent on all the same, it's the champion's, outside gates.)
   */
  unknownPin = false;
}

export class RouteAssigner {
  readonly route: RouteSpec;
  /** Index of the champion among the route's variants. */
  readonly champion: number;
  readonly keyRules: KeyRules;
  readonly shadows: ShadowSampling;
  /** Variants by slot, as many as there are slots: 65,536, or 100 with md5-100. */
  readonly places: Uint8Array;
  readonly #md5: boolean;
  readonly #seed: number;
  /** Indexes by pinned name; undefined where the route takes no pins, whose header is then stripped like any other of ours. */
  readonly #pins: ReadonlyMap<string, number> | undefined;

  /** For a checked route and its places; see `compileAssigner`. */
  constructor(route: RouteSpec, places: Uint8Array) {
    const names = route.variants.map(({ name }) => name);
    this.route = route;
    this.champion = names.indexOf(route.champion);
    this.keyRules = new KeyRules(route.key.from, route.key.ignore);
    this.shadows = new ShadowSampling(route.salt, route.shadows);
    this.places = places;
    this.#md5 = route.assignment === "md5-100";
    this.#seed = saltSeed(route.salt);
    this.#pins = route.pin ? new Map(names.map((name, index) => [keyFromText(name), index])) : undefined;
  }

  /**
   * Decides for one call and says so in `into`, all of whose fields it sets. Never throws.
   *
   * @param key bytes in Latin-1, as accepted by `keyRules`; undefined (or empty) makes the draw random.
   * @param pin value of `x-contender-pin`, if any.
   * @param undrawn what forbids a draw, if anything.
   */
  decide(
    into: Assignment,
    key: string | undefined,
    pin: string | undefined,
    undrawn: UndrawnReason | undefined,
    chance: Chance,
  ): void {
    into.keyed = key !== undefined && key !== "";
    into.slot = -1;
    into.unknownPin = false;
    const pins = this.#pins;
    if (pin !== undefined && pins !== undefined && undrawn !== "hop" && undrawn !== "not_prediction") {
      const pinned = pins.get(pin);
      into.unknownPin = pinned === undefined;
      into.variant = pinned ?? this.champion;
      into.reason = pinned === undefined ? "malformed" : "pinned";
    } else if (undrawn !== undefined) {
      into.variant = this.champion;
      into.reason = undrawn;
    } else {
      into.slot = key !== undefined && key !== "" ? this.#slotOf(key) : this.#drawSlot(chance);
      into.variant = this.places[into.slot] as number;
      into.reason = into.keyed ? "weight" : "no_key";
    }
  }

  #slotOf(key: string): number {
    return this.#md5 ? md5Place(key) : slotOf(this.#seed, key);
  }

  #drawSlot(chance: Chance): number {
    const size = this.places.length;
    // The remainder only matters for a source of chance that breaks its word: a slot outside the table has no variant.
    return Math.trunc(chance.next() * size) % size;
  }
}

/**
 * Checks what assignment needs of a route, and compiles it. Paths are those of the route's spec.
 *
 * @param ranges the table that came with the snapshot; without it, a route with slots is filled by rendezvous.
 */
export function compileAssigner(route: RouteSpec, ranges = route.table): Parsed<RouteAssigner> {
  const problems: Problem[] = shadowProblems(route.shadows);
  const places = placesOf(route, ranges);
  if (!places.ok) problems.push(...places.problems);
  // md5-100 says so itself, as it can't place anybody without a champion.
  if (route.assignment === "slots" && !route.variants.some(({ name }) => name === route.champion)) {
    const got = JSON.stringify(route.champion);
    problems.push({ path: "champion", message: `want a variant of the route, got ${got}` });
  }
  if (!places.ok || problems.length > 0) return { ok: false, problems };
  return { ok: true, value: new RouteAssigner(route, places.value) };
}

function placesOf(route: RouteSpec, ranges: readonly SlotRange[] | undefined): Parsed<Uint8Array> {
  const names = route.variants.map(({ name }) => name);
  if (route.assignment === "md5-100") return md5Places(names, route.weights, route.champion);
  const table =
    ranges === undefined
      ? rendezvousTable(names, route.weights, route.salt)
      : carriedTable(names, route.weights, ranges);
  return table.ok ? { ok: true, value: table.value.slots } : table;
}

/** A snapshot's ranges are what counts; its weights are only told to people, and wrong ones are refused all the same. */
function carriedTable(
  names: readonly string[],
  weights: Readonly<Record<string, number>>,
  ranges: readonly SlotRange[],
): Parsed<SlotTable> {
  const table = SlotTable.fromRanges(names, ranges);
  const problems = weightProblems(names, weights);
  if (problems.length === 0) return table;
  return { ok: false, problems: table.ok ? problems : [...problems, ...table.problems] };
}
