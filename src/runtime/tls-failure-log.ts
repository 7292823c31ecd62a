/** Tells of failed handshakes without letting strangers write the log: a line for each reason now and then. */
import type { Clock } from "../base/clock.ts";
import type { TlsFailure } from "../transport/tls-failure.ts";
import type { SidecarEvent } from "./events.ts";

/** Between two lines of one reason. */
const quietMs = 10_000;

export class TlsFailureLog {
  readonly #clock: Clock;
  readonly #onEvent: (event: SidecarEvent) => void;
  readonly #told = new Map<TlsFailure, { atMs: number; more: number }>();

  constructor(clock: Clock, onEvent: (event: SidecarEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  add(reason: TlsFailure, peer: string | undefined, detail: string): void {
    const nowMs = this.#clock.nowMs();
    const before = this.#told.get(reason);
    if (before !== undefined && nowMs - before.atMs < quietMs) {
      before.more++;
      return;
    }
    this.#told.set(reason, { atMs: nowMs, more: 0 });
    this.#onEvent({ kind: "tls_handshake_failed", reason, peer, detail, more: before?.more ?? 0 });
  }
}
