/**
 * What a primary and its workers say to each other over Node's IPC channel, one JSON text each.
 *
 * The channel keeps order, also around the connections that are passed over it: whoever got a message has got every
 * connection before it. Draining and the search for lost connections stand on that.
 */
import type { Address } from "../base/address.ts";
import type { Problem } from "../base/parsed.ts";
import type { CountsReading } from "../model/counts.ts";
import type { Snapshot } from "../model/route.ts";
import type { BreakerState } from "../resilience/breaker.ts";
import type { ListenerTlsSpec } from "../runtime/sidecar-tls.ts";
import type { RawHandle } from "../transport/door.ts";

/** Options of each module, by its name. */
export type LimitValues = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What a worker needs to know of the settings, its share of the limits taken already. */
export interface WorkerSettings {
  /** Its number, from 1; a worker that takes another's place has its number. */
  readonly worker: number;
  /** Of how many. */
  readonly workers: number;
  readonly local: Address | undefined;
  /** Whether callers come over a unix socket. */
  readonly unix: boolean;
  /** How callers are spoken to; undefined means in plain text. */
  readonly tls: ListenerTlsSpec | undefined;
  readonly trustHop: readonly string[];
  readonly nonGrpc: "refuse" | "forward";
  readonly limits: LimitValues;
  readonly logLevel: string;
  readonly accessLog: number;
  readonly predictionLog: boolean;
  readonly predictionLogSample: number;
  /** Whether somebody asks for counts by version of the configuration. */
  readonly counts: boolean;
  /** For calls in flight where the primary is gone and can't say when to end. */
  readonly gracePeriodMs: number;
}

/** A breaker as a worker is to see it. */
export interface BreakerWord {
  readonly key: string;
  readonly state: BreakerState;
  readonly epoch: number;
  /** Half-open: whether this worker's next call is the probe. */
  readonly probe: boolean;
}

/** What a worker's calls said of one breaker since it last reported, all of one epoch. */
export interface Outcomes {
  readonly key: string;
  readonly epoch: number;
  /** It has begun the probe. */
  readonly began: boolean;
  readonly succeeded: number;
  readonly failed: number;
  /** Its probe ended without saying anything. */
  readonly gaveBack: boolean;
  /** It gives back a probe that it has not begun. */
  readonly returned: boolean;
  /** A call asked in vain. */
  readonly wanted: boolean;
}

/** Copies that came to their end for one variant's warm-up. */
export interface WarmupCopies {
  /** Of route, variant, address and model: equal in all workers. */
  readonly key: string;
  readonly answered: number;
  readonly tried: number;
}

export type Question =
  | { readonly kind: "ping" }
  | { readonly kind: "metrics" }
  | { readonly kind: "readiness" }
  /** Of the worker's readings, the one that has been reported since; 0 where none has. */
  | { readonly kind: "counts"; readonly acknowledged: number }
  /** Plans a configuration and keeps it at hand. */
  | { readonly kind: "prepare"; readonly snapshot: Snapshot; readonly breakers: readonly BreakerWord[] }
  /** Puts what was prepared in force. */
  | { readonly kind: "commit" };

export interface Answers {
  readonly ping: null;
  /** The exposition, in pieces that end with a line. */
  readonly metrics: string;
  /** Routes whose champion this worker can't reach now. */
  readonly readiness: readonly string[];
  /** A `CountsReading` as JSON, in pieces. */
  readonly counts: string;
  /** What is wrong with it; empty where nothing is. */
  readonly prepare: readonly Problem[];
  /** The version in force. */
  readonly commit: string;
}

export type ToWorker =
  | {
      readonly kind: "start";
      readonly settings: WorkerSettings;
      readonly snapshot: Snapshot;
      readonly breakers: readonly BreakerWord[];
    }
  /** Comes with a connection. */
  | { readonly kind: "connection"; readonly id: number }
  | { readonly kind: "ask"; readonly id: number; readonly question: Question }
  | { readonly kind: "breakers"; readonly words: readonly BreakerWord[] }
  /** Wants a probe back that has not begun. */
  | { readonly kind: "recall"; readonly key: string; readonly epoch: number }
  /** What is in force by the first of these versions goes by the second from now on. */
  | { readonly kind: "rename"; readonly before: string; readonly version: string }
  /** Other workers' copies. */
  | { readonly kind: "warmups"; readonly copies: readonly WarmupCopies[] }
  | { readonly kind: "drain"; readonly graceMs: number }
  | { readonly kind: "force" };

export type ToPrimary =
  /** Listens to its channel: before that it has no ears. */
  | { readonly kind: "hello" }
  | { readonly kind: "ready" }
  | { readonly kind: "taken"; readonly id: number }
  /** So many connections have gone since the last word of it. */
  | { readonly kind: "gone"; readonly count: number }
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcomes[] }
  | { readonly kind: "warmups"; readonly copies: readonly WarmupCopies[] }
  | { readonly kind: "answer"; readonly id: number; readonly value: Answers[Question["kind"]]; readonly more: boolean }
  /** Its last word, with all that it counted. */
  | {
      readonly kind: "drained";
      readonly clean: boolean;
      readonly metrics: string;
      /** Undefined where nobody asks for them. */
      readonly counts?: CountsReading | undefined;
    };

/** A worker's end of the channel. */
export interface ParentPort {
  /** @param done is called once it is on its way, or can't be sent any more */
  send(message: ToPrimary, done?: () => void): void;
  onMessage(fn: (message: ToWorker, handle: RawHandle | undefined) => void): void;
  /** The primary is gone. */
  onDisconnect(fn: () => void): void;
}
