/** Breakers of record and what workers see of them, joined by a channel that a test can delay. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { type BreakerChange, BreakersOfRecord } from "../../../src/workers/breakers-of-record.ts";
import type { BreakerWord, Outcomes } from "../../../src/workers/messages.ts";
import { RemoteBreakers } from "../../../src/workers/remote-breakers.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const labels = ["fraud", "v42", "live"] as const;
const key = JSON.stringify(labels);
const options = { minCalls: 4, resetMs: 1_000, probeTimeoutMs: 5_000 };

function setUp(workers = 2) {
  const clock = new ManualClock();
  const changes: string[] = [];
  /** What is on its way, in order. */
  let onTheWay: (() => void)[] = [];
  const record = new BreakersOfRecord({
    clock,
    tell: (to, word: BreakerWord) => {
      for (const [number, remote] of remotes) {
        if (to === "all" || to === number) onTheWay.push(() => remote.hear([word]));
      }
    },
    recall: (to, which, epoch) => onTheWay.push(() => remotes.get(to)?.recall(which, epoch)),
    onChange: ({ to }: BreakerChange) => changes.push(to),
  });
  const remotes = new Map<number, RemoteBreakers>();
  record.add([{ key, labels, options }]);
  const breakers = Array.from({ length: workers }, (_, i) => {
    const report = (outcomes: readonly Outcomes[]) => onTheWay.push(() => record.hear(i + 1, outcomes));
    const remote = new RemoteBreakers(clock, report);
    remotes.set(i + 1, remote);
    remote.hear(record.words());
    return remote.make(key);
  });
  /** All that is on its way arrives, and what it causes too. */
  const deliver = (): void => {
    while (onTheWay.length > 0) {
      const now = onTheWay;
      onTheWay = [];
      for (const each of now) each();
    }
  };
  /** Time passes for our timers and opossum's own, and all arrives. */
  const pass = (ms: number): void => {
    mock.timers.tick(ms);
    clock.advance(ms);
    deliver();
  };
  /** Reports are sent, and all arrives. */
  const settle = (): void => {
    for (let i = 0; i < 4; i++) pass(10);
  };
  const calls = (worker: number, count: number, ok: boolean): number[] => {
    const breaker = breakers[worker - 1];
    const permits = Array.from({ length: count }, () => breaker?.tryAcquire() ?? 0);
    for (const permit of permits) if (permit !== 0) breaker?.settle(permit, ok);
    return permits;
  };
  /** Opens it by calls of both workers, and waits until it is half-open. */
  const halfOpen = (asker: number): void => {
    calls(1, 2, false);
    calls(2, 2, false);
    settle();
    calls(asker, 1, false);
    settle();
    pass(1_000);
  };
  const [first, second] = breakers as [(typeof breakers)[0], (typeof breakers)[0]];
  return { clock, changes, record, remotes, first, second, calls, halfOpen, settle, pass };
}

describe("a breaker that was removed and is asked for again", () => {
  it("hears nothing of calls that began under the one before", () => {
    const clock = new ManualClock();
    const record = new BreakersOfRecord({
      clock,
      tell: (_to, word) => worker.hear([word]),
      recall: () => undefined,
      onChange: () => undefined,
    });
    const worker = new RemoteBreakers(clock, (outcomes) => record.hear(1, outcomes));
    const need = { key: "k", labels: ["r", "v42", "live"] as const, options: { minCalls: 2 } };
    record.add([need]);
    worker.hear(record.words());
    const before = worker.make("k");
    const permits = [before.tryAcquire(), before.tryAcquire(), before.tryAcquire()];
    record.keep([]);
    before.close();
    record.add([need]);
    worker.learn(record.words());
    const after = worker.make("k");
    for (const permit of permits) before.settle(permit, false);
    clock.advance(20);
    assert.deepEqual([record.states()[0]?.state, after.state], ["closed", "closed"]);
    record.close();
  });
});

