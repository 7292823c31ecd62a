/** What one may ask of a soak. */
import { parseArgs } from "node:util";

export interface SoakOptions {
  readonly minutes: number;
  /** Calls begun per second. */
  readonly rate: number;
  readonly seed: number;
  /** Where the report goes as JSON. */
  readonly json: string | undefined;
}

export const help = `Usage: npm run soak -- [options]

Runs the built sidecar under mixed load for a while: unary calls and streams, cancellations, deadlines, weights that
change every second, models and shadows that die and come back. Every answer is checked to the byte and every call is
accounted for. At the end it says whether anything was lost or wrong, whether memory and descriptors stayed flat, and
whether the sidecar counted what its callers did. Ctrl-C ends it early with the report so far.

Options:
  --minutes N   how long, at least 0.2 (default 10)
  --rate N      calls begun per second, 10 to 50000 (default 6000)
  --seed N      seed of the mix of calls (default 1)
  --json FILE   write the whole report there as well
  --help        this text

Exit code: 0 where everything holds, 1 where something does not, 64 for a wrong option.`;

export type Asked =
  | { readonly kind: "run"; readonly options: SoakOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly problems: readonly string[] };

export function readOptions(args: readonly string[]): Asked {
  let values: Record<string, string | boolean | undefined>;
  try {
    const options = {
      minutes: { type: "string" },
      rate: { type: "string" },
      seed: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    } as const;
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return { kind: "wrong", problems: [(error as Error).message] };
  }
  if (values.help === true) return { kind: "help" };
  const problems: string[] = [];
  const number = (name: string, otherwise: number, least: number, most: number, whole = true): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    const value = typeof text === "string" && /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
    problems.push(
      `--${name}: want a ${whole ? "whole " : ""}number from ${least} to ${most}, got ${JSON.stringify(text)}`,
    );
    return otherwise;
  };
  const options: SoakOptions = {
    minutes: number("minutes", 10, 0.2, 100_000, false),
    rate: number("rate", 6_000, 10, 50_000),
    seed: number("seed", 1, 0, 2 ** 32 - 1),
    json: typeof values.json === "string" ? values.json : undefined,
  };
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "run", options };
}
