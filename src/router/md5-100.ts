/**
 * `int(md5(key)) mod 100 < percent`: the rule by which teams often split users in their own application.
 *
 * It exists so that such a team can move the split into the sidecar without moving a single user: whole percents,
 * challengers in the order of the file one after the other from 0, the champion with the rest. Where nobody has that
 * history, slots are better: this one has 100 places, no salt, and so the same guinea pigs in every rollout.
 *
 * The hash is `node:crypto`'s, the one import from Node in this folder: a pure function, native, not worth writing again.
 */
import { hash } from "node:crypto";
import type { Parsed, Problem } from "../base/parsed.ts";
import { variantProblems, weightProblems } from "./weights.ts";

/** Bytes of a key's digest, as 16 characters of Latin-1. */
export type Md5 = (key: string) => string;

/** One-shot and by string, which at this size is half the cost of a Buffer. */
const md5: Md5 = (key) => hash("md5", Buffer.from(key, "latin1"), "binary");

/** Variants by their place from 0 to 99. */
export function md5Places(
  variants: readonly string[],
  weights: Readonly<Record<string, number>>,
  champion: string,
  digest: Md5 = md5,
): Parsed<Uint8Array> {
  const problems: Problem[] = [...variantProblems(variants), ...weightProblems(variants, weights)];
  let sum = 0;
  for (const [name, percent] of Object.entries(weights)) {
    sum += percent;
    if (Number.isInteger(percent)) continue;
    problems.push({ path: `weights.${name}`, message: `want a whole percent with md5-100, got ${percent}` });
  }
  if (sum !== 100) problems.push({ path: "weights", message: `want a sum of 100 with md5-100, got ${sum}` });
  if (!variants.includes(champion)) {
    problems.push({ path: "champion", message: `want a variant of the route, got ${JSON.stringify(champion)}` });
  }
  problems.push(...digestProblems(digest));
  if (problems.length > 0) return { ok: false, problems };

  const places = new Uint8Array(100).fill(variants.indexOf(champion));
  let from = 0;
  for (const [index, name] of variants.entries()) {
    if (name === champion) continue;
    const percent = Object.hasOwn(weights, name) ? (weights[name] ?? 0) : 0;
    places.fill(index, from, from + percent);
    from += percent;
  }
  return { ok: true, value: places };
}

/** Place of a key, which is its bytes in Latin-1: the digest as one number of 128 bits, highest byte first, modulo 100. */
export function md5Place(key: string): number {
  const digest = md5(key);
  let rest = 0;
  for (let i = 0; i < digest.length; i++) rest = (rest * 256 + digest.charCodeAt(i)) % 100;
  return rest;
}

/** A Node in FIPS mode has no MD5. Better refused here, where a route is read, than thrown where a call is under way. */
function digestProblems(digest: Md5): Problem[] {
  try {
    digest("");
    return [];
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    return [{ path: "assignment", message: `want a Node with MD5 for md5-100: ${why}` }];
  }
}
