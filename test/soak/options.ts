/** What one may ask of a soak. */
import { type Asked, readJudgeOptions } from "../support/judge-options.ts";

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

export const readOptions = (args: readonly string[]): Asked<SoakOptions> =>
  readJudgeOptions(args, ["minutes", "rate", "seed", "json"], (given) => ({
    minutes: given.number("minutes", { otherwise: 10, least: 0.2, most: 100_000 }),
    rate: given.number("rate", { otherwise: 6_000, least: 10, most: 50_000, whole: true }),
    seed: given.number("seed", { otherwise: 1, least: 0, most: 2 ** 32 - 1, whole: true }),
    json: given.text("json"),
  }));
