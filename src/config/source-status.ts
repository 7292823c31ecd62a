/**
 * What is known of a source of routes that is asked over a network: one shape for the config service, HTTP and etcd, which
 * `/config`, the metrics and the log show.
 *
 * A source that is away is no error of the sidecar's: it serves what it has. So its loss is told once, and its return once, and
 * what comes in between is counted.
 */
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";

/**
 * Why a source was of no use: it could not be reached, it said nothing for too long, what it said can't be read, it does not let
 * us in, or files of ours are no good.
 */
export const sourceFailures = ["unreachable", "silent", "garbage", "forbidden", "settings"] as const;
export type SourceFailure = (typeof sourceFailures)[number];

export const lastGoodResults = ["written", "failed"] as const;
export type LastGoodResult = (typeof lastGoodResults)[number];

/** What a process logs of its source. */
export type SourceEvent =
  | { readonly kind: "config_source_connected"; readonly address: string }
  | {
      readonly kind: "config_source_lost";
      readonly address: string;
      readonly reason: SourceFailure;
      readonly detail: string;
    }
  | { readonly kind: "config_expired"; readonly routes: readonly string[] }
  | { readonly kind: "config_unexpired"; readonly routes: readonly string[] }
  | { readonly kind: "last_good_used"; readonly path: string; readonly config: string }
  | { readonly kind: "last_good_ignored"; readonly path: string; readonly detail: string }
  | { readonly kind: "last_good_failed"; readonly path: string; readonly detail: string };

/** The last good routes on disk. */
export interface LastGoodState {
  readonly path: string;
  /** Of what was written, or read, last; undefined where there is nothing. */
  readonly version: string | undefined;
  /** Why it could not be written last time. */
  readonly failed: string | undefined;
}

/** As `/config` shows it. */
export interface SourceState {
  readonly service: {
    readonly address: string;
    readonly connected: boolean;
    /** RFC 3339; undefined before the first. */
    readonly lastContact: string | undefined;
    /** What of it is in force. */
    readonly version: string | undefined;
    /** What is wrong with what it gave last; undefined where that is in force. */
    readonly rejected: readonly Problem[] | undefined;
    /** Why it was of no use last time; undefined while it is connected. */
    readonly failure: string | undefined;
  };
  readonly lastGood: LastGoodState | undefined;
  /** Routes whose ttl is over. */
  readonly expired: readonly string[] | undefined;
}

export class SourceStatus {
  readonly address: string;
  /** Of its contents that are in force. */
  version: string | undefined = undefined;
  rejected: readonly Problem[] = [];
  expired: readonly string[] = [];
  lastGood: LastGoodState | undefined = undefined;
  readonly #clock: Clock;
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #failures = new Map<SourceFailure, number>();
  readonly #writes = new Map<LastGoodResult, number>();
  #connected = false;
  /** What was told last: its loss, or that it is there. */
  #told: "lost" | "there" | undefined = undefined;
  #failure: string | undefined = undefined;
  #contactWallMs: number | undefined = undefined;

  constructor(address: string, clock: Clock, onEvent: (event: SourceEvent) => void) {
    this.address = address;
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Milliseconds since the Unix epoch. */
  get contactWallMs(): number | undefined {
    return this.#contactWallMs;
  }

  get failures(): ReadonlyMap<SourceFailure, number> {
    return this.#failures;
  }

  get writes(): ReadonlyMap<LastGoodResult, number> {
    return this.#writes;
  }

  /** It was heard. */
  contact(): void {
    this.#contactWallMs = this.#clock.wallMs();
    this.#connected = true;
    this.#failure = undefined;
    if (this.#told === "there") return;
    this.#told = "there";
    this.#onEvent({ kind: "config_source_connected", address: this.address });
  }

  /** The connection is over as it should be: another follows. */
  ended(): void {
    this.#connected = false;
  }

  /** It is of no use now. */
  lost(reason: SourceFailure, detail: string): void {
    this.#connected = false;
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    this.#failure = `${reason}: ${detail}`;
    if (this.#told === "lost") return;
    this.#told = "lost";
    this.#onEvent({ kind: "config_source_lost", address: this.address, reason, detail });
  }

  /** The last good routes were written to disk, or why not. */
  wrote(path: string, version: string, failed: string | undefined): void {
    const result = failed === undefined ? "written" : "failed";
    this.#writes.set(result, (this.#writes.get(result) ?? 0) + 1);
    const before = this.lastGood;
    this.lastGood = { path, version: failed === undefined ? version : before?.version, failed };
    if (failed !== undefined && before?.failed !== failed) {
      this.#onEvent({ kind: "last_good_failed", path, detail: failed });
    }
  }

  tell(event: SourceEvent): void {
    this.#onEvent(event);
  }

  get state(): SourceState {
    const { address, connected, version, rejected } = this;
    const lastContact = this.#contactWallMs === undefined ? undefined : new Date(this.#contactWallMs).toISOString();
    return {
      service: {
        address,
        connected,
        lastContact,
        version,
        rejected: rejected.length === 0 ? undefined : rejected,
        failure: this.#failure,
      },
      lastGood: this.lastGood,
      expired: this.expired.length === 0 ? undefined : this.expired,
    };
  }
}
