/** What one may ask of the chaos judge. */
import { type Asked, readJudgeOptions } from "../support/judge-options.ts";

export interface ChaosOptions {
  readonly minutes: number;
  /** Calls begun per second, over all sidecars. */
  readonly rate: number;
  readonly seed: number;
  /** Undefined for both, one after the other. */
  readonly store: "etcd" | "dir" | undefined;
  /** Only faults whose name has this in it; "" for all. */
  readonly only: string;
}

export const help = `Usage: npm run chaos -- [options]

Sidecars answer calls all the while their config service is killed, paused, cut off, put back to an older store and replaced
by programs that answer garbage: first two replicas on three members of etcd, then one on a directory. Every answer is held
against the slots that the service gave the sidecar that it came from. At the end it says, for each fault, how often it was
done, how many calls failed, and how long it took until everybody had the newest weights. Ctrl-C ends it early.

Options:
  --minutes N   how long, at least 0.5; more where a fault is under way (default 10)
  --seed N      seed of the timetable (default 1)
  --rate N      calls begun per second, 10 to 2000 (default 150)
  --store S     etcd or dir: only this one
  --only TEXT   only faults with this in their name
  --help        this text

It takes etcd 3.4, or 3.6 with --seed even, from test/judges/etcd/setup.sh.

Exit code: 0 where everything holds, 1 where something does not, 64 for a wrong option.`;

export const readOptions = (args: readonly string[]): Asked<ChaosOptions> =>
  readJudgeOptions(args, ["minutes", "rate", "seed", "store", "only"], (given) => ({
    minutes: given.number("minutes", { otherwise: 10, least: 0.5, most: 100_000 }),
    rate: given.number("rate", { otherwise: 150, least: 10, most: 2_000 }),
    seed: given.number("seed", { otherwise: 1, least: 0, most: 2 ** 32 - 1, whole: true }),
    store: given.word("store", ["etcd", "dir"]),
    only: given.text("only") ?? "",
  }));
