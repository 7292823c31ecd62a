/** Does the sidecar say what its callers say? Its counters and gauges, once all is over, against what they counted. */
import { grpcStatusNames } from "../../src/grpc/status.ts";
import { type ExposedMetric, type ExposedSample, samplesOf } from "../support/exposition.ts";
import { tfPredict } from "../support/predict.ts";
import { kinds, unavailable } from "./kinds.ts";
import type { Figures } from "./tally.ts";

export interface Check {
  readonly what: string;
  readonly holds: boolean;
  readonly detail: string;
}

type Metrics = ReadonlyMap<string, ExposedMetric>;

function total(metrics: Metrics, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samplesOf(metrics, name, labels).reduce((sum, { value }) => sum + value, 0);
}

const gauges = ["contender_streams_active", "contender_queue_calls", "contender_buffered_bytes"];

/** What sockets are read into stays when nothing is under way: a piece of 64 KiB each, and so many for those to come. */
const readPiece = 65_536;
const keptPieces = 64;
const readMemory = { kind: "read_memory" };

/** Calls and copies that are under way, as gauges say; empty where none is. */
export function underWay(metrics: Metrics): string[] {
  const samples = gauges.flatMap((name) => samplesOf(metrics, name));
  return other(samples.filter(({ labels }) => labels.kind !== readMemory.kind));
}

/** The same, and connections of callers. */
export function leftOver(metrics: Metrics): string[] {
  return [...underWay(metrics), ...other(samplesOf(metrics, "contender_connections_active", { side: "downstream" }))];
}

function other(samples: readonly ExposedSample[]): string[] {
  return samples
    .filter(({ value }) => value !== 0)
    .map(({ name, labels, value }) => `${name} ${Object.values(labels).join(" ")} ${value}`);
}

/** The champion's weight in force, where it is not the one that was written last. @param champion the latter, of 100 */
export function staleWeights(metrics: Metrics, champion: number): string[] {
  const weight = total(metrics, "contender_route_weight_ratio", { route: "streams", variant: "v41" });
  return Math.abs(weight * 100 - champion) < 1e-6 ? [] : [`${weight} for ${champion} of 100`];
}

/** @param champion weight of the champion that was written last, of 100. */
export function agreement(metrics: Metrics, figures: Figures, champion: number): Check[] {
  const { started, fences } = figures;
  const counted = total(metrics, "contender_requests_total", live);
  const assigned = total(metrics, "contender_assignments_total");
  const refused = total(metrics, "contender_local_replies_total", { reason: "bad_timeout" });
  const left = leftOver(metrics);
  const readBytes = total(metrics, "contender_buffered_bytes", readMemory);
  const mostRead = (total(metrics, "contender_connections_active") + keptPieces) * readPiece;
  const stale = staleWeights(metrics, champion);
  const odd = ["contender_hook_failures_total", "contender_config_rejected_total"]
    .map((name) => [name, total(metrics, name)] as const)
    .filter(([, count]) => count > 0);
  return [
    { what: "calls in the sidecar's counters", holds: counted === started, detail: `${counted} of ${started}` },
    { what: "assignments", holds: assigned === started, detail: `${assigned} of ${started}` },
    { what: "refused fences", holds: refused === fences, detail: `${refused} of ${fences}` },
    { what: "memory to read into", holds: readBytes <= mostRead, detail: `${readBytes} bytes, at most ${mostRead}` },
    { what: "nothing is left under way", holds: left.length === 0, detail: left.join(", ") || "all gauges are 0" },
    {
      what: "the weights written last are in force",
      holds: stale.length === 0,
      detail: stale.join(", ") || `${champion} of 100`,
    },
    { what: "no file was rejected, no hook failed", holds: odd.length === 0, detail: odd.join(", ") || "none" },
    ...grpcStatusNames
      .map((name, code) => codeCheck(metrics, figures, name, code))
      .filter((check) => check !== undefined),
  ];
}

const live = { traffic: "live" };

/** One code, counted on both sides. Undefined where neither has it. */
function codeCheck(metrics: Metrics, figures: Figures, name: string, code: number): Check | undefined {
  const own = total(metrics, "contender_requests_total", { ...live, grpc_code: name });
  const told = figures.outcomes[code] ?? 0;
  if (own === 0 && told === 0) return undefined;
  const failure = code === unavailable;
  const ofCaller = name === "CANCELLED";
  // Where the caller ended a call itself, its answer may have been on its way already.
  const may = kinds.filter(({ codes }) => failure || ofCaller || codes.includes(code));
  const unknown = may.reduce((sum, kind) => {
    const { cancelled = 0, cut = 0 } = figures.byKind[kind.name] ?? {};
    return sum + cancelled + cut;
  }, 0);
  // An insured challenger's failure is counted as that, whatever the champion then said in its place.
  const insured = may.some(({ path }) => path === tfPredict) ? covered(metrics) : 0;
  const least = failure ? told : told - insured;
  const most = failure ? told + insured + unknown : told + unknown;
  return { what: `calls with ${name}`, holds: own >= least && own <= most, detail: `${own}, want ${least} to ${most}` };
}

function covered(metrics: Metrics): number {
  return ["fallback", "breaker_open"]
    .map((reason) => total(metrics, "contender_assignments_total", { reason }))
    .reduce((sum, count) => sum + count, 0);
}
