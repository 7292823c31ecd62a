/** Whose counts are summed up for which routes, where sidecars prove what they are. */
import assert from "node:assert/strict";
import type { Callers } from "../../../src/control/access/callers.ts";
import { openCallers, startControl, type TestControl } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

/** What stands before a dash in the name of an instance is its namespace, as its certificate would say. */
const proved: Callers = {
  ...openCallers,
  sidecar: (_, __, { instance }) => {
    const [namespace = ""] = instance.split("-");
    return { identity: namespace, labels: { namespace, workload: "fraud", pod: instance } };
  },
};

const document = (name: string, namespace: string, selector = "{}"): string => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  match: { models: [${name}] }
  selector: ${selector}
  default: true
  variants: { v41: { address: local }, v42: { address: "10.0.0.2:8500" } }
  champion: v41
`;

const report = (instance: string, sequence: number, counts: Readonly<Record<string, number>>) => ({
  instance,
  startedAt: { seconds: 1, nanos: 0 },
  sequence,
  series: Object.entries(counts).map(([route, count]) => ({
    route,
    variant: "v41",
    traffic: "live",
    version: "v",
    codes: [{ code: 0, count }],
  })),
});

describe("counts of sidecars that prove what they are", () => {
  const own = new Owned();
  let control: TestControl;
  afterEach(() => own.close());

  const start = async (callers = proved): Promise<ManualClock> => {
    const clock = new ManualClock();
    control = own.add(await startControl(own.add(new TempFolder()).at("store"), { clock, callers }));
    return clock;
  };
  const apply = (...texts: readonly string[]) =>
    control.call("AdminService", "ApplyRoutes", { texts: texts.map((text) => ({ name: "x", text })) });
  const send = (...args: Parameters<typeof report>) => control.call("ReportService", "Report", report(...args));
  const requests = async (route: string): Promise<number> => {
    const { series } = await control.call<{ series: readonly { requests: number }[] }>("AdminService", "GetCounts", {
      route,
    });
    return series.reduce((sum, each) => sum + each.requests, 0);
  };
  const told = () => control.events.filter(({ kind }) => kind === "counts_left_out");

  it("are summed up for the routes that are for them, and left out for others, which is counted, and told once", async () => {
    const clock = await start();
    await apply(document("fraud", "ml"), document("till", "shop"));
    await send("ml-1", 1, { fraud: 1_000 });
    await send("shop-1", 1, { fraud: 50_000, till: 7 });
    await send("shop-1", 2, { fraud: 60_000, till: 8 });
    clock.advance(20_000);
    await send("shop-2", 1, { fraud: 1, till: 1 });
    assert.deepEqual([await requests("fraud"), await requests("till")], [1_000, 9]);
    assert.deepEqual(control.control.figures.leftOut, { foreign: 3, unknown: 0 });
    assert.deepEqual(told(), [{ kind: "counts_left_out", who: "shop", instance: "shop-1", route: "fraud", more: 0 }]);
  });

  it("fill no log, whatever names they have", async () => {
    const clock = await start();
    await apply(...Array.from({ length: 20 }, (_, i) => document(`r${i}`, `n${i}`)));
    const all = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`r${i}`, 1]));
    await send("shop-1", 1, all);
    await send("shop-2", 1, all);
    assert.equal(told().length, 1);
    clock.advance(10_000);
    await send("shop-3", 1, all);
    assert.deepEqual(
      told().map((event) => "more" in event && event.more),
      [0, 38],
    );
  });

  it("are summed up for a route of which they are in no subset now", async () => {
    await start();
    await apply(document("fraud", "ml", "{ percent: 0.001 }"), document("till", "shop", "{ first: 1 }"));
    await send("ml-2", 1, { fraud: 5 });
    await send("shop-2", 1, { till: 6 });
    assert.deepEqual([await requests("fraud"), await requests("till")], [5, 6]);
  });

  it("go on for a route that was for their process, and begin for no other", async () => {
    await start();
    await apply(document("fraud", "ml"));
    await send("ml-1", 1, { fraud: 1_000 });
    await apply(document("fraud", "ml", "{ namespace: shop }"));
    await send("ml-1", 2, { fraud: 1_001 });
    await send("ml-2", 1, { fraud: 10 });
    await send("shop-1", 1, { fraud: 100 });
    assert.equal(await requests("fraud"), 1_101);
  });

  it("are there again when a route is that was removed", async () => {
    await start();
    await apply(document("fraud", "ml"));
    await send("ml-1", 1, { fraud: 1_000 });
    await control.call("AdminService", "DeleteRoute", { name: "fraud" });
    await send("ml-1", 2, { fraud: 1_002 });
    await control.call("AdminService", "UndoRoute", { name: "fraud" });
    assert.equal(await requests("fraud"), 1_002);
  });

  it("wait for a route that is not known yet: the next report has all of them", async () => {
    await start();
    await send("ml-1", 1, { fraud: 1_000 });
    await send("shop-1", 1, { fraud: 1_000 });
    await apply(document("fraud", "ml"));
    assert.equal(await requests("fraud"), 0);
    await send("ml-1", 2, { fraud: 1_001 });
    await send("shop-1", 2, { fraud: 1_001 });
    assert.equal(await requests("fraud"), 1_001);
    assert.deepEqual([control.control.figures.leftOut, told().length], [{ foreign: 1, unknown: 2 }, 1]);
  });

  it("go on for nobody else who takes up the name of a process", async () => {
    let namespace = "ml";
    await start({
      ...openCallers,
      sidecar: () => ({ identity: namespace, labels: { namespace, workload: undefined, pod: undefined } }),
    });
    await apply(document("fraud", "ml"));
    await send("x", 1, { fraud: 1_000 });
    namespace = "shop";
    await send("x", 2, { fraud: 50_000 });
    assert.ok((await requests("fraud")) <= 1_000);
    assert.equal(control.control.figures.leftOut.foreign, 1);
  });

  it("are those of everybody where nobody proves anything", async () => {
    await start(openCallers);
    await apply(document("fraud", "ml", "{ pod: fraud-0 }"));
    await send("shop-1", 1, { fraud: 50_000 });
    assert.deepEqual([await requests("fraud"), told()], [50_000, []]);
  });
});
