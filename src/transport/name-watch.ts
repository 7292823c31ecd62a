/**
 * What a name stands for, kept up to date: looked up again after a jittered interval, and sooner, though never more than
 * once in `resolveMinMs`, where a connection fails: that is how pods that moved are found.
 *
 * Nobody ever waits for a look-up but a name that has no address yet. One that fails changes nothing that is known:
 * servers that answered a moment ago are worth more than a name server's word that there is nobody.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { type Backoff, newBackoff, nextPauseMs } from "./backoff.ts";
import type { ResolvedTransportOptions } from "./options.ts";
import type { Resolver } from "./resolver.ts";

export interface NameWatchPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly resolver: Resolver;
  /** Never empty, without repetitions. */
  onAddresses(addresses: readonly string[]): void;
  onFailure(reason: string): void;
}

export class NameWatch {
  readonly #host: string;
  readonly #ports: NameWatchPorts;
  readonly #options: ResolvedTransportOptions;
  readonly #backoff: Backoff = newBackoff();
  /** Of the look-up that began last. */
  #startedMs = 0;
  #busy = false;
  #closed = false;
  #cancelNext: () => void = () => undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancelTimeout: () => void = () => undefined;

  constructor(host: string, ports: NameWatchPorts, options: ResolvedTransportOptions) {
    this.#host = host;
    this.#ports = ports;
    this.#options = options;
    this.#look();
  }

  /** A look-up is under way, and has not taken too long yet. */
  pending = true;

  /** A connection failed or was lost: the name may stand for something else by now. */
  doubt(): void {
    if (this.#busy || this.#closed) return;
    const { clock } = this.#ports;
    const waitMs = this.#startedMs + this.#options.resolveMinMs - clock.nowMs();
    if (waitMs <= 0) this.#look();
    else if (clock.nowMs() + waitMs < this.#dueMs) this.#lookIn(waitMs);
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext();
    this.#cancelTimeout();
  }

  #look(): void {
    const { clock, resolver } = this.#ports;
    const { resolveTimeoutMs } = this.#options;
    this.#cancelNext();
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#busy = true;
    this.pending = true;
    this.#startedMs = clock.nowMs();
    this.#cancelTimeout = clock.after(resolveTimeoutMs, () => {
      // It goes on, since it can't be stopped, and what it brings is used; a second one would hang beside it.
      this.pending = false;
      this.#ports.onFailure(`no answer within ${resolveTimeoutMs} ms`);
    });
    resolver.resolve(this.#host, (addresses, failure) => this.#answered(addresses, failure));
  }

  #answered(addresses: readonly string[], failure: string | undefined): void {
    this.#busy = false;
    this.pending = false;
    this.#cancelTimeout();
    if (this.#closed) return;
    const { chance } = this.#ports;
    const { resolveIntervalMs, resolveMinMs, backoffJitter } = this.#options;
    if (addresses.length === 0) {
      this.#lookIn(Math.max(resolveMinMs, nextPauseMs(this.#backoff, this.#options, chance)));
      this.#ports.onFailure(failure ?? "no address");
      return;
    }
    this.#backoff.failures = 0;
    this.#lookIn(Math.max(resolveMinMs, resolveIntervalMs * (1 + backoffJitter * (2 * chance.next() - 1))));
    this.#ports.onAddresses([...new Set(addresses)]);
  }

  #lookIn(delayMs: number): void {
    this.#cancelNext();
    this.#dueMs = this.#ports.clock.nowMs() + delayMs;
    this.#cancelNext = this.#ports.clock.after(delayMs, () => this.#look());
  }
}
