/**
 * The messages of `proto/contender/v1` as TypeScript sees them, read with defaults filled in: what is not set is "", 0, false, an
 * empty list, or null for a message; `optional` fields and those of a `oneof` are absent. Their meaning stands in the proto files.
 */

export interface DurationMessage {
  readonly seconds: number;
  readonly nanos: number;
}
export type TimestampMessage = DurationMessage;

export interface KeySourceMessage {
  readonly metadata?: string;
  readonly parameter?: string;
  readonly input?: string;
}

export interface VariantMessage {
  readonly name: string;
  readonly address: string;
  readonly authority?: string;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly serverName?: string;
    readonly minVersion?: string;
  } | null;
  readonly model: {
    readonly name?: string;
    readonly version?: string;
    readonly label?: string;
    readonly restoreResponse?: boolean;
  } | null;
  readonly metadata: readonly { readonly name: string; readonly value: string }[];
  readonly expectVersion?: string;
  readonly onFailure: string;
  readonly artifact?: string;
  readonly warmup: { readonly copies: number; readonly timeout: DurationMessage | null } | null;
}

export interface ShadowMessage {
  readonly variant: string;
  readonly percent?: number;
  readonly maxPerSecond?: number;
  readonly timeout: DurationMessage | null;
  readonly maxInFlight?: number;
  readonly maxBytes?: number;
  readonly maxMessageBytes?: number;
  readonly forwardAuthorization?: boolean;
}

export interface SlotTableMessage {
  readonly variants: readonly number[];
  readonly lengths: readonly number[];
}

export interface RouteMessage {
  readonly name: string;
  readonly default?: boolean;
  readonly match: {
    readonly dialect: string;
    readonly models: readonly string[];
    readonly services: readonly string[];
  } | null;
  readonly key: {
    readonly from: readonly KeySourceMessage[];
    readonly hasIgnore: boolean;
    readonly ignore: readonly string[];
  } | null;
  readonly assignment: string;
  readonly salt?: string;
  readonly pin?: boolean;
  readonly variantHeader?: boolean;
  readonly peekBytes?: number;
  readonly maxTimeout: DurationMessage | null;
  readonly score: {
    readonly output: string;
    readonly reduce: string;
    readonly index?: number;
    readonly range: readonly number[];
    readonly buckets: readonly number[];
  } | null;
  readonly variants: readonly VariantMessage[];
  readonly champion: string;
  readonly weights: readonly { readonly variant: string; readonly weight: number }[];
  readonly shadows: readonly ShadowMessage[];
  readonly gates: {
    readonly errors: { readonly maxRatio: number; readonly action: string } | null;
    readonly latency: {
      readonly slowerThan: DurationMessage | null;
      readonly maxRatio: number;
      readonly action: string;
    } | null;
    readonly score: { readonly maxShift: number; readonly action: string } | null;
  } | null;
  readonly ttl: DurationMessage | null;
  readonly table: SlotTableMessage | null;
  readonly capabilities: readonly string[];
}

export interface ProblemMessage {
  readonly path: string;
  readonly message: string;
  readonly where: string;
}

export interface WithheldMessage {
  readonly route: string;
  readonly missingCapabilities: readonly string[];
}

export interface SnapshotMessage {
  readonly routes: readonly RouteMessage[];
  readonly withheld: readonly WithheldMessage[];
}

export interface NodeMessage {
  readonly instance: string;
  readonly startedAt: TimestampMessage | null;
  readonly namespace: string;
  readonly workload: string;
  readonly pod: string;
  readonly release: string;
  readonly capabilities: readonly string[];
}

export interface WatchRequest {
  readonly node: NodeMessage | null;
  readonly version: string;
  readonly nonce: string;
  readonly problems: readonly ProblemMessage[];
}

export interface WatchResponse {
  readonly version: string;
  readonly nonce: string;
  readonly snapshot: SnapshotMessage | null;
  readonly heartbeat: DurationMessage | null;
}

export interface FetchRequest {
  readonly node: NodeMessage | null;
}

export interface FetchResponse {
  readonly version: string;
  readonly snapshot: SnapshotMessage | null;
}

export interface HistogramMessage {
  readonly bounds: number;
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface SeriesMessage {
  readonly route: string;
  readonly variant: string;
  readonly traffic: string;
  readonly version: string;
  readonly keyed: boolean;
  readonly codes: readonly { readonly code: number; readonly count: number }[];
  readonly latency: HistogramMessage | null;
  readonly score: HistogramMessage | null;
  readonly invalidScores: number;
}

export interface ReportRequest {
  readonly instance: string;
  readonly startedAt: TimestampMessage | null;
  readonly sequence: number;
  readonly takenAt: TimestampMessage | null;
  readonly final: boolean;
  readonly bounds: readonly { readonly upper: readonly number[] }[];
  readonly series: readonly SeriesMessage[];
  readonly namespace: string;
  readonly workload: string;
}

export interface ReportResponse {
  readonly nextReport: DurationMessage | null;
}

/** The message of a time in milliseconds, which are whole or nearly so. */
export function durationMessage(ms: number): DurationMessage {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** Milliseconds of a message; undefined where there is none. */
export function durationMs(message: DurationMessage | null | undefined): number | undefined {
  return message == null ? undefined : message.seconds * 1000 + message.nanos / 1e6;
}
