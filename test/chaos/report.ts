/** What a run found, as text. */
import type { Verdicts } from "./verdicts.ts";
import type { World } from "./world.ts";

export interface Check {
  readonly what: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** With the service away, a sidecar that starts is to serve within so long; what others took of the processor is not its fault. */
const startWithinMs = 400;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const range = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} ms, median ${median(values).toFixed(0)}`;

/** What can be told once a scene is over: of the starts, of memory, and of what was counted. */
export async function sceneChecks(world: World, name: string): Promise<Check[]> {
  const { starts, meters } = world;
  const { grown, summary } = meters.findings;
  const own = starts.map(({ ownMs }) => ownMs);
  const wall = starts.map(({ wallMs }) => wallMs);
  const checks: Check[] = [
    {
      what: `${name}: memory and descriptors of replicas stay flat`,
      holds: grown.length === 0,
      detail: grown.join("; ") || summary,
    },
    ...(await countChecks(world, name)),
  ];
  if (starts.length > 0) {
    checks.push({
      what: `${name}: sidecars serve within ${startWithinMs} ms of their start`,
      holds: own.every((ms) => ms <= startWithinMs),
      detail: `${starts.length} starts, ${range(own)} without, ${range(wall)} with what others took of the processor`,
    });
  }
  return checks;
}

/** Failures in a row make a sidecar report less often, up to a minute apart. */
const countedWithinMs = 70_000;

async function countChecks(world: World, name: string): Promise<Check[]> {
  const endMs = performance.now() + countedWithinMs;
  let checks = await countsNow(world, name);
  while (checks.some(({ holds }) => !holds) && performance.now() < endMs) {
    await world.wait(500);
    checks = await countsNow(world, name);
  }
  return checks;
}

/** Of processes that were killed, what they had not reported is lost; of all others, every call is counted once. */
async function countsNow({ service, sidecars, verdicts }: World, name: string): Promise<Check[]> {
  const checks: Check[] = [];
  for (const route of new Set(sidecars.map((sidecar) => sidecar.route))) {
    const [least, most] = [new Map<string, number>(), new Map<string, number>()];
    for (const [key, count] of verdicts.counted) {
      const [its, variant = "", index, life] = key.split(" ");
      if (its !== route) continue;
      most.set(variant, (most.get(variant) ?? 0) + count);
      if (sidecars[Number(index)]?.life === Number(life)) least.set(variant, (least.get(variant) ?? 0) + count);
    }
    for (const [number, replica] of service.replicas.entries()) {
      const counts = await replica.counts(route);
      const wrong = [...new Set([...most.keys(), ...counts.keys()])].flatMap((variant) => {
        const [count = 0, from = 0, to = 0] = [counts, least, most].map((map) => map.get(variant) ?? 0);
        return count >= from && count <= to ? [] : [`${variant} ${count}, want ${from} to ${to}`];
      });
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const exact = [...most].every(([variant, count]) => least.get(variant) === count);
      const how = exact ? "exactly as many as its callers counted" : "within what was lost with killed processes";
      const detail = wrong.join("; ") || `${total} calls, ${how}`;
      checks.push({
        what: `${name}: calls of ${route} that replica ${number + 1} tells of`,
        holds: wrong.length === 0,
        detail,
      });
    }
  }
  return checks;
}

export function formatReport(verdicts: Verdicts, checks: readonly Check[]): string {
  const { calls, excused, failed, wrong, looks } = verdicts;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const rows = [...verdicts.faults].map(([name, { times, calls: made, failed: lost, wrong: bad, convergedMs }]) => {
    const figures = [String(times), String(made), String(lost), String(bad)];
    const took =
      convergedMs.length === 0 ? ["–", "–"] : [seconds(median(convergedMs)), seconds(Math.max(...convergedMs))];
    const widths = [7, 8, 8, 7, 9, 7];
    return `${name.padEnd(50)}${[...figures, ...took].map((text, i) => text.padStart(widths[i] ?? 8)).join("")}`;
  });
  return [
    "",
    `${"fault".padEnd(50)}  times   calls  failed  wrong   median    max`,
    ...rows,
    "(seconds from the end of a fault until everybody had weights that were changed after it)",
    "",
    ...checks.map(({ what, holds, detail }) => `${holds ? "pass" : "FAIL"}  ${what}: ${detail}`),
    ...(verdicts.problems.length > 0
      ? ["", "what went wrong first:", ...verdicts.problems.map((text) => `  ${text}`)]
      : []),
    "",
    `${calls} calls, ${failed} failed, ${wrong} answered by the wrong variant, ${excused} under way at a sidecar that was killed; ${looks} looks at what was in force`,
    checks.every(({ holds }) => holds) ? "chaos passed" : "chaos FAILED",
    "",
  ].join("\n");
}
