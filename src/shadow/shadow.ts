/**
 * One shadow's gate: which copies may be sent, and what they hold while they are.
 *
 * A copy is never waited for. Every bound (size, in flight, bytes, copies a second, the breaker) is asked before anything
 * is done, and where one is full the copy is dropped and counted by its reason; the call it is a copy of never notices.
 */
import type { Clock } from "../base/clock.ts";
import { prefixBytes } from "../grpc/framing.ts";
import type { ShadowDropReason } from "../model/call.ts";
import type { ShadowSpec } from "../model/route.ts";
import type { CallBreaker } from "../resilience/breaker.ts";
import type { BreakerVerdict } from "../resilience/classify.ts";
import { Semaphore } from "../resilience/semaphore.ts";
import { TokenBucket } from "../resilience/token-bucket.ts";

export interface ShadowPorts {
  readonly clock: Clock;
  readonly breaker: CallBreaker;
  /** Counts a copy that was not sent. */
  dropped(reason: ShadowDropReason): void;
}

export class Shadow {
  readonly spec: ShadowSpec;
  readonly breaker: CallBreaker;
  readonly #ports: ShadowPorts;
  readonly #inFlight: Semaphore;
  readonly #bytes: Semaphore;
  readonly #rate: TokenBucket | undefined;
  /** The gate that a configuration before had in this one's place, while copies of it are under way. */
  #before: Shadow | undefined;

  /**
   * @param share of the bounds that are for all workers together: 1 where there is one, 0.5 for each of two
   * @param before the gate that this one takes the place of: what is under way by it counts against these bounds
   */
  constructor(spec: ShadowSpec, ports: ShadowPorts, share = 1, before?: Shadow) {
    this.spec = spec;
    this.breaker = ports.breaker;
    this.#ports = ports;
    this.#inFlight = new Semaphore(Math.max(1, Math.floor(spec.maxInFlight * share)));
    this.#bytes = new Semaphore(Math.max(spec.maxBytes * share, spec.maxMessageBytes + prefixBytes));
    this.#before = before;
    const perSecond = spec.maxPerSecond;
    this.#rate = perSecond === undefined ? undefined : new TokenBucket(perSecond * share, ports.clock);
  }

  /** Copies that are under way. */
  get inFlight(): number {
    return this.#inFlight.taken;
  }

  /** Request bytes that they hold. */
  get heldBytes(): number {
    return this.#bytes.taken;
  }

  /** The nearest gate before this one by which copies are under way. */
  get before(): Shadow | undefined {
    while (this.#before?.inFlight === 0) this.#before = this.#before.before;
    return this.#before;
  }

  /**
   * Takes what a copy of `bytes` needs.
   *
   * @returns a permit to be given to `settle`, once; 0 where the copy is dropped, which has been counted.
   */
  admit(bytes: number): number {
    // The limit is the message's own, `bytes` are those of the wire.
    if (bytes > this.spec.maxMessageBytes + prefixBytes) return this.drop("over_size");
    let copiesBefore = 0;
    let bytesBefore = 0;
    for (let gate = this.before; gate !== undefined; gate = gate.before) {
      copiesBefore += gate.inFlight;
      bytesBefore += gate.heldBytes;
    }
    if (!this.#inFlight.tryTake(1, copiesBefore)) return this.drop("in_flight_full");
    if (!this.#bytes.tryTake(bytes, bytesBefore)) return this.#refuse("bytes_full");
    const permit = this.breaker.tryAcquire();
    if (permit === 0) return this.#refuse("breaker_open", bytes);
    // Asked last: a token is for a copy that is really sent.
    if (this.#rate === undefined || this.#rate.tryTake()) return permit;
    this.breaker.giveBack(permit);
    return this.#refuse("rate_limited", bytes);
  }

  /** The copy has ended; `neither` where that says nothing of the shadow's health. */
  settle(permit: number, bytes: number, verdict: BreakerVerdict): void {
    this.#inFlight.giveBack();
    this.#bytes.giveBack(bytes);
    if (verdict === "neither") this.breaker.giveBack(permit);
    else this.breaker.settle(permit, verdict === "success");
  }

  /** Counts a copy that is not sent. @returns 0, the permit of none. */
  drop(reason: ShadowDropReason): 0 {
    this.#ports.dropped(reason);
    return 0;
  }

  #refuse(reason: ShadowDropReason, bytes = 0): 0 {
    this.#inFlight.giveBack();
    if (bytes > 0) this.#bytes.giveBack(bytes);
    return this.drop(reason);
  }
}
