/**
 * Those who wait until no sidecar holds them up any more, a change being applied by all say.
 *
 * A change brings thousands of words of sidecars within a second, and each might be the last one that somebody waits for. So they are looked
 * at a few times a second for all who wait, and nobody looks at the whole fleet each time: whoever was held up by a sidecar asks after
 * that one first, and goes on from there. A look is cut into turns of the event loop, in which acknowledgements are read, and each
 * answer, which may have the whole fleet in it, has a turn to itself.
 */
import type { Clock } from "../../base/clock.ts";
import type { SidecarInfo } from "./fleet.ts";

export interface WaitingPorts {
  readonly clock: Clock;
  /** Of every sidecar, in an order that stays; those that come are at the end. */
  instances(): Iterator<string>;
  /** How one stands that is shown. */
  shown(instance: string): SidecarInfo | undefined;
}

/** Between two looks: people don't see it, and of ten thousand words a look has five hundred. */
const lookMs = 50;
/** Of a look, what is done in one turn of the event loop. */
const turnMs = 4;

export class Waiting {
  readonly #ports: WaitingPorts;
  readonly #waiters = new Set<Waiter>();
  /** Those that are still to look in the look under way. */
  #looking: Waiter[] = [];
  #again = false;
  #beganMs = 0;
  /** What the last look took. */
  #tookMs = 0;
  #cancel: (() => void) | undefined = undefined;
  #closed = false;

  constructor(ports: WaitingPorts) {
    this.#ports = ports;
  }

  /**
   * Calls `done` once no sidecar is left that holds it up: at once, or after some change; after a while at the latest, and where nothing
   * will be known any more.
   * @param holdsUp for a sidecar that it is held up by; undefined stands for something else that does, and asks so before every look
   * @returns a way to stop
   */
  until(holdsUp: HoldsUp, atMostMs: number, done: () => void): () => void {
    const waiter = new Waiter(this.#ports, holdsUp, () => {
      stop();
      done();
    });
    const stop = (): void => {
      cancel();
      this.#waiters.delete(waiter);
    };
    const cancel = this.#ports.clock.after(atMostMs, waiter.done);
    this.#waiters.add(waiter);
    if (this.#closed || waiter.settled()) waiter.done();
    return stop;
  }

  /** Some sidecar may hold up nobody any more. */
  changed(): void {
    this.#again = true;
    if (this.#cancel === undefined && this.#waiters.size > 0) this.#rest();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    for (const { done } of [...this.#waiters]) done();
  }

  #later(delayMs: number): void {
    this.#cancel = this.#ports.clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.#turn();
    });
  }

  #turn(): void {
    const { clock } = this.#ports;
    const beginMs = clock.nowMs();
    if (this.#looking.length === 0) {
      this.#again = false;
      this.#looking = [...this.#waiters].reverse();
      this.#beganMs = beginMs;
    }
    for (let waiter = this.#looking.pop(); waiter !== undefined; waiter = this.#looking.pop()) {
      if (!this.#waiters.has(waiter)) continue;
      const settled = waiter.settled();
      if (settled) waiter.done();
      if (settled || clock.nowMs() - beginMs > turnMs) break;
    }
    this.#tookMs = clock.nowMs() - this.#beganMs;
    if (this.#looking.length > 0) this.#later(0);
    else if (this.#again && this.#waiters.size > 0) this.#rest();
  }

  /** Others are to have as much time as a look took. */
  #rest(): void {
    this.#later(Math.max(lookMs, this.#tookMs));
  }
}

export type HoldsUp = (sidecar: SidecarInfo | undefined) => boolean;

class Waiter {
  readonly #ports: WaitingPorts;
  readonly #holdsUp: HoldsUp;
  readonly done: () => void;
  #heldUpBy: string | undefined = undefined;
  #rest: Iterator<string> | undefined = undefined;

  constructor(ports: WaitingPorts, holdsUp: HoldsUp, done: () => void) {
    this.#ports = ports;
    this.#holdsUp = holdsUp;
    this.done = done;
  }

  settled(): boolean {
    if (this.#holdsUp(undefined)) return false;
    if (this.#heldUpBy !== undefined && this.#isHeldUpBy(this.#heldUpBy)) return false;
    if (this.#rest !== undefined && this.#finds(this.#rest)) return false;
    // Once more from the beginning: one that was looked at may have come back since, with less.
    this.#rest = this.#ports.instances();
    return !this.#finds(this.#rest);
  }

  #finds(instances: Iterator<string>): boolean {
    for (let next = instances.next(); next.done !== true; next = instances.next()) {
      if (!this.#isHeldUpBy(next.value)) continue;
      this.#heldUpBy = next.value;
      return true;
    }
    return false;
  }

  #isHeldUpBy(instance: string): boolean {
    const sidecar = this.#ports.shown(instance);
    return sidecar !== undefined && this.#holdsUp(sidecar);
  }
}