describe("a breaker of several workers", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("opens for all by what all of them report", () => {
    const { changes, first, second, calls, settle } = setUp();
    calls(1, 2, false);
    settle();
    assert.deepEqual([first.state, second.state], ["closed", "closed"]);
    calls(2, 2, false);
    settle();
    assert.deepEqual([first.state, second.state, changes], ["open", "open", ["open"]]);
    assert.deepEqual([calls(1, 1, true), calls(2, 1, true)], [[0], [0]]);
  });

  it("does not open where most of what they report together went well", () => {
    const { changes, calls, settle } = setUp();
    calls(2, 6, true);
    settle();
    calls(1, 5, false);
    settle();
    assert.deepEqual(changes, []);
  });

  it("half-open gives one permit in all, to the worker whose calls asked last", () => {
    const { first, second, halfOpen } = setUp();
    halfOpen(2);
    assert.deepEqual([first.tryAcquire(), first.tryAcquire()], [0, 0]);
    assert.ok(second.tryAcquire() > 0);
    assert.equal(second.tryAcquire(), 0);
  });

  for (const [ok, state] of [
    [true, "closed"],
    [false, "open"],
  ] as const) {
    it(`is ${state} for all after a probe that ${ok ? "went well" : "failed"}`, () => {
      const { changes, first, second, halfOpen, settle } = setUp();
      halfOpen(1);
      const permit = first.tryAcquire();
      settle();
      first.settle(permit, ok);
      settle();
      assert.deepEqual([first.state, second.state, changes.at(-1)], [state, state, state]);
    });
  }

  it("lets the next call of the same worker probe where the first said nothing", () => {
    const { first, second, halfOpen, settle } = setUp();
    halfOpen(1);
    first.giveBack(first.tryAcquire());
    settle();
    assert.equal(second.tryAcquire(), 0);
    assert.ok(first.tryAcquire() > 0);
  });

  it("moves a probe that has not begun to a worker whose calls ask for it twice", () => {
    const { first, second, halfOpen, settle } = setUp();
    halfOpen(1);
    assert.equal(second.tryAcquire(), 0);
    settle();
    assert.equal(second.tryAcquire(), 0);
    settle();
    assert.equal(first.tryAcquire(), 0);
    assert.ok(second.tryAcquire() > 0);
  });

  it("never moves one that has begun, also where the word of that is still on its way", () => {
    const { clock, first, second, halfOpen, settle } = setUp();
    halfOpen(1);
    second.tryAcquire();
    settle();
    second.tryAcquire();
    clock.advance(10); // the second request is on its way
    assert.ok(first.tryAcquire() > 0);
    settle();
    settle();
    assert.deepEqual([first.tryAcquire(), second.tryAcquire()], [0, 0]);
  });

  it("takes a probe that hangs for a failed one, and its late end for nothing", () => {
    const { changes, first, halfOpen, settle, pass } = setUp();
    halfOpen(1);
    const permit = first.tryAcquire();
    settle();
    pass(5_000);
    assert.deepEqual(changes, ["open", "half_open", "open"]);
    first.settle(permit, true);
    settle();
    assert.deepEqual(changes, ["open", "half_open", "open"]);
  });

  it("does not count the time before a probe begins against it", () => {
    const { changes, halfOpen, pass } = setUp();
    halfOpen(1);
    pass(60_000);
    assert.deepEqual(changes, ["open", "half_open"]);
  });

  it("gives the probe of a worker that ended to the next that asks, begun or not", () => {
    for (const begun of [true, false]) {
      const { changes, record, first, second, halfOpen, settle } = setUp();
      halfOpen(1);
      if (begun) first.tryAcquire();
      settle();
      record.forget(1);
      second.tryAcquire();
      settle();
      const permit = second.tryAcquire();
      assert.ok(permit > 0);
      settle();
      second.settle(permit, true);
      settle();
      assert.equal(changes.at(-1), "closed");
    }
  });

  it("takes no notice of calls that began before its state changed", () => {
    const { changes, first, second, calls, settle } = setUp();
    const early = [first.tryAcquire(), second.tryAcquire()];
    calls(1, 4, false);
    settle();
    first.settle(early[0] ?? 0, true);
    second.settle(early[1] ?? 0, true);
    settle();
    assert.deepEqual(changes, ["open"]);
  });

  it("is as it stands for a worker that begins later, and forgotten once no route needs it", () => {
    const { clock, record, calls, settle } = setUp();
    calls(1, 4, false);
    settle();
    const late = new RemoteBreakers(clock, () => undefined);
    late.hear(record.words());
    const breaker = late.make(key);
    assert.deepEqual([breaker.state, breaker.tryAcquire()], ["open", 0]);
    record.keep([]);
    assert.deepEqual(record.states(), []);
  });

  it("is closed for a worker that was told nothing of it", () => {
    const { clock } = setUp();
    const breaker = new RemoteBreakers(clock, () => undefined).make("another");
    assert.ok(breaker.tryAcquire() > 0);
  });

  it("leaves no timer behind once it is closed and all is reported", () => {
    const { clock, record, halfOpen, settle } = setUp();
    halfOpen(1);
    settle();
    record.close();
    settle();
    assert.equal(clock.pending, 0);
  });
});
