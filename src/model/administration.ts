/** What people ask of a config service, and what it tells them: the words of `AdminService`, without its wire. */
import type { Problem } from "../base/parsed.ts";

/** What a change was for, and what it is based on. */
export interface Intent {
  readonly reason: string;
  /** Of the route that the change is based on; 0 changes whatever there is. */
  readonly expectedRevision: number;
  /** Only says what would happen. */
  readonly dryRun: boolean;
}

export interface Share {
  readonly variant: string;
  /** 0..1. */
  readonly share: number;
}

/** Slots that follow each other and belong to one variant. */
export interface SlotRun {
  readonly variant: string;
  readonly slots: number;
}

export interface Author {
  /** A question mark behind it says that nobody asked for a proof. */
  readonly name: string;
  readonly atMs: number;
  readonly reason: string;
}

export interface RouteState {
  readonly name: string;
  /** As it was written, with the weights in force. */
  readonly document: string;
  readonly revision: number;
  readonly champion: string;
  readonly weights: readonly Share[];
  /** From slot 0; none with md5-100. */
  readonly table: readonly SlotRun[];
  readonly author: Author;
}

/** Slots that change hands; nobody loses those of a new route. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly slots: number;
}

/** In lower case, as people read it: `created`, `replaced`, `unchanged`, `weights`, `deleted`, `undone`. */
export type ChangeKind = string;

export interface RouteChange {
  readonly name: string;
  readonly kind: ChangeKind;
  readonly revision: number;
  readonly moves: readonly Move[];
  readonly warnings: readonly Problem[];
  /** Sidecars that lack what the route needs: the first by name. */
  readonly withheldFrom: readonly string[];
  /** How many those are in all. */
  readonly withheldCount: number;
}

export interface Changed {
  readonly changes: readonly RouteChange[];
  /** Of the store after it: what sidecars are waited for. */
  readonly revision: number;
}

export interface HistoryEntry {
  readonly revision: number;
  readonly kind: ChangeKind;
  readonly author: Author;
  /** The whole document after it; empty after a removal. */
  readonly document: string;
  readonly weights: readonly Share[];
  readonly moves: readonly Move[];
}

/** `current`, `pending`, `rejected` or `gone`; `unspecified` for one that this release does not know. */
export type SidecarState = string;

export interface SidecarStatus {
  readonly instance: string;
  readonly namespace: string;
  readonly workload: string;
  readonly pod: string;
  /** By certificate or token; empty where none was asked for. */
  readonly identity: string;
  readonly release: string;
  readonly state: SidecarState;
  readonly version: string;
  /** Of the store as it is; 0 where its version belongs to another. */
  readonly revision: number;
  /** Why it refused what it was sent. */
  readonly problems: readonly Problem[];
  /** Routes that it is not given. */
  readonly withheld: readonly { readonly route: string; readonly capabilities: readonly string[] }[];
  readonly lastSeenMs: number | undefined;
  readonly startedAtMs: number | undefined;
}

export interface FleetQuestion {
  /** Only sidecars that this route is for; all where it is "". */
  readonly route: string;
  /** Answered when each has applied this revision or a later one, or refused it; at once where it is 0. */
  readonly waitForRevision: number;
  readonly waitAtMostMs: number;
}

/** Every method throws a ContenderError that says what to do. */
export interface Administration {
  /** As people write it: `127.0.0.1:7410`, `tls://control.ml:7410`. */
  readonly where: string;
  apply(texts: readonly { readonly name: string; readonly text: string }[], intent: Intent): Promise<Changed>;
  get(name: string, atMs: number | undefined): Promise<RouteState>;
  list(): Promise<{ readonly routes: readonly RouteState[]; readonly revision: number }>;
  delete(name: string, intent: Intent): Promise<Changed>;
  setWeights(name: string, weights: readonly (readonly [string, number])[], intent: Intent): Promise<Changed>;
  /** @param limit 0 for all that are kept */
  history(name: string, limit: number): Promise<readonly HistoryEntry[]>;
  /** @param toRevision 0 for the document before the last change */
  undo(name: string, toRevision: number, intent: Intent): Promise<Changed>;
  sidecars(
    question: FleetQuestion,
  ): Promise<{ readonly sidecars: readonly SidecarStatus[]; readonly revision: number }>;
  close(): void;
}
