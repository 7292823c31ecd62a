/**
 * The chaos judge: sidecars answer calls while their config service is killed, paused, cut off, put back and replaced. No call may
 * notice, and once a fault is over everybody must soon have the newest weights.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../soak/subject.ts";
import { mixer } from "../support/mixer.ts";
import { type Fault, faults, older } from "./faults.ts";
import { type ChaosOptions, help, readOptions } from "./options.ts";
import { type Check, formatReport, sceneChecks } from "./report.ts";
import { Verdicts } from "./verdicts.ts";
import { convergeMs, World } from "./world.ts";

const say = (text: string): void => void process.stderr.write(text);

let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
  });
}

/** @throws where it was not brought yet. */
function etcdBinary(seed: number): string {
  const version = seed % 2 === 0 ? "3.6" : "3.4";
  const binary = fileURLToPath(new URL(`../judges/etcd/.work/etcd-${version}`, import.meta.url));
  if (!existsSync(binary)) throw new Error(`there is no etcd ${version}: run test/judges/etcd/setup.sh`);
  return binary;
}

function shuffled(all: readonly Fault[], random: () => number): Fault[] {
  return all
    .map((fault) => ({ fault, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

async function suffer(world: World, fault: Fault, scene: string, verdicts: Verdicts): Promise<void> {
  verdicts.fault = fault.name;
  const figures = verdicts.figures(fault.name);
  figures.times++;
  const beganMs = performance.now();
  const problems = verdicts.problemCount;
  await fault.run(world);
  const tookMs = await world.converge();
  figures.convergedMs.push(tookMs);
  const bad = verdicts.problemCount > problems ? `, ${verdicts.problemCount - problems} PROBLEMS` : "";
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
  say(`${scene}: ${fault.name}: ${seconds} s, of which ${(tookMs / 1_000).toFixed(1)} to converge${bad}\n`);
}

async function scene(
  name: "etcd" | "dir",
  built: string,
  folder: string,
  minutes: number,
  options: ChaosOptions,
  verdicts: Verdicts,
): Promise<Check[]> {
  const { rate, seed, only } = options;
  const random = mixer(seed);
  await mkdir(folder);
  say(`${name}: starting\n`);
  const etcd = name === "etcd" ? etcdBinary(seed) : undefined;
  const world = await World.start({ folder, built, etcd, rate, seed, random, verdicts });
  try {
    verdicts.fault = `nothing (${name})`;
    verdicts.counted.clear();
    const { service } = world;
    await world.converge();
    await service.kill();
    await service.stopEtcd();
    await world.save(older);
    await service.startEtcd();
    await service.again();
    await world.converge();
    await world.wait(2_000);
    const endMs = performance.now() + minutes * 60_000;
    const over = (): boolean => interrupted || performance.now() > endMs;
    const fitting = faults.filter((fault) => (fault.store ?? name) === name && fault.name.includes(only));
    while (!over() && fitting.length > 0) {
      for (const fault of shuffled(fitting, random)) if (!over()) await suffer(world, fault, name, verdicts);
    }
    verdicts.fault = `the end (${name})`;
    await world.stopCalls();
    return await sceneChecks(world, name);
  } finally {
    await world.end();
  }
}

async function chaos(options: ChaosOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "contender-chaos-"));
  const verdicts = new Verdicts();
  const checks: Check[] = [];
  say(`seed ${options.seed}, building\n`);
  try {
    const built = join(folder, "built");
    await mkdir(built);
    await build(built);
    const stores = (["etcd", "dir"] as const).filter((each) => (options.store ?? each) === each);
    // What etcd is, and all that can happen to it, takes more time.
    const shares = stores.length === 1 ? [1] : [0.6, 0.4];
    for (const [i, store] of stores.entries()) {
      const minutes = options.minutes * (shares[i] ?? 1);
      checks.push(...(await scene(store, built, join(folder, store), minutes, options, verdicts)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { calls, failed, wrong, problemCount, problems } = verdicts;
  const other = problemCount - failed - wrong;
  const slowest = Math.max(0, ...[...verdicts.faults.values()].flatMap(({ convergedMs }) => convergedMs));
  const all: Check[] = [
    { what: "no call failed", holds: failed === 0 && calls > 0, detail: `${failed} of ${calls}` },
    { what: "every answer is by a variant that its user has", holds: wrong === 0, detail: `${wrong} are not` },
    {
      what: `everybody has the newest weights within ${convergeMs / 1_000} s of a fault`,
      holds: slowest < convergeMs,
      detail: `${(slowest / 1_000).toFixed(1)} s at most`,
    },
    {
      what: "sidecars keep and tell what is so",
      holds: other === 0,
      detail: other === 0 ? "always" : `${other} times not, ${problems.length} of all problems below`,
    },
    ...checks,
  ];
  process.stdout.write(formatReport(verdicts, all));
  return all.every(({ holds }) => holds);
}

const asked = readOptions(process.argv.slice(2));
if (asked.kind === "help") process.stdout.write(`${help}\n`);
else if (asked.kind === "wrong") {
  say(`${asked.problems.join("\n")}\n\n${help}\n`);
  process.exitCode = 64;
} else {
  process.exitCode = 1;
  try {
    if (await chaos(asked.options)) process.exitCode = 0;
  } catch (error) {
    say(`the run broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
}
