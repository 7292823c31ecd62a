/** The short forms in which the environment says what a route file spells out. */
import { type Reading, read, unreadable } from "../base/parsed.ts";
import type { KeySource, ScoreReduce } from "../model/route.ts";
import { routeBounds } from "./route-defaults.ts";
import { metadataNameRule, nameRule } from "./route-document.ts";

export interface EnvironmentVariant {
  readonly name: string;
  readonly address: string;
}

export interface EnvironmentShadow extends EnvironmentVariant {
  readonly percent: number | undefined;
}

export interface EnvironmentScore {
  readonly output: string;
  readonly reduce: ScoreReduce;
  readonly index: number | undefined;
}

/** The name of a champion that is given by its address alone. */
const bareChampion = "champion";

/** `127.0.0.1:8500` or `v41=127.0.0.1:8500`. */
export function readChampion(text: string): Reading<EnvironmentVariant> {
  const named = splitName(text);
  if (named === undefined) return read({ name: bareChampion, address: text });
  return nameRule.pattern.test(named.name) ? read(named) : unreadable(misnamed(named.name));
}

/** `v2=127.0.0.1:8501,v3=127.0.0.1:8502`. */
export function readChallengers(text: string): Reading<readonly EnvironmentVariant[]> {
  return readList(text, (word): Reading<EnvironmentVariant> => {
    const named = splitName(word);
    if (named === undefined) return unreadable(`want NAME=ADDRESS, got ${JSON.stringify(word)}`);
    return nameRule.pattern.test(named.name) ? read(named) : unreadable(misnamed(named.name));
  });
}

/** `v3=127.0.0.1:8502@25%`; all calls are copied where no percentage is given. */
export function readShadows(text: string): Reading<readonly EnvironmentShadow[]> {
  return readList(text, (word): Reading<EnvironmentShadow> => {
    const at = word.lastIndexOf("@");
    const named = splitName(at < 0 ? word : word.slice(0, at));
    if (named === undefined) return unreadable(`want NAME=ADDRESS@PERCENT%, got ${JSON.stringify(word)}`);
    if (!nameRule.pattern.test(named.name)) return unreadable(misnamed(named.name));
    if (at < 0) return read({ ...named, percent: undefined });
    const share = /^([0-9]+(?:\.[0-9]+)?)%$/.exec(word.slice(at + 1));
    if (share === null || Number(share[1]) > 100) {
      return unreadable(`want a percentage such as 25% after the "@", got ${JSON.stringify(word)}`);
    }
    return read({ ...named, percent: Number(share[1]) });
  });
}

/** `champion=90,v2=10`. */
export function readWeights(text: string): Reading<readonly (readonly [string, number])[]> {
  const seen = new Set<string>();
  return readList(text, (word): Reading<readonly [string, number]> => {
    const parts = /^([^=]+)=([0-9]+(?:\.[0-9]+)?|\.[0-9]+)%?$/.exec(word);
    if (parts === null) return unreadable(`want NAME=NUMBER, got ${JSON.stringify(word)}`);
    const [, name = "", number] = parts;
    if (seen.has(name)) return unreadable(`${JSON.stringify(name)} has two weights`);
    if (Number(number) > routeBounds.weight) {
      return unreadable(`want a weight of at most ${routeBounds.weight}, got ${JSON.stringify(word)}`);
    }
    seen.add(name);
    return read([name, Number(number)] as const);
  });
}

/** `metadata:x-user-id,input:user_id`, the first that is there wins. */
export function readKeySources(text: string): Reading<readonly KeySource[]> {
  return readList(text, (word): Reading<KeySource> => {
    const parts = /^(metadata|parameter|input):(.+)$/.exec(word);
    if (parts === null)
      return unreadable(`want metadata:NAME, parameter:NAME or input:NAME, got ${JSON.stringify(word)}`);
    const [, kind, name = ""] = parts;
    if (kind !== "metadata") return read({ kind: kind as "parameter" | "input", name });
    if (!metadataNameRule.pattern.test(name)) {
      return unreadable(`want ${metadataNameRule.wants} after "metadata:", got ${JSON.stringify(name)}`);
    }
    return read({ kind: "metadata", name: name.toLowerCase() });
  });
}

/** `scores` (element 0 of each row), `scores[1]` or `scores[max]`. */
export function readScore(text: string): Reading<EnvironmentScore> {
  const parts = /^([^[\]]+)(?:\[([^[\]]*)\])?$/.exec(text);
  if (parts === null) return unreadable(`want OUTPUT, OUTPUT[INDEX] or OUTPUT[max], got ${JSON.stringify(text)}`);
  const [, output = "", pick = "0"] = parts;
  const reduce = (["max", "argmax", "margin", "entropy", "mean"] as const).find((word) => word === pick);
  if (reduce !== undefined) return read({ output, reduce, index: undefined });
  if (/^[0-9]{1,7}$/.test(pick)) return read({ output, reduce: "element", index: Number(pick) });
  return unreadable(
    `want an index or one of max, argmax, margin, entropy, mean in the brackets, got ${JSON.stringify(text)}`,
  );
}

function readList<T>(text: string, readWord: (word: string) => Reading<T>): Reading<readonly T[]> {
  const values: T[] = [];
  const messages: string[] = [];
  const words = text.split(",").map((word) => word.trim());
  for (const word of words.filter((each) => each !== "")) {
    const reading = readWord(word);
    if (reading.ok) values.push(reading.value);
    else messages.push(reading.message);
  }
  return messages.length === 0 ? read(values) : unreadable(messages.join("; "));
}

/** Splits at the first "=", unless what stands before it is an address with a "=" somewhere inside: `unix:/a=b`. */
function splitName(text: string): EnvironmentVariant | undefined {
  const [, name, address] = /^([^=:/]*)=(.*)$/.exec(text) ?? [];
  return name === undefined || address === undefined ? undefined : { name, address };
}

const misnamed = (name: string): string => `want ${nameRule.wants} before the "=", got ${JSON.stringify(name)}`;
