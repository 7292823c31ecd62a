/**
 * How many of a table's slots each variant is due, to the slot: by largest remainder.
 *
 * The counts hang on weights and names alone, neither on a table that was there before nor on the order of declaration, so
 * that the same weights give the same counts whatever came in between. Going back to weights is then going back to shares.
 */
import { slotCount } from "../model/slots.ts";
import { normalise } from "./weights.ts";

/**
 * Remainders are compared in steps of 2^-20 of a slot. 0.1 and 0.4 are no exact doubles where 1 and 4 are; without the steps their
 * last bits would break what is a tie on paper, and `{ a: 0.1, b: 0.4 }` could give other counts than `{ a: 1, b: 4 }`.
 */
const steps = 2 ** 20;

/**
 * Slots by variant; variants without any are left out. For variants and weights without problems.
 *
 * Each gets the whole part of weight * 65,536, and what is left goes one by one to the largest remainders; of equal ones to
 * the name that comes first by UTF-16 code units. No weight gives no slot. A weight above zero may give none as well, where it is
 * less than about a slot (0.0015 %): to give it one would take from another what that one is due.
 */
export function slotCounts(
  variants: readonly string[],
  weights: Readonly<Record<string, number>>,
): ReadonlyMap<string, number> {
  // Sorted before they are added up: the sum's last bit would otherwise hang on the order of declaration.
  const names = variants.filter((name) => Object.hasOwn(weights, name) && (weights[name] ?? 0) > 0).sort();
  const shares = normalise(names, weights);
  const dues = names.map((name, i) => {
    const due = (shares[i] ?? 0) * slotCount;
    return { name, whole: Math.floor(due), rest: Math.round((due % 1) * steps) };
  });
  const left = slotCount - dues.reduce((sum, { whole }) => sum + whole, 0);
  // The sort is stable, so equal remainders stay in the order of names.
  const lucky = new Set(dues.toSorted((a, b) => b.rest - a.rest).slice(0, left));
  const counts = dues.map((due): [string, number] => [due.name, due.whole + (lucky.has(due) ? 1 : 0)]);
  return new Map(counts.filter(([, count]) => count > 0));
}
