/** The demo's outcome, as its JSON document has it: the sidecar's figures and the callers' put side by side. */
import { type ChangeReport, shareOf } from "./change.ts";
import { type Histogram, type MetricSample, quantile, select, selectHistogram, total } from "./exposition.ts";
import type { Tally } from "./tally.ts";

export interface ScoreBucket {
  /** Upper bound; scores at it are inside. */
  readonly le: number | "+Inf";
  /** Rows in this bucket alone. */
  readonly count: number;
}

/** What the sidecar measured of any variant. */
interface Measured {
  readonly name: string;
  readonly role: string;
  readonly requests: number;
  readonly errors: number;
  readonly rowsScored: number;
  /** Null where nothing was measured, as are the others. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly scoreMean: number | null;
  readonly scoreHistogram: readonly ScoreBucket[];
}

export interface VariantReport extends Measured {
  /** Share of live calls that the configuration gives it, 0 to 1. */
  readonly weight: number;
  /** Distinct users it answered since the last change of the routes, as the callers saw it. */
  readonly users: number;
  /** Its part of all users, 0 to 1. */
  readonly share: number;
  /** Rows in its answers, as the callers saw them. */
  readonly rowsAnswered: number;
}

/** `requests` are copies that were answered or failed; `dropped` ones were not sent or not waited for. */
export interface ShadowReport extends Measured {
  readonly dropped: number;
  readonly dropReasons: Readonly<Record<string, number>>;
}

export interface RouteReport {
  readonly route: string;
  readonly variants: readonly VariantReport[];
  readonly shadows: readonly ShadowReport[];
}

export interface DemoReport {
  readonly routes: readonly RouteReport[];
  /** As the callers count them, on all routes. */
  readonly calls: { readonly answered: number; readonly failed: number };
  /** The demo's own change of weights, and those made from elsewhere, in order. */
  readonly changes: readonly ChangeReport[];
  readonly sidecar: { readonly version: string; readonly rssBytes: number };
}

/** `tallies`: what callers saw, by route. */
export function summarise(
  samples: readonly MetricSample[],
  tallies: ReadonlyMap<string, Tally>,
  changes: readonly ChangeReport[],
): DemoReport {
  const calls = sumOf(tallies, (tally) => tally.calls);
  const failed = sumOf(tallies, (tally) => tally.errors);
  return {
    routes: [...tallies].map(([route, tally]) => summariseRoute(samples, route, tally)),
    calls: { answered: calls - failed, failed },
    changes,
    sidecar: {
      version: select(samples, "contender_build_info")[0]?.labels.version ?? "unknown",
      rssBytes: total(select(samples, "process_resident_memory_bytes")),
    },
  };
}

function sumOf(tallies: ReadonlyMap<string, Tally>, count: (tally: Tally) => number): number {
  return [...tallies.values()].reduce((sum, tally) => sum + count(tally), 0);
}

function summariseRoute(samples: readonly MetricSample[], route: string, tally: Tally): RouteReport {
  const named = select(samples, "contender_variant_info", { route }).map(({ labels }) => ({
    name: labels.variant ?? "",
    role: labels.role ?? "",
  }));
  const live = named.filter(({ role }) => role !== "shadow");
  return {
    route,
    variants: live.map(({ name, role }) => ({
      ...measure(samples, route, name, role, "live"),
      weight: total(select(samples, "contender_route_weight_ratio", { route, variant: name })),
      users: tally.now.users(name),
      share: shareOf(tally.now, name),
      rowsAnswered: tally.rows(name),
    })),
    shadows: named
      .filter(({ role }) => role === "shadow")
      .map(({ name, role }) => {
        const drops = select(samples, "contender_shadow_dropped_total", { route, variant: name });
        return {
          ...measure(samples, route, name, role, "shadow"),
          dropped: total(drops),
          dropReasons: Object.fromEntries(drops.map(({ labels, value }) => [labels.reason ?? "", value])),
        };
      }),
  };
}

function measure(
  samples: readonly MetricSample[],
  route: string,
  name: string,
  role: string,
  traffic: "live" | "shadow",
): Measured {
  const labels = { route, variant: name, traffic };
  const requests = select(samples, "contender_requests_total", labels);
  // A caller waits for the whole call; for a copy nobody waits, there only the upstream's time exists.
  const latency = selectHistogram(
    samples,
    traffic === "live" ? "contender_request_duration_seconds" : "contender_upstream_duration_seconds",
    labels,
  );
  const score = selectHistogram(samples, "contender_score", labels);
  return {
    name,
    role,
    requests: total(requests),
    errors: total(requests.filter(({ labels: { grpc_code } }) => grpc_code !== "OK")),
    rowsScored: score.count,
    p50Ms: milliseconds(quantile(latency, 0.5)),
    p99Ms: milliseconds(quantile(latency, 0.99)),
    scoreMean: score.count === 0 ? null : round(score.sum / score.count, 6),
    scoreHistogram: buckets(score),
  };
}

function buckets({ bounds, counts }: Histogram): ScoreBucket[] {
  // JSON has no infinity; the text is the one that Prometheus uses.
  return bounds.map((bound, i) => ({ le: Number.isFinite(bound) ? bound : "+Inf", count: counts[i] ?? 0 }));
}

function milliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : round(seconds * 1000, 3);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Whether the sidecar has counted all that callers got, and nothing is under way any more. */
export function isSettled(samples: readonly MetricSample[], report: DemoReport): boolean {
  const upstream = total(select(samples, "contender_streams_active", { side: "upstream" }));
  const variants = report.routes.flatMap((route) => route.variants);
  return upstream === 0 && variants.every(({ rowsScored, rowsAnswered }) => rowsScored === rowsAnswered);
}
