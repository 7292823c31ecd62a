/**
 * From figures to the page's tables and verdicts.
 */
import { number, range, table } from "../lib/report.mjs";
import { median } from "../lib/stats.mjs";

const mib = (bytes) => number(bytes / (1 << 20));
const seconds = (ms) => number(ms / 1000, 2);

/** What the project asks of itself, for 10,000 sidecars. */
export const fullSize = 10_000;
const bars = [
  [
    "one change applied, p99 of the worst round, s",
    2,
    ({ changes }) => Math.max(...changes.map((c) => c.p99Ms)) / 1000,
  ],
  ["most memory of control, MiB", 1024, ({ mostRssBytes }) => mostRssBytes / (1 << 20)],
  ["all back after a restart, s", 15, ({ restart }) => restart.maxMs / 1000],
  ["all back after a cut, s", 15, ({ cut }) => cut.maxMs / 1000],
];

/** One line each; fewer sidecars are judged by nothing. */
export function verdicts(figures) {
  return bars.map(([text, most, figure]) => {
    const value = figure(figures);
    return `${(value <= most ? "pass" : "FAIL").padEnd(12)} ${text}: ${number(value, 2)} (at most ${number(most)})`;
  });
}

/** Sidecars that did not come to what was waited for, and all that should not happen. */
export function faults({ connect, changes, row, restart, cut, end, stats }) {
  const missing = [connect, ...changes, row, restart, cut].reduce((sum, phase) => sum + phase.missing, 0);
  return [
    ...(missing > 0 ? [`${missing} sidecars were not up to date in time`] : []),
    ...(end.code === 0 ? [] : [`told to end, control ended with ${end.code}`]),
    ...(stats.nacks > 0 ? [`${stats.nacks} snapshots were refused`] : []),
    ...Object.entries(stats.problems).map(([name, count]) => `${count} x ${name}`),
  ];
}

export function tables({ connect, changes, idle, row, restart, cut, end, emptyRssBytes }) {
  const all = (field, digits, scale) =>
    range(
      changes.map((change) => change[field]),
      digits,
      scale,
    );
  const quantiles = (phase) => [seconds(phase.p50Ms), seconds(phase.p99Ms), seconds(phase.maxMs)];
  const single = (what, phase) => [
    what,
    ...quantiles(phase),
    number(phase.cpuSeconds, 2),
    mib(phase.rssBytes),
    phase.snapshots === undefined ? "–" : number(phase.snapshots),
  ];
  const perSidecar = (connect.rssBytes - emptyRssBytes) / connect.sidecars / 1024;
  const idleShare = median([idle.cpuSeconds / idle.seconds]);
  return [
    table(
      ["until all are up to date", "p50 s", "p99 s", "last s", "control's CPU s", "RSS MiB", "snapshots"],
      [
        single("all connect", connect),
        [
          `one change (${changes.length} rounds)`,
          all("p50Ms", 2, 1000),
          all("p99Ms", 2, 1000),
          all("maxMs", 2, 1000),
          all("cpuSeconds", 2),
          all("rssBytes", 0, 1 << 20),
          number(connect.sidecars),
        ],
        single(`${row.count} changes in a row`, row),
        single("control killed and started", restart),
        single("all connections cut", cut),
      ],
    ),
    "",
    `A change is in the store after ${number(median(changes.map((change) => change.storedMs)), 1)} ms, the ${row.count} in a row after ${seconds(row.storedMs)} s; control was down for ${seconds(restart.downMs)} s. Told to end, it sends every stream elsewhere and has ended after ${seconds(end.tookMs)} s.`,
    `At rest: ${number(idleShare * 60, 1)} s of CPU a minute, for ${number((idle.reports / idle.seconds) * 60)} reports and ${number((idle.heartbeats / idle.seconds) * 60)} heartbeats; ${mib(idle.rssBytes)} MiB. Without sidecars ${mib(emptyRssBytes)} MiB; a connected sidecar takes ${number(perSidecar, 1)} KiB.`,
  ];
}
