/**
 * From windows to tables and verdicts.
 */
import { median, spread } from "./stats.mjs";

/** The windows of one scenario: rounds[i][peer] is a figure of measure(). */
export class Results {
  constructor(scenario) {
    this.scenario = scenario;
    this.rounds = [];
    /** Peers that should have run and didn't. */
    this.notStarted = [];
    /** Errors of the load before the first round, as errors() gives them. */
    this.early = [];
  }

  add(round, peer, figures) {
    this.rounds[round] ??= {};
    this.rounds[round][peer] = figures;
  }

  peers() {
    return [...new Set(this.rounds.flatMap((round) => Object.keys(round)))];
  }

  of(peer, field) {
    return this.rounds.map((round) => round[peer]?.[field]).filter((value) => value !== undefined);
  }

  /** Median over rounds of the ratio within a round: what disturbs the machine for minutes falls out. */
  ratio(field, peer, base) {
    const ratios = this.rounds.map(
      (round) => (round[peer]?.[field] ?? Number.NaN) / (round[base]?.[field] ?? Number.NaN),
    );
    return median(ratios);
  }

  cpuTo = (peer, base) => this.ratio("cpuUsPerCall", peer, base);
  rssTo = (peer, base) => this.ratio("rssBytes", peer, base);
  p99To = (peer, base) => this.ratio("p99Us", peer, base);

  addPrime(peer, figures, round = 0) {
    if (figures.errors > 0) this.early.push({ peer, round, reasons: figures.errorReasons });
  }

  /** Who had calls that failed, in which round (0: before the first), and why. */
  errors() {
    const inRounds = this.peers().flatMap((peer) =>
      this.rounds.flatMap((round, i) => {
        const figures = round[peer];
        return figures === undefined || figures.errors === 0
          ? []
          : [{ peer, round: i + 1, reasons: figures.errorReasons }];
      }),
    );
    return [...this.early, ...inRounds];
  }
}

export const number = (value, digits = 0) =>
  Number.isFinite(value)
    ? value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : "–";

/** Median, least and most of some values. */
export function range(values, digits = 0, scale = 1) {
  const { median: middle, least, most } = spread(values.map((value) => value / scale));
  return Number.isFinite(middle) ? `${number(middle, digits)} (${number(least, digits)}–${number(most, digits)})` : "–";
}

/** A share in percent; a peer that splits nothing has none. */
const share = (value) => (value > 0 ? `${number(value * 100, 1)} %` : "–");

/** A Markdown table. */
export function table(head, rows) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

/** One scenario as a Markdown table: median, least and most over the rounds. */
export function scenarioTable(results) {
  const perCall = (field, digits, scale) => (peer) => range(results.of(peer, field), digits, scale);
  const columns = [
    ["peer", (peer) => peer],
    ["CPU µs/call", perCall("cpuUsPerCall", 1)],
    ["of a core", (peer) => number(median(results.of(peer, "cpuShare")), 2)],
    ["calls/s", perCall("callsPerSecond", 0)],
    ["p50 µs", perCall("p50Us", 0)],
    ["p99 µs", perCall("p99Us", 0)],
    ["RSS MiB", perCall("rssBytes", 0, 1 << 20)],
    ["x Envoy", (peer) => number(results.cpuTo(peer, "envoy"), 2)],
    ["x relay", (peer) => number(results.cpuTo(peer, "relay"), 2)],
    ["to challenger", (peer) => share(median(results.of(peer, "challengerShare")))],
    ...(results.scenario.mirror
      ? [["copies/call", (peer) => number(median(results.of(peer, "copiesPerCall")), 2)]]
      : []),
  ];
  return table(
    columns.map(([head]) => head),
    results.peers().map((peer) => columns.map(([, cell]) => cell(peer))),
  );
}

/** Latency beside a misbehaving shadow: every shadow against none, within the round. */
export function shadowTable(results) {
  const rows = results
    .peers()
    .map((mode) => [
      mode,
      range(results.of(mode, "p50Us")),
      range(results.of(mode, "p99Us")),
      number(results.p99To(mode, "none"), 3),
      number(median(results.of(mode, "cpuUsPerCall")), 1),
      range(results.of(mode, "rssBytes"), 0, 1 << 20),
      number(median(results.of(mode, "shadowConnections"))),
      number(median(results.of(mode, "shadowCalls"))),
      number(median(results.of(mode, "shadowBytes")) / (1 << 20), 1),
    ]);
  const seen = ["shadow's connections", "its calls", "MiB it sent"];
  return table(["shadow", "p50 µs", "p99 µs", "p99 x none", "CPU µs/call", "RSS MiB", ...seen], rows);
}

/** Verdicts on the project's own bars, one line each. */
export function verdicts(bars, byScenario) {
  return bars.map((bar) => {
    const results = byScenario.get(bar.scenario);
    const figure = results === undefined ? Number.NaN : bar.figure(results);
    const verdict = !Number.isFinite(figure) ? "not measured" : figure <= bar.most ? "pass" : "FAIL";
    return `${verdict.padEnd(12)} ${bar.scenario}: ${bar.text}: ${number(figure, 2)} (at most ${bar.most})`;
  });
}

/** The progress line of one window. */
export function windowLine(peer, figures) {
  const parts = [
    peer.padEnd(10),
    `${number(figures.cpuUsPerCall, 1).padStart(8)} µs/call`,
    `${number(figures.callsPerSecond).padStart(8)} calls/s`,
    `p50 ${number(figures.p50Us)} p99 ${number(figures.p99Us)} µs`,
    `${number(figures.rssBytes / (1 << 20))} MiB`,
  ];
  if (figures.errors > 0) parts.push(`ERRORS ${figures.errors}: ${JSON.stringify(figures.errorReasons)}`);
  return parts.join("  ");
}
