/**
 * Commits to the store in a directory, several at once and without end, and prints the number of each that is acknowledged:
 * a process to be killed. Commit `n` writes `n` under one of few keys.
 */
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbeddedStore } from "../../src/control/embedded/open.ts";

export const keyOf = (n: number) => `k${String(n % 20).padStart(2, "0")}`;

/** So small that the journal begins anew every few commits; nobody else is after the lock. */
export const childOptions = { journalBytes: 2_000, lock: { settleMs: 0 } };

async function run(path: string, from: number): Promise<never> {
  const store = await openEmbeddedStore(path, { clock: systemClock, chance: systemChance }, childOptions);
  for (let n = from; ; n += 4) {
    await Promise.all(
      [n, n + 1, n + 2, n + 3].map(async (each) => {
        await store.commit({ when: [], changes: [{ key: keyOf(each), value: `${each}` }] });
        process.stdout.write(`${each}\n`);
      }),
    );
  }
}

const [, script, path, from] = process.argv;
if (script === import.meta.filename && path !== undefined) await run(path, Number(from));
