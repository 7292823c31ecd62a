import assert from "node:assert/strict";
import fc from "fast-check";
import type { Clock } from "../../../src/base/clock.ts";
import { TimerWheel, WheelEntry } from "../../../src/base/timer-wheel.ts";
import { ManualClock } from "../../support/manual-clock.ts";

class Entry extends WheelEntry {
  /** When it was noticed. */
  readonly rangMs: number[] = [];
  readonly #clock: ManualClock;
  readonly #then: () => void;

  constructor(clock: ManualClock, then: () => void = () => undefined) {
    super();
    this.#clock = clock;
    this.#then = then;
  }

  override onDeadline(): void {
    this.rangMs.push(this.#clock.nowMs());
    this.#then();
  }
}

/** A clock of a machine that was suspended: its timer fires once, late. */
class PausedClock implements Clock {
  #nowMs = 0;
  #timer: (() => void) | undefined = undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(_delayMs: number, fn: () => void): () => void {
    this.#timer = fn;
    return () => {
      this.#timer = undefined;
    };
  }

  pauseMs(ms: number): void {
    this.#nowMs += ms;
    this.#timer?.();
  }
}

/** A clock whose zero is anything but a tick's. */
function setUp(): { clock: ManualClock; wheel: TimerWheel; arm: (entry: Entry, delayMs: number) => void } {
  const clock = new ManualClock({ nowMs: 12_345.678 });
  const wheel = new TimerWheel(clock);
  return { clock, wheel, arm: (entry, delayMs) => wheel.arm(entry, clock.nowMs(), delayMs) };
}

/** In single steps, as time passes for real. */
function pass(clock: ManualClock, ms: number): void {
  for (let i = 0; i < ms; i++) clock.advance(1);
}

