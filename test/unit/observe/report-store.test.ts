import assert from "node:assert/strict";
import { keptVersions, maxVersions, olderVersions } from "../../../src/model/counts.ts";
import { callsOf } from "../../../src/observe/counted-sums.ts";
import type { ReportCells } from "../../../src/observe/report-cells.ts";
import { ReportStore } from "../../../src/observe/report-store.ts";
import { routeSpec, variantSpec } from "../../support/routes.ts";

/** A generation of a test. */
interface Holder {
  calls: number;
}

const score = { output: "scores", reduce: "element", index: 0, range: [0, 1], buckets: [0.5, 1] } as const;

/** Puts a version in force, as whoever makes generations does. */
function begin(store: ReportStore, version: string, calls = 0): { cells: ReportCells; holder: Holder } {
  const cells = store.cells(version, routeSpec({ score }), "v41");
  const holder = { calls };
  store.begin(version, holder);
  return { cells, holder };
}

/** So many versions come into force, each with a call that ends. */
function pass(store: ReportStore, from: number, count: number): void {
  for (let i = from; i < from + count; i++) begin(store, `v${i}`).cells.request(0, 0, 1);
}

/** Everything is reported now. */
const report = (store: ReportStore): void => store.acknowledge(store.read().id);

/** Calls that are told without a version. */
const olderOf = (store: ReportStore): number =>
  callsOf(store.read().series.filter(({ version }) => version === olderVersions));
const versionsOf = (store: ReportStore): readonly string[] => store.read().versions;
const named = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `v${from + i}`);

describe("the counts that reports are made of", () => {
  it("are kept by version, also where a call ends after its version is over", () => {
    const store = new ReportStore();
    const { cells } = begin(store, "a");
    cells.request(0, 0, 1);
    begin(store, "b").cells.request(0, 14, 1);
    cells.request(0, 0, 1);
    const told = store.read().series.map(({ version, codes }) => [version, codes[0], codes[14]]);
    assert.deepEqual(told, [
      ["a", 2, 0],
      ["b", 0, 1],
    ]);
  });

  it("are one for a variant's calls and copies, and go on where a version comes back", () => {
    const store = new ReportStore();
    const { cells } = begin(store, "a");
    begin(store, "b");
    assert.equal(store.cells("a", routeSpec(), "v41"), cells);
    assert.equal(begin(store, "a").cells, cells);
    assert.deepEqual(versionsOf(store), ["b", "a"]);
  });

  it("share nothing between variants and routes", () => {
    const store = new ReportStore();
    const cells = ["a", "b"].flatMap((name) =>
      ["v41", "v42"].map((each) => store.cells("1", routeSpec({ name }), each)),
    );
    assert.equal(new Set(cells).size, 4);
  });

  it("are told apart for the latest versions after they were reported, and together for the others", () => {
    const store = new ReportStore();
    pass(store, 0, 20);
    report(store);
    assert.deepEqual(versionsOf(store), named(20 - keptVersions, keptVersions));
    assert.deepEqual([olderOf(store), callsOf(store.read().series), store.lost], [12, 20, 0]);
  });

  it("are told apart as long as nobody has said that they arrived", () => {
    const store = new ReportStore();
    pass(store, 0, 20);
    store.read();
    pass(store, 20, 20);
    assert.deepEqual([versionsOf(store), store.lost], [named(0, 40), 0]);
  });

  it("stay where another reading has begun since the one that arrived", () => {
    const store = new ReportStore();
    pass(store, 0, 20);
    const { id } = store.read();
    store.read();
    store.acknowledge(id);
    assert.equal(versionsOf(store).length, 20);
  });

  it("stay where a call ended between the reading and its arrival", () => {
    const store = new ReportStore();
    const { cells, holder } = begin(store, "a", 1);
    pass(store, 0, 20);
    const { id } = store.read();
    cells.request(0, 0, 1);
    holder.calls = 0;
    store.acknowledge(id);
    assert.deepEqual(versionsOf(store), ["a", ...named(12, 8)]);
    report(store);
    assert.deepEqual(versionsOf(store), named(12, 8));
  });

  it("begin anew where a version comes back that was put together with others, and lose nothing", () => {
    const store = new ReportStore();
    begin(store, "a").cells.request(0, 0, 1);
    pass(store, 0, 20);
    report(store);
    begin(store, "a").cells.request(0, 0, 1);
    assert.deepEqual([versionsOf(store).at(-1), callsOf(store.read().series)], ["a", 22]);
  });

  it("stay while calls are under way that will count there", () => {
    const store = new ReportStore();
    const { holder } = begin(store, "a", 1);
    pass(store, 0, 20);
    report(store);
    assert.equal(versionsOf(store)[0], "a");
    holder.calls = 0;
    report(store);
    assert.equal(versionsOf(store)[0], "v12");
  });

  it("stay while calls are under way that began before the version in force had any", () => {
    const store = new ReportStore();
    const { holder } = begin(store, "a");
    report(store);
    holder.calls = 1;
    pass(store, 0, 20);
    report(store);
    assert.equal(versionsOf(store)[0], "a");
  });

  it("stay while copies are under way that will count there", () => {
    const store = new ReportStore();
    const { cells } = begin(store, "a");
    cells.copies = 1;
    pass(store, 0, 20);
    report(store);
    assert.equal(versionsOf(store)[0], "a");
    cells.copies = 0;
    report(store);
    assert.equal(versionsOf(store)[0], "v12");
  });

  it("leave nothing where nothing was counted", () => {
    const store = new ReportStore();
    for (let i = 0; i < 1_000; i++) begin(store, `v${i}`);
    assert.deepEqual([versionsOf(store).length, store.read().series, store.lost], [keptVersions, [], 0]);
  });

  it("are put together beyond a bound, the oldest first, and that is counted", () => {
    const store = new ReportStore();
    pass(store, 0, maxVersions + 6);
    assert.deepEqual(versionsOf(store), named(6, maxVersions));
    assert.deepEqual([olderOf(store), callsOf(store.read().series), store.lost], [6, 70, 6]);
  });

  it("of hundreds of variants are told apart for fewer versions", () => {
    const store = new ReportStore();
    const variants = Array.from({ length: 1_000 }, (_, i) => variantSpec(`v${i}`));
    for (let version = 0; version < 10; version++) {
      for (const { name } of variants) store.cells(`${version}`, routeSpec({ variants }), name).request(0, 0, 1);
      store.begin(`${version}`, { calls: 0 });
    }
    assert.deepEqual([versionsOf(store), store.lost], [["6", "7", "8", "9"], 6]);
  });

  it("of more variants than there is room for are told apart for the version in force all the same", () => {
    const store = new ReportStore();
    for (const version of ["1", "2"]) {
      for (let i = 0; i < 5_000; i++) store.cells(version, routeSpec(), `v${i}`);
      store.begin(version, { calls: 0 });
    }
    assert.deepEqual(versionsOf(store), ["2"]);
  });

  it("hold on to no generation that has no calls any more", () => {
    const store = new ReportStore();
    const { holder } = begin(store, "a", 1);
    begin(store, "b");
    let asked = 0;
    Object.defineProperty(holder, "calls", {
      get: () => {
        asked++;
        return 0;
      },
    });
    begin(store, "c");
    const before = asked;
    begin(store, "d");
    assert.deepEqual([before, asked], [1, 1]);
  });
});
