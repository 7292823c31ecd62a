/** Reading what a long judge was asked for: flags with numbers and words, all that is wrong with them at once. */
import { parseArgs } from "node:util";

export type Asked<Options> =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly problems: readonly string[] };

export interface NumberOption {
  readonly otherwise: number;
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}

/** What was given, by the names of flags. */
export interface Given {
  number(name: string, wanted: NumberOption): number;
  text(name: string): string | undefined;
  /** One of these words; undefined where it was left out. */
  word<Word extends string>(name: string, words: readonly Word[]): Word | undefined;
}

/** @param names of flags that take a value; `--help` is always there. @param make takes the options from what was given */
export function readJudgeOptions<Options>(
  args: readonly string[],
  names: readonly string[],
  make: (given: Given) => Options,
): Asked<Options> {
  let values: Record<string, string | boolean | undefined>;
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const));
    values = parseArgs({ args: [...args], options: { ...options, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    return { kind: "wrong", problems: [(error as Error).message] };
  }
  if (values.help === true) return { kind: "help" };
  const problems: string[] = [];
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const options = make({
    text,
    number: (name, { otherwise, least, most, whole = false }) => {
      const given = text(name);
      if (given === undefined) return otherwise;
      const value = /^[0-9]+(\.[0-9]+)?$/.test(given) ? Number(given) : Number.NaN;
      if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
      const kind = whole ? "a whole number" : "a number";
      problems.push(`--${name}: want ${kind} from ${least} to ${most}, got ${JSON.stringify(given)}`);
      return otherwise;
    },
    word: (name, words) => {
      const given = text(name);
      const found = words.find((word) => word === given);
      if (given !== undefined && found === undefined) {
        problems.push(`--${name}: want ${words.join(" or ")}, got ${JSON.stringify(given)}`);
      }
      return found;
    },
  });
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "run", options };
}