describe("the timer wheel", () => {
  for (const delayMs of [0, 0.5, 1, 9.99, 10, 10.01, 95, 1_000, 40_950, 40_960, 41_000, 100_000]) {
    it(`notices a deadline of ${delayMs} ms at most a tick late, and never early`, () => {
      const { clock, arm } = setUp();
      for (const headStartMs of [0, 3, 9.5]) {
        clock.advance(headStartMs);
        const entry = new Entry(clock);
        const startMs = clock.nowMs();
        arm(entry, delayMs);
        pass(clock, delayMs + 30);
        assert.equal(entry.rangMs.length, 1);
        const lateMs = (entry.rangMs[0] ?? 0) - startMs - delayMs;
        // A timer goes by whole milliseconds, hence the one on top.
        assert.ok(lateMs >= -1e-6 && lateMs <= 10 + 1, `${lateMs} ms late`);
        assert.equal(entry.wheelTick, -1);
      }
    });
  }

  it("does not notice what was cancelled, and cancelling twice does nothing", () => {
    const { clock, wheel, arm } = setUp();
    const [first, second, third] = [new Entry(clock), new Entry(clock), new Entry(clock)];
    for (const entry of [first, second, third]) arm(entry, 100);
    wheel.cancel(second);
    wheel.cancel(second);
    wheel.cancel(new Entry(clock));
    assert.equal(wheel.size, 2);
    pass(clock, 200);
    assert.deepEqual(
      [first, second, third].map(({ rangMs }) => rangMs.length),
      [1, 0, 1],
    );
    assert.equal(wheel.size, 0);
  });

  it("counts an entry that is armed anew once, at its last time", () => {
    const { clock, wheel, arm } = setUp();
    const entry = new Entry(clock);
    arm(entry, 50);
    arm(entry, 500);
    assert.equal(wheel.size, 1);
    pass(clock, 400);
    assert.equal(entry.rangMs.length, 0);
    pass(clock, 200);
    assert.equal(entry.rangMs.length, 1);
  });

  it("keeps one timer while anything is armed, and none when nothing is", () => {
    const { clock, wheel, arm } = setUp();
    assert.equal(clock.pending, 0);
    const entries = Array.from({ length: 1_000 }, () => new Entry(clock));
    for (const [i, entry] of entries.entries()) arm(entry, i);
    assert.equal(clock.pending, 1);
    for (const entry of entries) wheel.cancel(entry);
    pass(clock, 20);
    assert.equal(clock.pending, 0);
    arm(new Entry(clock), 30);
    assert.equal(clock.pending, 1);
    pass(clock, 60);
    assert.equal(clock.pending, 0);
  });

  it("sets its timer for the first deadline there is, not for each tick", () => {
    const { clock, wheel, arm } = setUp();
    const startMs = clock.nowMs();
    const wakesInMs = (): number => (clock.nextDueMs ?? Number.NaN) - startMs;
    const near = (ms: number): void =>
      assert.ok(wakesInMs() >= ms && wakesInMs() <= ms + 11, `${wakesInMs()}, not ${ms}`);
    arm(new Entry(clock), 1_000);
    near(1_000);
    const [short, shorter] = [new Entry(clock), new Entry(clock)];
    arm(short, 500);
    arm(shorter, 50);
    near(50);
    assert.equal(clock.pending, 1);
    wheel.cancel(short);
    pass(clock, 70);
    assert.equal(shorter.rangMs.length, 1);
    near(1_000);
  });

  it("sets no timer for longer than a lap, however far off a deadline is: weeks are more than a timer takes", () => {
    const { clock, arm } = setUp();
    const entry = new Entry(clock);
    arm(entry, 2 ** 31 - 1);
    assert.ok((clock.nextDueMs ?? Number.NaN) - clock.nowMs() <= 41_000);
    clock.advance(2 ** 31 - 2);
    assert.equal(entry.rangMs.length, 0);
    clock.advance(12);
    assert.equal(entry.rangMs.length, 1);
  });

  it("rings at the next tick for a deadline that was over when it was armed, however far off the others are", () => {
    const { clock, wheel, arm } = setUp();
    arm(new Entry(clock), 30_000);
    const startMs = clock.nowMs();
    clock.advance(5_000);
    const late = new Entry(clock);
    wheel.arm(late, startMs, 100);
    pass(clock, 11);
    assert.equal(late.rangMs.length, 1);
  });

  it("looks at a pause of the machine as a whole: all that passed is noticed by its one timer", () => {
    const clock = new PausedClock();
    const wheel = new TimerWheel(clock);
    const rang: number[] = [];
    class Noted extends WheelEntry {
      readonly delayMs: number;

      constructor(delayMs: number) {
        super();
        this.delayMs = delayMs;
        wheel.arm(this, clock.nowMs(), delayMs);
      }

      override onDeadline(): void {
        rang.push(this.delayMs);
      }
    }
    const delays = [5, 1_000, 40_960, 50_000, 3_600_000];
    for (const delayMs of [...delays, 8_000_000]) new Noted(delayMs);
    clock.pauseMs(7_200_000);
    assert.deepEqual(
      rang.sort((a, b) => a - b),
      delays,
    );
    assert.equal(wheel.size, 1);
    clock.pauseMs(1_000_000);
    assert.equal(wheel.size, 0);
  });

  it("expires nothing before what has arrived by then was read", () => {
    const clock = new ManualClock();
    let read: () => void = () => undefined;
    const wheel = new TimerWheel(clock, 10, (fn) => {
      read = fn;
    });
    const answered = new Entry(clock);
    const silent = new Entry(clock);
    for (const entry of [answered, silent]) wheel.arm(entry, clock.nowMs(), 20);
    clock.advance(500);
    assert.deepEqual([answered.rangMs, silent.rangMs], [[], []]);
    wheel.cancel(answered); // its answer was here
    read();
    assert.deepEqual([answered.rangMs.length, silent.rangMs.length, wheel.size], [0, 1, 0]);
  });

  it("lets an entry arm itself again", () => {
    const { clock, arm } = setUp();
    const entry: Entry = new Entry(clock, () => arm(entry, 20));
    arm(entry, 20);
    pass(clock, 100);
    assert.ok(entry.rangMs.length >= 3 && entry.rangMs.length <= 5, String(entry.rangMs.length));
  });

  it("goes on where what ran cancelled the next entry, or all of them", () => {
    const { clock, wheel, arm } = setUp();
    const others: Entry[] = [];
    const ringer = (count: number): Entry =>
      new Entry(clock, () => {
        for (const other of others.slice(0, count)) wheel.cancel(other);
      });
    // The last one armed is the first in its list.
    for (let i = 0; i < 4; i++) others.unshift(new Entry(clock));
    for (const other of [...others].reverse()) arm(other, 15);
    arm(ringer(1), 15);
    pass(clock, 30);
    assert.deepEqual(
      others.map(({ rangMs }) => rangMs.length),
      [0, 1, 1, 1],
    );
  });

  it("goes on where what ran armed the next entry for later", () => {
    const { clock, arm } = setUp();
    const next = new Entry(clock);
    const last = new Entry(clock);
    const first = new Entry(clock, () => arm(next, 1_000));
    arm(last, 15);
    arm(next, 15);
    arm(first, 15);
    pass(clock, 40);
    assert.deepEqual(
      [first, next, last].map(({ rangMs }) => rangMs.length),
      [1, 0, 1],
    );
    pass(clock, 1_100);
    assert.equal(next.rangMs.length, 1);
  });

  it("behaves as a list of deadlines, whatever is armed and cancelled", () => {
    const action = fc.record({
      entry: fc.integer({ min: 0, max: 9 }),
      delayMs: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 90_000 })),
      cancel: fc.boolean(),
      passMs: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 50_000 })),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const { clock, wheel, arm } = setUp();
        const due = new Map<Entry, number>();
        const entries = Array.from({ length: 10 }, () => {
          const entry: Entry = new Entry(clock, () => {
            const dueMs = due.get(entry) ?? Number.NaN;
            due.delete(entry);
            const lateMs = clock.nowMs() - dueMs;
            assert.ok(lateMs >= -1e-6 && lateMs <= 11, `${lateMs} ms late`);
          });
          return entry;
        });
        for (const { entry: index, delayMs, cancel, passMs } of actions) {
          const entry = entries[index] as Entry;
          if (cancel) {
            wheel.cancel(entry);
            due.delete(entry);
          } else {
            arm(entry, delayMs);
            due.set(entry, clock.nowMs() + delayMs);
          }
          clock.advance(passMs);
          assert.equal(wheel.size, due.size);
          for (const dueMs of due.values()) assert.ok(dueMs > clock.nowMs() - 11);
        }
      }),
      { numRuns: 100 },
    );
  });
});
