/**
 * Deadlines by the thousand for the price of one timer.
 *
 * Nearly every deadline is cancelled before it passes, so arming and cancelling must cost next to nothing: an entry is
 * linked into the slot of its tick and unlinked again. A deadline is noticed up to one tick late, never early. The one
 * timer is set for the first slot that holds anything, not for each tick: a process with few calls is not woken for nothing.
 *
 * Nothing expires in the timer itself. After a stall of the event loop timers run first, before what came meanwhile is
 * read: answers that were here in time would be late by our fault alone. So what is due waits until sockets have been read.
 */
import type { Clock } from "./clock.ts";

/** What a wheel holds; a call is one itself, so that arming allocates nothing. */
export abstract class WheelEntry {
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrevious: WheelEntry | undefined = undefined;
  /** Tick at which it is due; -1 where it is not armed. */
  wheelTick = -1;

  /** Its time has come. It is no longer armed. */
  abstract onDeadline(): void;
}

/** Head of a slot's list. */
class Slot extends WheelEntry {
  override onDeadline(): void {
    // A slot is never due itself.
  }
}

const slotCount = 4_096;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: Slot[] = [];
  readonly #startMs: number;
  /** The last tick that was looked at. */
  #tick = 0;
  #armed = 0;
  /** The tick that the timer is set for; -1 where it is not set. */
  #due = -1;
  #cancelTimer: () => void = () => undefined;
  readonly #afterReads: (fn: () => void) => void;
  readonly #turn = (): void => this.#expireDue();

  /**
   * @param tickMs how late a deadline may be noticed. Default 10: a hundredth of a call that is given a second.
   * @param afterReads runs a function once everything that has arrived by now has been read. At once by default, for a
   *   wheel beside which nothing is read.
   */
  constructor(clock: Clock, tickMs = 10, afterReads: (fn: () => void) => void = (fn) => fn()) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#afterReads = afterReads;
    this.#startMs = clock.nowMs();
    for (let i = 0; i < slotCount; i++) this.#slots.push(new Slot());
  }

  /** Entries waiting. */
  get size(): number {
    return this.#armed;
  }

  /** Makes `entry.onDeadline` run once `delayMs` from `nowMs` have passed. An armed entry is armed anew. */
  arm(entry: WheelEntry, nowMs: number, delayMs: number): void {
    this.cancel(entry);
    if (this.#armed === 0) this.#tick = Math.max(this.#tick, this.#tickAt(nowMs));
    const due = Math.ceil((nowMs - this.#startMs + delayMs) / this.#tickMs);
    const tick = due > this.#tick ? due : this.#tick + 1;
    entry.wheelTick = tick;
    const slot = this.#slots[tick % slotCount] as Slot;
    const next = slot.wheelNext;
    entry.wheelPrevious = slot;
    entry.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = entry;
    slot.wheelNext = entry;
    this.#armed++;
    this.#schedule(tick);
  }

  cancel(entry: WheelEntry): void {
    if (entry.wheelTick < 0) return;
    entry.wheelTick = -1;
    const { wheelPrevious: previous, wheelNext: next } = entry;
    if (previous !== undefined) previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    this.#armed--;
  }

  #tickAt(nowMs: number): number {
    return Math.floor((nowMs - this.#startMs) / this.#tickMs);
  }

  /** Sees to it that the timer is set for this tick or an earlier one. */
  #schedule(wanted: number): void {
    // Not beyond a lap: a deadline of weeks is more than a timer can be set for.
    const tick = Math.min(wanted, this.#tick + slotCount);
    if (this.#due >= 0) {
      if (tick >= this.#due) return;
      this.#cancelTimer();
    }
    this.#due = tick;
    // To the tick's own boundary: a whole tick from now could be noticed two ticks late. Rounded up, because a timer that
    // fires a fraction early would only have to be set again.
    const inMs = this.#startMs + tick * this.#tickMs - this.#clock.nowMs();
    this.#cancelTimer = this.#clock.after(Math.max(0, Math.ceil(inMs)), () => this.#afterReads(this.#turn));
  }

  #expireDue(): void {
    this.#due = -1;
    const now = this.#tickAt(this.#clock.nowMs());
    // After a long pause (a suspended machine) every slot is looked at once, not once per missed tick.
    const from = Math.max(this.#tick + 1, now - slotCount + 1);
    this.#tick = Math.max(this.#tick, now);
    for (let tick = from; tick <= now; tick++) this.#expire(tick % slotCount, now);
    if (this.#armed > 0) this.#schedule(this.#nextFilled());
  }

  /** The first tick to come whose slot holds something, of this round or of a later one. */
  #nextFilled(): number {
    let tick = this.#tick + 1;
    while ((this.#slots[tick % slotCount] as Slot).wheelNext === undefined) tick++;
    return tick;
  }

  #expire(index: number, now: number): void {
    let entry = (this.#slots[index] as Slot).wheelNext;
    while (entry !== undefined) {
      const next: WheelEntry | undefined = entry.wheelNext;
      if (entry.wheelTick <= now) {
        this.cancel(entry);
        entry.onDeadline();
      }
      // What ran may have taken the next one out of this list, or put it into another: then start over, what was due
      // before it is gone.
      const moved = next !== undefined && (next.wheelTick < 0 || next.wheelTick % slotCount !== index);
      entry = moved ? (this.#slots[index] as Slot).wheelNext : next;
    }
  }
}
