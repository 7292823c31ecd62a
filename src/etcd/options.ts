/** What a client of etcd is told: where the members are, who it is to them, and how patient it is. */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";

export interface EtcdOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT` of each member. */
  readonly endpoints: readonly string[];
  /** For `https`. */
  readonly tls?: {
    /** PEM: authorities to trust instead of the system's. */
    readonly ca?: Buffer;
    /** PEM: our certificate and its key, both or neither. */
    readonly cert?: Buffer;
    readonly key?: Buffer;
  };
  readonly user?: { readonly name: string; readonly password: string };
  readonly clock: Clock;
  readonly chance: Chance;
  /**
   * What one try of a call may take, in milliseconds. Default 2000: etcd elects a new leader in one to two seconds, and
   * answers in a few milliseconds otherwise.
   */
  readonly tryMs?: number;
  /** What all tries of a call may take, in milliseconds. Default 5000: an election, and a member or two that don't answer. */
  readonly totalMs?: number;
  /** How long a watch may hear nothing before it goes elsewhere, in milliseconds. Default 4000; it asks twice within. */
  readonly silenceMs?: number;
}

export interface ResolvedOptions extends EtcdOptions {
  readonly tryMs: number;
  readonly totalMs: number;
  readonly silenceMs: number;
}

export const resolved = (options: EtcdOptions): ResolvedOptions => ({
  ...options,
  tryMs: options.tryMs ?? 2_000,
  totalMs: options.totalMs ?? 5_000,
  silenceMs: options.silenceMs ?? 4_000,
});
