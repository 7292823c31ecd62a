/**
 * The bench: this project's sidecar and its peers side by side, in interleaved rounds, on one machine.
 *
 * `node bench/run.mjs --help` tells the options; bench/README.md what is measured, and what is not.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Child, freePort } from "./lib/children.mjs";
import { buildPrograms, machine, runBench } from "./lib/machine.mjs";
import { measure, program, startUpstream } from "./lib/measure.mjs";
import { buildContender, folder, otherRuns, peerPrograms, peers, startContender, workDir } from "./lib/peers.mjs";
import { profileLines, readProfile, sampleEveryUs } from "./lib/profile.mjs";
import { Results, scenarioTable, shadowTable, verdicts, windowLine } from "./lib/report.mjs";
import { bars, scenarios } from "./lib/scenarios.mjs";
import { selfCheck } from "./lib/self-check.mjs";
import { median } from "./lib/stats.mjs";

const help = `Usage: node bench/run.mjs [options]

Without options: all scenarios, all peers that are there, five rounds; then shadows that misbehave. About 20 minutes.

  --quick             relay and ours, closed loop and 1 MiB requests, in less than 90 s
  --scenario NAMES    of closed, paced, mirror, large, tls, tls-large, shadow
  --peers NAMES       of direct, relay, contender, contender-2 (two workers), envoy, haproxy, nginx
  --shadow MODES      only the shadow scenario, with these of dead, closed, slow, flooding, resetting
  --rounds N          5; the shadow scenario 10
  --seconds S         length of a window, 4
  --profile           one window of ours under V8's profiler: the functions that take the time, and a .cpuprofile
                      file in bench/.work; with --scenario for another than the closed loop
  --self-check        does the load generator see every kind of wrong answer?
  --json FILE         all figures of all windows
  --help

NAMES and MODES are separated by commas. Exit code 1: calls failed, or a peer did not start.`;

/** Load before the first round, so that no peer is measured while its code is still being compiled. */
const primeMs = 6000;
const warmupMs = 1000;
const shadowModes = ["dead", "slow", "flooding", "resetting"];
const say = (text = "") => process.stdout.write(`${text}\n`);

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      scenario: { type: "string" },
      peers: { type: "string" },
      shadow: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      profile: { type: "boolean", default: false },
      "self-check": { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const list = (text, known, flag) => {
    const names = text.split(",");
    for (const name of names) if (!known.includes(name)) throw new Error(`--${flag} ${name}: want ${known.join(", ")}`);
    return names;
  };
  const positive = (text, flag) => {
    if (!(Number(text) > 0)) throw new Error(`--${flag} ${text}: want a number above zero`);
    return Number(text);
  };
  const known = [...scenarios.map(({ name }) => name), "shadow"];
  const asked = values.scenario ?? (values.shadow ? "shadow" : values.quick ? "closed,large" : known.join(","));
  return {
    help: values.help,
    quick: values.quick,
    profile: values.profile,
    selfCheck: values["self-check"],
    json: values.json,
    scenarios: list(values.profile ? (values.scenario ?? "closed") : asked, known, "scenario"),
    peers: list(
      values.peers ?? (values.quick ? "relay,contender" : peers.map(({ name }) => name).join(",")),
      peers.map(({ name }) => name),
      "peers",
    ),
    shadowModes: list(values.shadow ?? shadowModes.join(","), [...shadowModes, "closed"], "shadow"),
    rounds: values.rounds === undefined ? (values.quick ? 3 : 5) : positive(values.rounds, "rounds"),
    shadowRounds: values.rounds === undefined ? 10 : positive(values.rounds, "rounds"),
    windowMs: (values.seconds === undefined ? (values.quick ? 3 : 4) : positive(values.seconds, "seconds")) * 1000,
  };
}

