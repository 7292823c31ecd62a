import assert from "node:assert/strict";
import { Counts } from "../../../../src/control/counts/counts.ts";
import { EndedCounts, processId } from "../../../../src/control/counts/ended-counts.ts";
import { Ending } from "../../../../src/control/counts/ending.ts";
import { Sums } from "../../../../src/control/counts/sums.ts";
import type { Store } from "../../../../src/control/store.ts";
import { storeBounds } from "../../../../src/control/store.ts";
import { openAlone } from "../../../support/embedded-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { PowerDisk } from "../../../support/power-disk.ts";
import { countedSeries, reportOf as report, requestsOf, toldCounts } from "../../../support/reports.ts";
import { turns, until } from "../../../support/until.ts";

const idOf = (instance: string): string => processId(report(instance).report);
const sumsOf = (...series: readonly object[]): Sums => {
  const sums = new Sums();
  for (const each of report("x", 1, { series }).report.series) sums.count(each);
  return sums;
};
const requests = (ended: EndedCounts, route = "fraud"): number =>
  [...ended.of(route).all()].reduce((sum, each) => sum + each.requests, 0);

describe("counts of processes that are over", () => {
  let store: Store;
  beforeEach(async () => {
    store = await openAlone(new PowerDisk());
  });
  afterEach(() => store.close());

  /** A replica, as far as it counts. */
  async function replica({ names = 100, batches = 4, instances = 8, of = store } = {}) {
    const clock = new ManualClock();
    const failures: string[] = [];
    const failed = (why: string): void => void failures.push(why);
    const ended = new EndedCounts({ store: of, clock, ended: (ids) => counts.forget(ids), failed }, { names, batches });
    const counts = new Counts({ clock, ended }, { instances });
    const world = { whole: true };
    const ending = new Ending({ clock, counts, ended, whole: () => world.whole, failed }, 1);
    await ended.open();
    return { clock, counts, ended, ending, failures, world };
  }

  const final = { final: true };

  it("are summed up for every replica, those too that begin later, and count once", async () => {
    const [one, two] = [await replica(), await replica()];
    for (const { counts } of [one, two]) {
      for (const name of ["a", "b", "c", "d", "e"]) counts.take(report(name, 1, final));
      for (const name of ["f", "g"]) counts.take(report(name));
    }
    one.ending.look();
    await until(() => two.ended.size === 5, "the other one has it");
    const three = await replica();
    three.counts.note(report("a", 1, final)); // told by one that does not know yet
    for (const { counts } of [one, two, three]) for (const name of ["f", "g"]) counts.note(report(name, 2));
    for (const { counts } of [one, two, three]) {
      assert.deepEqual([(await toldCounts(counts)).instances, await requestsOf(counts)], [7, 70]);
      assert.deepEqual([counts.take(report("a", 9)), counts.take(report("f", 3))], ["forgotten", "new"]);
    }
  });

  it("count once where two replicas sum up at the same time", async () => {
    const [one, two] = [await replica(), await replica()];
    for (const name of "abcdefg") one.counts.take(report(name, 1, final));
    for (const name of "bcdefgh") two.counts.take(report(name, 1, final));
    one.ending.look();
    two.ending.look();
    await until(() => one.ended.size === 7 && two.ended.size === 7, "both have it");
    await turns();
    // What the other one alone has it would be told.
    one.counts.note(report("h", 1, final));
    assert.deepEqual([await requestsOf(one.counts), await requestsOf(two.counts)], [80, 80]);
    assert.equal((await store.get("counts/batches/")).entries.length, 1);
  });

  it("are those of processes that have ended, or were silent for a day: whoever may go on is told apart", async () => {
    const { clock, counts, ended, ending } = await replica();
    for (const name of "abcdefg") counts.take(report(name));
    ending.look();
    await turns();
    assert.deepEqual([ended.size, counts.ids().length], [0, 7]);
    clock.advance(86_400_000);
    counts.take(report("a", 2));
    await turns();
    clock.advance(10_000);
    await until(() => ended.size === 6, "those that were silent are summed up");
    assert.deepEqual(counts.ids(), [idOf("a")]);
    assert.equal(await requestsOf(counts), 70);
  });

  it("are not summed up by a replica that does not hear the others", async () => {
    const { clock, counts, ended, ending, world } = await replica();
    world.whole = false;
    for (const name of "abcdefg") counts.take(report(name, 1, final));
    ending.look();
    await turns();
    assert.equal(ended.size, 0);
    world.whole = true;
    clock.advance(10_000);
    await until(() => ended.size === 7, "it hears them again");
  });

  it("are not summed up where one of them speaks meanwhile", async () => {
    const { clock, counts, ended, ending } = await replica();
    for (const name of "abcdefg") counts.take(report(name));
    clock.advance(86_400_000);
    const real = clock.nowMs.bind(clock);
    let ticks = 0;
    // A turn is over at once, so that others have theirs.
    clock.nowMs = () => real() + 5 * ticks++;
    ending.look();
    clock.nowMs = real;
    counts.take(report("c", 2));
    clock.advance(0);
    await turns();
    assert.deepEqual([ended.size, counts.ids().length], [0, 7]);
  });

  it("go on where the store is away for a while", async () => {
    let away = true;
    const flaky: Store = Object.create(store, {
      commit: {
        value: async (...args: Parameters<Store["commit"]>) => {
          if (away) throw new Error("away");
          return await store.commit(...args);
        },
      },
      get: { value: store.get.bind(store) },
      watch: { value: store.watch.bind(store) },
    });
    const { clock, counts, ended, ending, failures } = await replica({ of: flaky });
    for (const name of "abcdefg") counts.take(report(name, 1, final));
    ending.look();
    await until(() => failures.length > 0, "it has said so");
    away = false;
    clock.advance(10_000);
    await until(() => ended.size === 7, "it is back");
    assert.equal(await requestsOf(counts), 70);
  });

  it("keep the sum when the oldest are put together, and within the bounds of the store", async () => {
    const { ended } = await replica({ names: 5 });
    for (let i = 0; i < 9; i++) {
      assert.equal(await ended.put([idOf(`a${i}`), idOf(`b${i}`)], sumsOf(countedSeries(`v${i}`, "v41", 20))), true);
    }
    assert.deepEqual([ended.size, requests(ended)], [18, 180]);
    assert.deepEqual([ended.has(idOf("a0")), ended.has(idOf("a8"))], [false, true]);
    assert.deepEqual(new Set(Array.from(ended.of("fraud").all(), ({ version }) => version)), new Set(["", "v7", "v8"]));
    const again = await replica({ names: 5 });
    assert.deepEqual([again.ended.size, requests(again.ended)], [18, 180]);
  });

  it("of made-up names are left out beyond what the store takes, and every real one is there", async () => {
    const { ended } = await replica({ names: 3 });
    const long = "x".repeat(1_000);
    for (let i = 0; i < 4; i++) {
      const made = Array.from({ length: 2_000 }, (_, at) => countedSeries("v", `${long}${i}-${at}`));
      assert.equal(await ended.put([idOf(`${i}`)], sumsOf(countedSeries(), ...made)), true);
    }
    const real = [...ended.of("fraud").all()].filter(({ variant }) => variant === "v41");
    assert.equal(
      real.reduce((sum, each) => sum + each.requests, 0),
      40,
    );
    for (const { value } of (await store.get("counts/")).entries) assert.ok(value.length <= storeBounds.valueBytes);
  });

  it("that somebody else has written are left out, told, and not written over", async () => {
    await store.commit({ when: [], changes: [{ key: "counts/batches/000000000000001", value: "{}" }] });
    const { ended, failures } = await replica();
    assert.match(failures.join(), /^counts\/batches\/000000000000001: somebody else wrote it/);
    await assert.rejects(ended.put([idOf("a")], sumsOf(countedSeries())), /STORE_DAMAGED/);
  });
});
