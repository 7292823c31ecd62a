/**
 * A real `contender control` with thousands of simulated sidecars: what a change, a hundred, rest, and a storm cost.
 *
 * `node bench/fleet/run.mjs --help` tells the options; bench/README.md what is measured, and what is not.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { buildPrograms, machine, runBench } from "../lib/machine.mjs";
import { buildContender, otherRuns } from "../lib/peers.mjs";
import { Control } from "./control.mjs";
import { Fleet, Phases } from "./phases.mjs";
import { faults, fullSize, tables, verdicts } from "./report.mjs";
import { Weights } from "./routes.mjs";

const help = `Usage: node bench/fleet/run.mjs [options]

Without options: 10,000 sidecars, about four minutes.

  --quick             1,000 sidecars, less than a minute
  --sidecars N        10,000; at most 19,000 where a process may have 20,000 files
  --rounds N          single changes, 5
  --idle S            seconds at rest, 60
  --control FILE      another program for Node in the place of contender control
  --node-args ARGS    for control's Node, separated by blanks
  --json FILE         all figures
  --help

Exit code 1: a sidecar was not up to date in time, or saw what it should not have.`;

/** A thousand sidecars a second: a fleet is started by a scheduler, which is not faster. */
const connectsPerSecond = 1000;
const changesInRow = 100;
const say = (text = "") => process.stdout.write(`${text}\n`);
const progress = (text) => process.stderr.write(`${text}\n`);

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      sidecars: { type: "string" },
      rounds: { type: "string" },
      idle: { type: "string" },
      control: { type: "string" },
      "node-args": { type: "string", default: "" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { quick } = values;
  const positive = (flag, otherwise) => {
    const value = values[flag] === undefined ? otherwise : Number(values[flag]);
    if (!(Number.isInteger(value) && value > 0))
      throw new Error(`--${flag} ${values[flag]}: want a whole number above zero`);
    return value;
  };
  return {
    help: values.help,
    sidecars: positive("sidecars", quick ? 1000 : fullSize),
    rounds: positive("rounds", quick ? 2 : 5),
    idleMs: positive("idle", quick ? 10 : 60) * 1000,
    program: values.control,
    nodeArgs: values["node-args"].split(" ").filter((arg) => arg !== ""),
    json: values.json,
  };
}

const line = ({ p50Ms, p99Ms, maxMs, cpuSeconds, fleetCpuSeconds, rssBytes }) =>
  [
    ...(maxMs === undefined ? [] : [`p50 ${p50Ms.toFixed(0)} p99 ${p99Ms.toFixed(0)} last ${maxMs.toFixed(0)} ms`]),
    `control ${cpuSeconds.toFixed(2)} s and ${(rssBytes / (1 << 20)).toFixed(0)} MiB`,
    `simulator ${fleetCpuSeconds.toFixed(2)} s`,
  ].join(", ");

async function measureAll(control, { sidecars, rounds, idleMs }) {
  await control.start();
  const weights = new Weights(control);
  const snapshotBytes = await weights.prepare();
  const emptyRssBytes = control.rss();
  progress(`control listens on ${control.listen}; a snapshot has ${snapshotBytes} bytes`);
  const fleet = new Fleet(control.listen);
  const phases = new Phases(control, weights, fleet);
  const told = async (what, phase) => {
    const figures = await phase;
    progress(`${what}: ${line(figures)}`);
    return figures;
  };
  const rampMs = Math.ceil((sidecars / connectsPerSecond) * 1000);
  const connect = await told("all connect", phases.connect(sidecars, rampMs));
  const changes = [];
  for (let i = 0; i < rounds; i++) changes.push(await told("one change", phases.change()));
  const idle = await told("at rest", phases.idle(idleMs));
  const row = await told(`${changesInRow} changes`, phases.changes(changesInRow));
  const restart = await told("killed and started", phases.restart());
  const cut = await told("all cut", phases.cut());
  const stats = await fleet.stats();
  const { mostRss: mostRssBytes } = control;
  const end = await phases.end();
  progress(`told to end, with every stream open: ended after ${end.tookMs.toFixed(0)} ms, with ${end.code}`);
  await fleet.child.stop();
  return {
    sidecars,
    snapshotBytes,
    emptyRssBytes,
    mostRssBytes,
    connect,
    changes,
    idle,
    row,
    restart,
    cut,
    end,
    stats,
  };
}

async function main() {
  const asked = options();
  if (asked.help) {
    say(help);
    return true;
  }
  buildPrograms(progress);
  const others = otherRuns();
  if (others.length > 0) progress(`another bench is running (process ${others}): both will show wrong figures`);
  if (asked.program === undefined) buildContender();
  const where = machine();
  progress(where);
  const figures = await measureAll(new Control(asked), asked);
  say(`${asked.sidecars.toLocaleString("en-US")} sidecars, snapshots of ${figures.snapshotBytes} bytes: ${where}.\n`);
  for (const text of tables(figures)) say(text);
  if (asked.sidecars >= fullSize) for (const text of ["", ...verdicts(figures)]) say(text);
  if (asked.json !== undefined) writeFileSync(asked.json, JSON.stringify({ machine: where, ...figures }, null, 2));
  const wrong = faults(figures);
  for (const text of wrong) say(`FAULT ${text}`);
  return wrong.length === 0;
}

runBench(main);