/** Peers of a scenario: those asked for, that can do it, and that are there; the others are named. */
function present(scenario, asked) {
  return peers.filter((peer) => {
    if (!asked.includes(peer.name)) return false;
    if (scenario.mirror && !peer.mirrors) {
      if (peer.splits) say(`${peer.name}: n/a, it can't copy gRPC calls to a second server`);
      return false;
    }
    if (scenario.tls && !peer.secure) return false;
    const missing = peer.missing();
    if (missing !== undefined) say(`${peer.name}: skipped, ${missing}`);
    return missing === undefined;
  });
}

/** Load on a proxy that has just started, in a closed loop: an open one would overrun what is not compiled yet. */
function prime(proxy, { load, size }, tls) {
  const closed = load.includes("-rate") ? scenarios[0].load : load;
  return measure(proxy, { load: closed, size, warmupMs: primeMs - 500, windowMs: 500, seed: 99, tls });
}

/** A folder of certificates for this run. */
function makeCertificates() {
  const at = folder("tls");
  execFileSync(program("certificates"), ["-folder", at]);
  return at;
}

/** Interleaved rounds of one scenario; the order turns by one place each round. */
async function runScenario(scenario, { rounds, windowMs, peers: asked }) {
  say(`\n## ${scenario.name}: ${scenario.title}`);
  const results = new Results(scenario);
  const tls = scenario.tls ? makeCertificates() : undefined;
  const upstream = await startUpstream(scenario.size, [], tls);
  const { champion, challenger, shadow } = upstream;
  const running = [];
  for (const peer of present(scenario, asked)) {
    try {
      const proxy = await peer.start({ champion, challenger, tls, shadow: scenario.mirror ? shadow : undefined });
      running.push({ name: peer.name, proxy });
    } catch (error) {
      results.notStarted.push(peer.name);
      say(`${peer.name}: did not start: ${error.message}`);
    }
  }
  const window = (proxy, seed, warmup, length) =>
    measure(proxy, {
      load: scenario.load,
      size: scenario.size,
      warmupMs: warmup,
      windowMs: length,
      seed,
      upstream,
      tls,
    });
  for (const { name, proxy } of running) results.addPrime(name, await prime(proxy, scenario, tls));
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    for (let i = 0; i < running.length; i++) {
      const { name, proxy } = running[(i + round) % running.length];
      const figures = await window(proxy, round + 1, warmupMs, windowMs);
      results.add(round, name, figures);
      say(`  ${windowLine(name, figures)}`);
    }
  }
  for (const { proxy } of running) await proxy.stop();
  await upstream.child.stop();
  return results;
}

/** A shadow that misbehaves in one way, and where it listens. */
async function startHostile(mode) {
  if (mode === "closed") {
    const nothing = { calls: 0, connections: 0, bytes: 0 };
    return { address: `127.0.0.1:${await freePort()}`, seen: () => nothing, stop: () => undefined };
  }
  const child = new Child(program("hostile"), ["-mode", mode]);
  const { addresses } = await child.next("listening");
  return { address: addresses[mode], seen: () => child.counts(), stop: () => child.stop() };
}

/**
 * Latency at half load beside shadows that misbehave. The sidecar is started anew for each window, so that no shadow's
 * doings reach into another's window; `none` runs twice a round, and its second run shows how much is noise.
 */
async function runShadows({ shadowRounds, windowMs, shadowModes: modes }) {
  const scenario = { name: "shadow", size: 512, load: ["-connections", "4"] };
  say("\n## shadow: p99 at half load, every call copied to a shadow that misbehaves");
  const results = new Results(scenario);
  const upstream = await startUpstream(scenario.size);
  const { champion, challenger } = upstream;
  const run = async (mode, load, seed) => {
    const hostile = mode.startsWith("none") ? undefined : await startHostile(mode);
    const proxy = await startContender({ champion, challenger, shadow: hostile?.address });
    results.addPrime(mode, await prime(proxy, scenarios[0]), seed);
    const figures = await measure(proxy, { load, size: scenario.size, warmupMs, windowMs, seed });
    const seen = await hostile?.seen();
    await proxy.stop();
    await hostile?.stop();
    return { ...figures, shadowCalls: seen?.calls, shadowConnections: seen?.connections, shadowBytes: seen?.bytes };
  };
  const full = [];
  for (let i = 0; i < 3; i++) full.push((await run("none", scenarios[0].load, i)).callsPerSecond);
  const rate = Math.round(median(full) / 2);
  say(`full load without a shadow: ${Math.round(median(full))} calls/s; half of that: ${rate}`);
  const order = ["none", ...modes, "none again"];
  for (let round = 0; round < shadowRounds; round++) {
    say(`round ${round + 1} of ${shadowRounds}`);
    for (let i = 0; i < order.length; i++) {
      const mode = order[(i + round) % order.length];
      const figures = await run(mode, [...scenario.load, "-rate", String(rate)], round + 1);
      results.add(round, mode, figures);
      say(`  ${windowLine(mode, figures)}`);
    }
  }
  await upstream.child.stop();
  return results;
}

