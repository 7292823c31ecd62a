/**
 * A lease that is kept alive, and that knows when it can no longer be sure to be.
 *
 * etcd counts from when it took the last keepalive, which is after we sent it. So we count from the sending, on the monotonic
 * clock, and stop a tenth earlier: two clocks differ, and a timer comes late where the process is busy. Whoever claims the keys
 * afterwards claims them from nobody.
 */
import { ContenderError } from "../base/errors.ts";
import type { EtcdClient } from "./client.ts";
import { EtcdFailure } from "./failure.ts";
import type { Int64, LeaseResponse } from "./protos.ts";

/** Keepalives in the time of a lease: two may be lost. */
const beatsPerTtl = 3;
/** Of the time of a lease, what counts as ours. */
const ours = 0.9;

export class EtcdLease {
  readonly id: Int64;
  readonly #client: EtcdClient;
  readonly #lost: (why: string) => void;
  #ended = false;
  #stopWaiting: () => void = () => undefined;
  #stopBeating: () => void = () => undefined;
  #why = "no member of etcd has confirmed it";

  private constructor(client: EtcdClient, id: Int64, lost: (why: string) => void) {
    this.#client = client;
    this.id = id;
    this.#lost = lost;
  }

  /**
   * @param ttlMs whole seconds count, and etcd gives two at least; `lost` comes by what is shorter.
   * @throws ContenderError STORE_UNAVAILABLE, EtcdFailure.
   */
  static async grant(client: EtcdClient, ttlMs: number, lost: (why: string) => void): Promise<EtcdLease> {
    const sentMs = client.options.clock.nowMs();
    // One that was granted without our hearing of it ends by itself.
    const answer = await client.ask(client.services.grant, { TTL: Math.max(1, Math.floor(ttlMs / 1_000)) });
    const lease = new EtcdLease(client, answer.ID, lost);
    const shorterMs = Math.min(ttlMs, Number(answer.TTL) * 1_000);
    lease.#confirmed(sentMs, shorterMs);
    lease.#beatAfter(shorterMs / beatsPerTtl, shorterMs);
    return lease;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Ends it without telling; etcd is told, if it can be reached. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#stop();
    try {
      await this.#client.ask(this.#client.services.revoke, { ID: this.id });
    } catch {
      // It ends by itself.
    }
  }

  /** For whoever learns from an answer of etcd that it is gone. */
  end(why: string): void {
    if (this.#ended) return;
    this.#stop();
    this.#lost(why);
  }

  #stop(): void {
    this.#ended = true;
    this.#stopWaiting();
    this.#stopBeating();
  }

  #confirmed(sentMs: number, ttlMs: number): void {
    const { clock } = this.#client.options;
    this.#stopWaiting();
    const leftMs = sentMs + ttlMs * ours - clock.nowMs();
    this.#stopWaiting = clock.after(leftMs, () => this.end(`the lease ran out: ${this.#why}`));
  }

  #beatAfter(pauseMs: number, ttlMs: number): void {
    this.#stopBeating = this.#client.options.clock.after(pauseMs, () => void this.#beat(ttlMs));
  }

  async #beat(ttlMs: number): Promise<void> {
    const client = this.#client;
    const { clock, tryMs } = client.options;
    const sentMs = clock.nowMs();
    const member = client.current;
    // Within what is left after a beat that was lost, two members are asked.
    const timeoutMs = Math.min(tryMs, ttlMs / (2 * beatsPerTtl));
    let pauseMs = ttlMs / beatsPerTtl;
    try {
      const metadata = await client.ready(member, timeoutMs);
      const request = { ID: this.id };
      const answer: LeaseResponse = await member.callOnce(client.services.keepAlive, request, metadata, timeoutMs);
      if (this.#ended) return;
      const grantedMs = Number(answer.TTL) * 1_000;
      if (grantedMs <= 0) return this.end("etcd has ended the lease");
      this.#confirmed(sentMs, Math.min(ttlMs, grantedMs));
    } catch (reason) {
      if (this.#ended) return;
      if (reason instanceof ContenderError) this.#why = reason.message;
      else this.#failed(EtcdFailure.from(reason));
      client.leave(member);
      pauseMs = Math.min(100, pauseMs / 4);
    }
    this.#beatAfter(Math.max(0, pauseMs - (clock.nowMs() - sentMs)), ttlMs);
  }

  #failed(failure: EtcdFailure): void {
    this.#why = failure.message;
    if (failure.kind === "token" || failure.kind === "wrong") this.#client.forgetToken();
  }
}
