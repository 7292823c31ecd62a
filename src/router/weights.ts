/**
 * Weights as shares. They come from people, from a config service and from a rollout, so what `config/` has refused is
 * refused here again: a table made from a NaN would send every user to one variant without a word.
 */
import type { Problem } from "../base/parsed.ts";

/** A slot holds its variant in one byte. A route of more variants than that is a mistake. */
export const mostVariants = 256;

/** What is wrong with a route's list of variants. */
export function variantProblems(variants: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  if (variants.length === 0) problems.push({ path: "variants", message: "want at least one variant" });
  if (variants.length > mostVariants) {
    problems.push({ path: "variants", message: `want at most ${mostVariants} variants, got ${variants.length}` });
  }
  const seen = new Set<string>();
  for (const [i, name] of variants.entries()) {
    if (seen.has(name))
      problems.push({ path: `variants[${i}]`, message: `want each name once, got ${JSON.stringify(name)} again` });
    seen.add(name);
  }
  return problems;
}

/** What is wrong with weights: unknown names, what is no finite number, less than zero, or nothing above zero. */
export function weightProblems(variants: readonly string[], weights: Readonly<Record<string, number>>): Problem[] {
  const problems: Problem[] = [];
  const known = new Set(variants);
  let positive = false;
  for (const [name, weight] of Object.entries(weights)) {
    if (!known.has(name)) problems.push({ path: `weights.${name}`, message: "want a variant of the route" });
    if (!Number.isFinite(weight) || weight < 0) {
      const got = typeof weight === "number" ? weight : JSON.stringify(weight);
      problems.push({ path: `weights.${name}`, message: `want a finite number of at least 0, got ${got}` });
    }
    positive ||= weight > 0;
  }
  if (!positive) problems.push({ path: "weights", message: "want a weight above 0, got none" });
  return problems;
}

/** Share of each variant, by its index; they add up to 1. For weights without problems. */
export function normalise(variants: readonly string[], weights: Readonly<Record<string, number>>): Float64Array {
  const shares = Float64Array.from(variants, (name) => (Object.hasOwn(weights, name) ? (weights[name] ?? 0) : 0));
  const sum = shares.reduce((a, b) => a + b);
  // Two weights of 1e308 add up to infinity, and every share to zero: those are brought down to size first.
  const scale = Number.isFinite(sum) ? 1 : shares.reduce((a, b) => Math.max(a, b));
  const whole = scale === 1 ? sum : shares.reduce((total, weight) => total + weight / scale, 0);
  for (const [i, weight] of shares.entries()) shares[i] = weight / scale / whole;
  return shares;
}