/** One window of the sidecar under V8's profiler. */
async function profile(name, { windowMs }) {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined) throw new Error(`--profile: no scenario ${name}`);
  const dir = folder("profile");
  const tls = scenario.tls ? makeCertificates() : undefined;
  const upstream = await startUpstream(scenario.size, [], tls);
  const { champion, challenger, shadow } = upstream;
  const nodeArgs = ["--cpu-prof", `--cpu-prof-dir=${dir}`, `--cpu-prof-interval=${sampleEveryUs}`];
  const proxy = await startContender(
    { champion, challenger, tls, shadow: scenario.mirror ? shadow : undefined },
    { nodeArgs },
  );
  say(`profiling ${scenario.title}`);
  const { load, size } = scenario;
  const figures = await measure(proxy, { load, size, warmupMs: primeMs, windowMs, seed: 1, upstream, tls });
  await proxy.stop();
  await upstream.child.stop();
  say(windowLine("contender", figures));
  const file = readdirSync(dir).find((entry) => entry.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("the sidecar left no profile: it must end by itself on SIGTERM");
  const kept = join(workDir, `${name}.cpuprofile`);
  renameSync(join(dir, file), kept);
  for (const line of profileLines(readProfile(kept, figures.window), figures.calls)) say(line);
  say(`\n${kept} (Chrome's developer tools and VS Code open it)`);
  return figures.errors === 0;
}

async function main() {
  const asked = options();
  if (asked.help) {
    say(help);
    return true;
  }
  buildPrograms(say);
  const others = otherRuns();
  if (others.length > 0) say(`another bench is running (process ${others}): both will show wrong figures`);
  if (asked.selfCheck) return selfCheck(say);
  buildContender();
  const where = machine(peerPrograms());
  say(where);
  if (asked.profile) return profile(asked.scenarios[0], asked);
  const all = new Map();
  for (const name of asked.scenarios) {
    const scenario = scenarios.find((candidate) => candidate.name === name);
    const results = scenario === undefined ? await runShadows(asked) : await runScenario(scenario, asked);
    all.set(name, results);
    say(`\n${scenario === undefined ? shadowTable(results) : scenarioTable(results)}`);
  }
  if (asked.json !== undefined) {
    const figures = Object.fromEntries([...all].map(([name, results]) => [name, results.rounds]));
    const plain = (_, value) => (typeof value === "bigint" ? undefined : value);
    writeFileSync(asked.json, JSON.stringify({ machine: where, scenarios: figures }, plain, 2));
  }
  say(`\n${where}`);
  const judged = bars.filter(({ scenario }) => all.has(scenario));
  if (!asked.quick) for (const line of verdicts(judged, all)) say(line);
  const errors = [...all].flatMap(([name, results]) => results.errors().map((error) => ({ scenario: name, ...error })));
  for (const { scenario, peer, round, reasons } of errors) {
    say(`ERRORS ${scenario}, ${peer}, round ${round}: ${JSON.stringify(reasons)}`);
  }
  return errors.length === 0 && [...all.values()].every((results) => results.notStarted.length === 0);
}

runBench(main);
