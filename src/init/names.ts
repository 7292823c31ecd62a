/** Names for what the route file holds, made of what the server calls things. */
import { nameRule } from "../config/route-document.ts";

/** A model's name as a route may have it: `Fraud_Detector` is `fraud-detector`. */
export function routeNameOf(model: string): string {
  return fitted(model) ?? "model";
}

/** Names that say a role would lie after a promotion; `constructor` is refused by the decoder. */
const unfit = /^(champion|challenger|canary|shadow|primary|baseline|control|stable|constructor)$/;

/** A version as a variant's name: `41` is `v41`. */
export function variantNameOf(version: string | undefined): string {
  if (version === undefined) return "v1";
  const name = fitted(/^[0-9]/.test(version) ? `v${version}` : version);
  return name === undefined || unfit.test(name) ? "v1" : name;
}

/** Names for two more variants, beside `champion`: the versions after it. */
export function nextNames(champion: string): readonly [string, string] {
  const number = /^v([0-9]+)$/.exec(champion)?.[1];
  if (number === undefined) return ["v2", "v3"];
  return [fitted(`v${BigInt(number) + 1n}`) ?? "v2", fitted(`v${BigInt(number) + 2n}`) ?? "v3"];
}

function fitted(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .slice(0, 63)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return nameRule.pattern.test(name) ? name : undefined;
}
