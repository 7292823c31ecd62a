/** What one may ask of the chaos judge. */
import { parseArgs } from "node:util";

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

export type Asked =
  | { readonly kind: "run"; readonly options: ChaosOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly problems: readonly string[] };

export function readOptions(args: readonly string[]): Asked {
  let values: Record<string, string | boolean | undefined>;
  try {
    const options = {
      minutes: { type: "string" },
      rate: { type: "string" },
      seed: { type: "string" },
      store: { type: "string" },
      only: { type: "string" },
      help: { type: "boolean", short: "h" },
    } as const;
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return { kind: "wrong", problems: [(error as Error).message] };
  }
  if (values.help === true) return { kind: "help" };
  const problems: string[] = [];
  const number = (name: string, otherwise: number, least: number, most: number): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    const value = typeof text === "string" && /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    problems.push(`--${name}: want a number from ${least} to ${most}, got ${JSON.stringify(text)}`);
    return otherwise;
  };
  const { store } = values;
  if (store !== undefined && store !== "etcd" && store !== "dir") {
    problems.push(`--store: want etcd or dir, got ${JSON.stringify(store)}`);
  }
  const options: ChaosOptions = {
    minutes: number("minutes", 10, 0.5, 100_000),
    rate: number("rate", 150, 10, 2_000),
    seed: number("seed", 1, 0, 2 ** 32 - 1),
    store: store === "etcd" || store === "dir" ? store : undefined,
    only: typeof values.only === "string" ? values.only : "",
  };
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "run", options };
}
