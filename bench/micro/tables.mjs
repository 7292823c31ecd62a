/**
 * How many ranges tables come to have over long sequences of weights, and how long a change takes.
 *
 * `npx node bench/micro/tables.mjs [VARIANTS,… [STEPS]]`, by default 3,5,10,30 and 10,000 changes of each kind; some minutes. It needs
 * nothing but the sources. `against` is somebody who reads the table and does his worst; it has a tenth of the changes.
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { walkAgainst, walkTable, weightWalks } from "../../test/support/weight-walks.ts";

const [sizes = "3,5,10,30", count = "10000"] = process.argv.slice(2);
const steps = Number(count);
for (const variants of sizes.split(",").map(Number)) {
  const line = (what, changes, walked, startedMs) => {
    const each = ((performance.now() - startedMs) / changes).toFixed(2);
    console.log(
      `${variants} variants, ${what}: at most ${walked.most} ranges, ${walked.last} at the end, ${each} ms a change`,
    );
  };
  for (const walk of weightWalks) {
    const startedMs = performance.now();
    line(walk.what, steps, walkTable(walk, variants, steps), startedMs);
  }
  const startedMs = performance.now();
  line("against", (steps / 10) * 6, walkAgainst(variants, steps / 10), startedMs);
}
