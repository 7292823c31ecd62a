import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { EndedCounts, processId } from "../../../src/control/counts/ended-counts.ts";
import { Sums } from "../../../src/control/counts/sums.ts";
import type { Store } from "../../../src/control/store.ts";
import {
  acquainted,
  applyFraud,
  openStore,
  startControl,
  startReplicas,
  type TestControl,
} from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { reportMessage } from "../../support/reports.ts";
import { fraudText } from "../../support/route-document.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { turns, until } from "../../support/until.ts";

describe("replicas of a config service", () => {
  const folder = new TempFolder();
  let count = 0;
  let store: Store;
  let one: TestControl;
  let two: TestControl;
  after(() => folder.close());

  beforeEach(async () => {
    const path = folder.at(String(count++));
    store = await openStore(path);
    [one, two] = await startReplicas(store);
  });
  afterEach(async () => {
    await two.close();
    await one.close();
    await store.close();
  });

  const counted = async (control: TestControl) => {
    const { series, instances } = await control.call<{ series: { requests: number }[]; instances: number }>(
      "AdminService",
      "GetCounts",
      { route: "fraud" },
    );
    return [instances, ...series.map(({ requests }) => requests)];
  };

  it("have one leader, and the other leads when it goes", async () => {
    assert.deepEqual([one.control.leadership.leads, two.control.leadership.leads], [true, false]);
    assert.equal(two.control.leadership.leader, "one");
    await one.close();
    await until(() => two.control.leadership.leads, "the other one leads");
    one = await startControl("", { store, name: "three" });
    assert.equal(one.control.leadership.leader, "two");
  });

  it("keep each other's changes, made while one of them looks into the store", async () => {
    await applyFraud(one);
    await two.close();
    const weights = (control: TestControl, v42: number) =>
      control.call<{ revision: number }>("AdminService", "SetWeights", {
        name: "fraud",
        weights: [
          { variant: "v41", weight: 90 },
          { variant: "v42", weight: v42 },
        ],
      });
    let meanwhile: Promise<{ revision: number }> | undefined;
    const slow: Store = Object.create(store, {
      get: {
        value: async (prefix: string) => {
          if (prefix.startsWith("history/")) {
            meanwhile ??= weights(one, 20);
            await meanwhile;
          }
          return await store.get(prefix);
        },
      },
    });
    // Private fields are the original's.
    for (const name of ["watch", "commit", "lease"] as const) {
      Object.defineProperty(slow, name, { value: store[name].bind(store) });
    }
    two = await startControl("", { store: slow, name: "two" });
    const { revision } = await weights(two, 30);
    assert.deepEqual([(await meanwhile)?.revision, revision], [2, 3]);
    const { entries } = await one.call<{ entries: { revision: number }[] }>("AdminService", "GetHistory", {
      name: "fraud",
    });
    assert.deepEqual(
      entries.map((entry) => entry.revision),
      [3, 2, 1],
    );
  });

  it("go on where one says that it is somewhere that nobody can be", async () => {
    await store.commit({
      when: [],
      changes: [{ key: "lease/replicas/x", value: JSON.stringify({ name: "x", address: "nowhere" }) }],
    });
    const failed = (control: TestControl) =>
      control.events.some((event) => event.kind === "replica_failed" && event.replica === "x");
    await until(() => failed(one) && failed(two), "both have told that it can't be reached");
    await store.commit({ when: [], changes: [{ key: "lease/replicas/x", value: undefined }] });
    await applyFraud(one);
  });

  it("all give a change to their sidecars, whoever was asked for it", async () => {
    const watch = two.watch({ instance: "a" });
    watch.nack(await watch.snapshot(), [{ path: "routes", message: "no route applies" }]);
    await applyFraud(one);
    const { snapshot } = await watch.snapshot();
    assert.deepEqual(
      snapshot?.routes.map(({ name }) => name),
      ["fraud"],
    );
  });

  it("all know every sidecar", async () => {
    await applyFraud(one);
    const watch = two.watch({ instance: "a", pod: "fraud-0" });
    watch.ack(await watch.snapshot());
    await until(() => one.control.fleet.get("a")?.state === "current", "the other replica knows that it is current");
    watch.end();
    await until(() => one.control.fleet.get("a")?.state === "gone", "the other replica knows that it is gone");
  });

  it("all know what a sidecar of another one can do, and from which ones a change would be withheld", async () => {
    await applyFraud(one);
    for (const [pod, capabilities] of [
      ["able", ["ttl"]],
      ["old", ["insured"]],
      ["older", []],
    ] as const) {
      const watch = two.watch({ instance: pod, pod, capabilities });
      watch.ack(await watch.snapshot());
    }
    const current = () => one.control.fleet.list().filter(({ state }) => state === "current");
    await until(() => current().length === 3, "the other replica knows them");
    const text = fraudText(10).replace("spec:", "spec:\n  ttl: 1h");
    const { changes } = await one.call<{ changes: { withheldFrom: string[]; withheldCount: number }[] }>(
      "AdminService",
      "ApplyRoutes",
      { texts: [{ name: "x", text }], intent: { dryRun: true } },
    );
    assert.deepEqual([changes[0]?.withheldCount, changes[0]?.withheldFrom], [2, ["old", "older"]]);
  });

  it("all have a report that was acknowledged by one of them, once", async () => {
    await applyFraud(one);
    await two.call("ReportService", "Report", reportMessage("a", 1, 10));
    assert.deepEqual(await counted(one), [1, 10]);
    await one.call("ReportService", "Report", reportMessage("a", 2, 15));
    assert.deepEqual(
      [await counted(one), await counted(two)],
      [
        [1, 15],
        [1, 15],
      ],
    );
  });

  it("have the same sums of processes that are over, one that begins later too", async () => {
    await applyFraud(one);
    for (const [instance, count] of [
      ["a", 10],
      ["b", 5],
    ] as const)
      await two.call("ReportService", "Report", reportMessage(instance, 1, count));
    const read = one.control.counts.get(processId(reportMessage("a", 1, 10)))?.report;
    const sums = new Sums();
    for (const series of read?.series ?? []) sums.count(series);
    const nobody = (): void => undefined;
    const ended = new EndedCounts({ store, clock: systemClock, ended: nobody, failed: nobody });
    await ended.open();
    await ended.put([processId(reportMessage("a", 1, 10))], sums);
    ended.close();
    await until(() => one.control.counts.ids().length === 1 && two.control.counts.ids().length === 1, "both know it");
    await one.close();
    one = await startControl("", { store, name: "three" });
    await acquainted(one, two);
    for (const control of [one, two]) {
      await control.call("ReportService", "Report", reportMessage("a", 2, 11));
      assert.deepEqual(await counted(control), [2, 15]);
      assert.equal(control.control.figures.reports.forgotten, 1);
    }
  });

  it("know everything that the others know when they say that they have been told", async () => {
    for (let i = 0; i < 300; i++) await one.call("ReportService", "Report", reportMessage(`i-${i}`, 1, 1));
    await two.close();
    two = await startControl("", { store, name: "three" });
    assert.deepEqual(await two.control.informed(8_000), []);
    assert.equal(two.control.counts.ids().length, 300);
  });

  it("wait no longer than they are given for one that tells them nothing, and name it", async () => {
    await store.commit({
      when: [],
      changes: [{ key: "lease/replicas/x", value: JSON.stringify({ name: "x", address: "127.0.0.1:1" }) }],
    });
    await two.close();
    const clock = new ManualClock();
    two = await startControl("", { store, name: "three", clock });
    let missing: readonly string[] | undefined;
    const informed = two.control.informed(15_000).then((names) => {
      missing = names;
    });
    await until(() => two.control.untold.join() === "x", "the other one has told it everything");
    clock.advance(14_999);
    await turns();
    assert.equal(missing, undefined);
    clock.advance(1);
    await informed;
    assert.deepEqual(missing, ["x"]);
  });

  it("lose nothing that was acknowledged when the leader goes, and count nothing twice when it comes back", async () => {
    await applyFraud(one);
    await one.call("ReportService", "Report", reportMessage("a", 1, 10));
    await two.call("ReportService", "Report", reportMessage("b", 1, 5));
    await one.close();
    assert.deepEqual(await counted(two), [2, 15]);
    one = await startControl("", { store, name: "three" });
    await acquainted(one, two);
    await one.call("ReportService", "Report", reportMessage("a", 1, 10));
    assert.deepEqual(
      [await counted(one), await counted(two)],
      [
        [2, 15],
        [2, 15],
      ],
    );
  });
});
