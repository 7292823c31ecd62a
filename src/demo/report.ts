/** The demo's report as text: a table per route, a line per variant, its scores as a small plot. */
import type { DemoReport, RouteReport, ScoreBucket, ShadowReport, VariantReport } from "./summary.ts";

type Align = "left" | "right";

interface Column {
  readonly head: string;
  readonly align: Align;
  readonly live: (variant: VariantReport) => string;
  readonly shadow: (variant: ShadowReport) => string;
}

const none = "–";
const blocks = "▁▂▃▄▅▆▇█";

const columns: readonly Column[] = [
  { head: "variant", align: "left", live: (v) => v.name, shadow: (v) => v.name },
  { head: "role", align: "left", live: (v) => v.role, shadow: (v) => v.role },
  { head: "weight", align: "right", live: (v) => percent(v.weight), shadow: () => none },
  { head: "share", align: "right", live: (v) => percent(v.share), shadow: () => none },
  { head: "users", align: "right", live: (v) => whole(v.users), shadow: () => none },
  { head: "requests", align: "right", live: (v) => whole(v.requests), shadow: (v) => whole(v.requests) },
  { head: "errors", align: "right", live: (v) => whole(v.errors), shadow: (v) => whole(v.errors) },
  { head: "dropped", align: "right", live: () => none, shadow: (v) => whole(v.dropped) },
  { head: "p50 ms", align: "right", live: (v) => decimals(v.p50Ms, 2), shadow: (v) => decimals(v.p50Ms, 2) },
  { head: "p99 ms", align: "right", live: (v) => decimals(v.p99Ms, 2), shadow: (v) => decimals(v.p99Ms, 2) },
  { head: "score", align: "right", live: (v) => decimals(v.scoreMean, 3), shadow: (v) => decimals(v.scoreMean, 3) },
  {
    head: "its distribution",
    align: "left",
    live: (v) => sparkline(v.scoreHistogram),
    shadow: (v) => sparkline(v.scoreHistogram),
  },
];

/** The whole report. `titles`: what to call a route beside its name. */
export function formatReport(report: DemoReport, titles: ReadonlyMap<string, string>): string {
  const tables = report.routes.map((route) => formatRoute(route, titles.get(route.route) ?? ""));
  return tables.join("\n");
}

/** One route: a heading and a table. */
export function formatRoute(report: RouteReport, title: string): string {
  const rows = [
    columns.map(({ head }) => head),
    ...report.variants.map((variant) => columns.map(({ live }) => live(variant))),
    ...report.shadows.map((variant) => columns.map(({ shadow }) => shadow(variant))),
  ];
  const aligns = columns.map(({ align }) => align);
  return [`${report.route} (${title})`, ...aligned(rows, aligns), ""].join("\n");
}

/** What the figures mean, for whoever reads the table for the first time, and what the sidecar itself took. */
export function formatLegend({ calls, sidecar }: DemoReport): string {
  return [
    `calls: ${whole(calls.answered)} answered, ${whole(calls.failed)} failed.`,
    "score: mean probability that a credit goes bad; its distribution runs from 0 to 1, the highest block is the fullest bin.",
    "share: of distinct users, since the last change of routes where there was one.",
    "shadow: gets copies of the champion's calls; its answers are measured and thrown away.",
    `sidecar: version ${sidecar.version}, ${(sidecar.rssBytes / 1024 / 1024).toFixed(0)} MiB of memory.`,
    "",
  ].join("\n");
}

/**
 * One block per bin, as high as its count beside the fullest one's; an empty bin is a space. What lies at or below the
 * lowest bound or above the highest goes to the bin beside it, so that the plot covers the range and no more.
 */
export function sparkline(histogram: readonly ScoreBucket[]): string {
  const finite = histogram.filter(({ le }) => le !== "+Inf").map(({ count }) => count);
  const beyond = histogram.find(({ le }) => le === "+Inf")?.count ?? 0;
  if (finite.length < 2) return none;
  const [below = 0, ...bins] = finite;
  bins[0] = (bins[0] ?? 0) + below;
  bins[bins.length - 1] = (bins.at(-1) ?? 0) + beyond;
  const most = Math.max(...bins);
  if (most === 0) return none;
  return bins.map((count) => (count === 0 ? " " : blocks[Math.ceil((count / most) * blocks.length) - 1])).join("");
}

/** Columns as wide as their widest cell, two spaces apart, each line indented. */
export function aligned(rows: readonly (readonly string[])[], aligns: readonly Align[]): string[] {
  const widths = aligns.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => pad(cell, widths[i] ?? 0, aligns[i] ?? "left"));
    return `  ${cells.join("  ").trimEnd()}`;
  });
}

function pad(cell: string, width: number, align: Align): string {
  return align === "left" ? cell.padEnd(width) : cell.padStart(width);
}

export function whole(value: number): string {
  return value.toLocaleString("en-US");
}

export function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`;
}

function decimals(value: number | null, digits: number): string {
  return value === null ? none : value.toFixed(digits);
}
