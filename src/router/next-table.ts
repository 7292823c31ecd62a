/**
 * A route's next table from the one it has: exact shares, the fewest users moved, few ranges.
 *
 * For whoever is one for a whole fleet and remembers, which the config service is. A table made from weights alone
 * (`rendezvous.ts`) has shares that are off by a draw's chance and about as many ranges as slots that change hands; one that is
 * derived from its predecessor is exact to the slot, moves what the weights ask for and not a slot more, and travels in a few
 * hundred bytes.
 *
 * Which slots a loser gives is free, and decides how many ranges there will be; `SlotExchange` has the rules. The tables
 * that they give are part of the contract, since a user's variant hangs on them: tests hold some, word for word.
 */
import type { Parsed, Problem } from "../base/parsed.ts";
import { type SlotRange, slotCount } from "../model/slots.ts";
import { slotCounts } from "./slot-counts.ts";
import { SlotExchange } from "./slot-exchange.ts";
import { rangeProblems } from "./slot-table.ts";
import { variantProblems, weightProblems } from "./weights.ts";

/**
 * The table after a change of weights. Paths of problems are `variants…`, `weights…` and `before…`.
 *
 * @param before the table in force, which may name variants that the route has no more: they lose everything. Without one, ranges
 *   follow each other in the order of `variants`; with one, that order plays no part.
 */
export function nextRanges(
  before: readonly SlotRange[] | undefined,
  variants: readonly string[],
  weights: Readonly<Record<string, number>>,
): Parsed<readonly SlotRange[]> {
  const problems = [
    ...variantProblems(variants),
    ...weightProblems(variants, weights),
    ...(before === undefined ? [] : predecessorProblems(before)),
  ];
  if (problems.length > 0) return { ok: false, problems };
  const counts = slotCounts(variants, weights);
  return { ok: true, value: before === undefined ? firstRanges(variants, counts) : laterRanges(before, counts) };
}

/** Its own names are its variants: which of them the route still has is what the change is about. */
function predecessorProblems(before: readonly SlotRange[]): Problem[] {
  return rangeProblems([...new Set(before.map(({ variant }) => variant))], before, "before");
}

function firstRanges(variants: readonly string[], counts: ReadonlyMap<string, number>): SlotRange[] {
  const ranges: SlotRange[] = [];
  let from = 0;
  for (const variant of variants) {
    const to = from + (counts.get(variant) ?? 0);
    if (to > from) ranges.push({ from, to, variant });
    from = to;
  }
  return ranges;
}

function laterRanges(before: readonly SlotRange[], counts: ReadonlyMap<string, number>): SlotRange[] {
  // A route's most common table, and what ends most rollouts: no need to look for who gives what.
  const [lone] = counts.size === 1 ? counts.keys() : [];
  if (lone !== undefined) return [{ from: 0, to: slotCount, variant: lone }];
  return new SlotExchange(before, counts).settle();
}
