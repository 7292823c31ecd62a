import assert from "node:assert/strict";
import { Fleet, goneMs, type SidecarInfo } from "../../../../src/control/fleet/fleet.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { routeSpec } from "../../../support/routes.ts";

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const seen = { reordered: 0 };
  const fleet = new Fleet({
    clock,
    storeId: () => "0123456789ab",
    news: (instance) => void told.push(instance),
    reordered: () => void seen.reordered++,
  });
  const sidecar = (instance: string, given: Partial<SidecarInfo> = {}): SidecarInfo => ({
    instance,
    labels: { namespace: undefined, workload: undefined, pod: instance },
    identity: "",
    release: "1.0.0",
    capabilities: [],
    startedAtMs: 0,
    state: "current",
    version: "0123456789ab-7-aaaaaaaa",
    revision: 0,
    problems: [],
    refused: "",
    withheld: [],
    lastSeenMs: clock.wallMs(),
    ...given,
  });
  return { clock, fleet, told, seen, sidecar };
}

const instances = (fleet: Fleet) => fleet.list().map(({ instance }) => instance);

describe("the fleet", () => {
  it("tells the revision that a sidecar has, of this store alone", () => {
    const { fleet, sidecar } = setUp();
    fleet.note(sidecar("a"));
    fleet.note(sidecar("b", { version: "ffffffffffff-7-aaaaaaaa" }));
    assert.deepEqual(
      fleet.list().map(({ revision }) => revision),
      [7, 0],
    );
  });

  it("shows a sidecar that is gone for a while", () => {
    const { clock, fleet, sidecar } = setUp();
    fleet.note(sidecar("a", { state: "gone" }));
    clock.advance(goneMs.shown - 1);
    assert.deepEqual(instances(fleet), ["a"]);
    clock.advance(1);
    assert.deepEqual(instances(fleet), []);
  });

  it("shows of a pod that has started anew the new process alone", () => {
    const { clock, fleet, sidecar } = setUp();
    const pod = (instance: string, given: Partial<SidecarInfo> = {}) =>
      sidecar(instance, {
        labels: { namespace: "ml", workload: "fraud", pod: "fraud-0" },
        startedAtMs: clock.wallMs(),
        ...given,
      });
    const first = pod("first");
    fleet.note(first);
    clock.advance(60_000);
    const gone: SidecarInfo = { ...first, state: "gone", lastSeenMs: clock.wallMs() };
    fleet.note(gone);
    assert.deepEqual(instances(fleet), ["first"]);
    clock.advance(10_000);
    const second = pod("second");
    fleet.note(second);
    assert.deepEqual(instances(fleet), ["second"]);
    // Another replica tells late of the one before.
    fleet.note(gone, "two");
    assert.deepEqual(instances(fleet), ["second"]);
    clock.advance(10_000);
    fleet.note({ ...second, state: "gone", lastSeenMs: clock.wallMs() });
    assert.deepEqual(instances(fleet), ["second"]);
    fleet.note(pod("other", { labels: { namespace: "shop", workload: "fraud", pod: "fraud-0" } }));
    assert.deepEqual(instances(fleet).sort(), ["other", "second"]);
  });

  it("shows of a pod whose machine has died the new process alone, though the old one's end is noticed after it", () => {
    const { clock, fleet, sidecar } = setUp();
    const labels = { namespace: "ml", workload: "fraud", pod: "fraud-0" };
    const old = sidecar("old", { labels, startedAtMs: clock.wallMs() });
    fleet.note(old);
    clock.advance(3_600_000);
    fleet.note(sidecar("new", { labels, startedAtMs: clock.wallMs() }));
    clock.advance(80_000);
    fleet.note({ ...old, state: "gone", lastSeenMs: clock.wallMs() });
    assert.deepEqual(instances(fleet), ["new"]);
  });

  it("takes no pod for another whose names make the same text together", () => {
    const { clock, fleet, sidecar } = setUp();
    const labels = (namespace: string, workload: string) => ({ namespace, workload, pod: "p" });
    const first = sidecar("first", { labels: labels("a", "b\0c") });
    fleet.note({ ...first, state: "gone" });
    clock.advance(60_000);
    fleet.note(sidecar("second", { labels: labels("a\0b", "c"), startedAtMs: clock.wallMs() }));
    assert.deepEqual(instances(fleet).sort(), ["first", "second"]);
  });

  it("shows one that is gone beside another that ran at the same time under the same name", () => {
    const { clock, fleet, sidecar } = setUp();
    const labels = { namespace: undefined, workload: undefined, pod: "laptop" };
    const first = sidecar("first", { labels, startedAtMs: clock.wallMs() });
    fleet.note(first);
    clock.advance(1_000);
    fleet.note(sidecar("second", { labels, startedAtMs: clock.wallMs() }));
    clock.advance(100_000);
    fleet.note({ ...first, state: "gone", lastSeenMs: clock.wallMs() });
    assert.deepEqual(instances(fleet), ["first", "second"]);
  });

  it("remembers only so many that are gone, and every one that is there", () => {
    const { fleet, sidecar } = setUp();
    fleet.note(sidecar("there"));
    for (let i = 0; i < 20_005; i++) fleet.note(sidecar(`gone-${i}`, { state: "gone" }));
    assert.equal(fleet.list().length, 20_001);
    assert.ok(
      fleet.get("there") !== undefined && fleet.get("gone-4") === undefined && fleet.get("gone-5") !== undefined,
    );
    assert.equal(fleet.connected, 1);
  });

  it("lists by namespace, workload, pod and instance, also after one has changed its place", () => {
    const { fleet, sidecar } = setUp();
    const at = (instance: string, namespace: string) =>
      fleet.note(sidecar(instance, { labels: { namespace, workload: undefined, pod: undefined } }));
    at("1", "b");
    at("2", "a");
    assert.deepEqual(instances(fleet), ["2", "1"]);
    at("3", "aa");
    assert.deepEqual(instances(fleet), ["2", "3", "1"]);
    at("2", "c");
    assert.deepEqual(instances(fleet), ["3", "1", "2"]);
    at("3", "aa");
    assert.deepEqual(instances(fleet), ["3", "1", "2"]);
  });

  it("tells other replicas what it hears itself, and nothing of what they tell", () => {
    const { fleet, told, sidecar } = setUp();
    fleet.note(sidecar("a"));
    fleet.note(sidecar("b"), "two");
    assert.deepEqual(told, ["a"]);
    assert.deepEqual([...fleet.own()], ["a"]);
    assert.deepEqual([fleet.ownWord("a")?.instance, fleet.ownWord("b")], ["a", undefined]);
  });

  it("does not take another replica's older word for it", () => {
    const { clock, fleet, sidecar } = setUp();
    const older = sidecar("a", { state: "gone" });
    clock.advance(5);
    fleet.note(sidecar("a"));
    fleet.note(older, "two");
    assert.equal(fleet.get("a")?.state, "current");
  });

  it("takes sidecars of a replica that is lost for gone, but for those that came here", () => {
    const { fleet, sidecar } = setUp();
    fleet.note(sidecar("a"), "two");
    fleet.note(sidecar("b"), "two");
    fleet.note(sidecar("b"));
    fleet.lost("two");
    assert.deepEqual([fleet.get("a")?.state, fleet.get("b")?.state], ["gone", "current"]);
  });

  it("wakes who waits when no sidecar holds them up any more, and not before others that may be there are known", () => {
    const { clock, fleet, sidecar } = setUp();
    let done = 0;
    fleet.expectOthers();
    fleet.note(sidecar("a", { state: "pending" }));
    fleet.until(
      ({ state }) => state === "pending",
      60_000,
      () => void done++,
    );
    fleet.note(sidecar("a"));
    clock.advance(1_000);
    assert.equal(done, 0);
    fleet.allThere();
    clock.advance(1_000);
    assert.equal(done, 1);
  });
});

describe("the first sidecars of a route", () => {
  const first = (n: number) =>
    routeSpec({
      selector: { namespace: undefined, workload: undefined, pod: undefined, first: n, percent: undefined },
    });
  const pods = Array.from({ length: 10 }, (_, i) => `fraud-${i}`);

  function full() {
    const world = setUp();
    for (const pod of pods) world.fleet.note(world.sidecar(pod));
    const chosen = (n: number) => pods.filter((pod) => world.fleet.amongFirst(first(n), pod));
    return { ...world, chosen };
  }

  it("are as many as it says, and fewer ones lie within more", () => {
    const { chosen } = full();
    assert.deepEqual(
      [0, 3, 10, 20].map((n) => chosen(n).length),
      [0, 3, 10, 10],
    );
    assert.ok(chosen(3).every((pod) => chosen(5).includes(pod)));
  });

  it("stay the same when one comes that is behind them", () => {
    const { clock, fleet, sidecar, chosen, seen } = full();
    const before = chosen(3);
    const late = Array.from({ length: 50 }, (_, i) => `late-${i}`).find((pod) => {
      const world = full();
      world.fleet.note(world.sidecar(pod));
      return !world.fleet.amongFirst(first(3), pod);
    });
    fleet.note(sidecar(late ?? ""));
    clock.advance(1_000);
    assert.deepEqual(chosen(3), before);
    assert.equal(seen.reordered, 1);
  });

  it("keep their place while a pod starts anew, and give it up after a minute", () => {
    const { clock, fleet, sidecar, chosen } = full();
    const before = chosen(3);
    const [lost = ""] = before;
    fleet.note(sidecar(lost, { state: "gone" }));
    clock.advance(1_000);
    assert.deepEqual(chosen(3), before);
    clock.advance(goneMs.placeKept);
    assert.ok(!chosen(3).includes(lost));
  });

  it("are as many also where pods of two namespaces have one name, or a process is named like a pod", () => {
    const { fleet, sidecar } = setUp();
    const named = (instance: string, namespace: string | undefined, pod: string | undefined) =>
      fleet.note(sidecar(instance, { labels: { namespace, workload: undefined, pod } }));
    named("1", "a", "fraud-0");
    named("2", "b", "fraud-0");
    named("fraud-0", undefined, undefined);
    named('["a","fraud-0"]', undefined, undefined);
    const chosen = (n: number) => ["1", "2", "fraud-0", '["a","fraud-0"]'].filter((i) => fleet.amongFirst(first(n), i));
    assert.deepEqual(
      [1, 2, 3, 4].map((n) => chosen(n).length),
      [1, 2, 3, 4],
    );
  });

  it("are other ones where the route is for another namespace", () => {
    const { fleet, sidecar } = setUp();
    for (const namespace of ["a", "b"]) {
      fleet.note(sidecar(namespace, { labels: { namespace, workload: undefined, pod: "fraud-0" } }));
    }
    const of = (namespace: string) => ["a", "b"].filter((i) => fleet.amongFirst({ ...first(1), namespace }, i));
    assert.deepEqual([of("a"), of("b")], [["a"], ["b"]]);
  });

  it("have the process that took the place of one", () => {
    const { clock, fleet, sidecar, chosen } = full();
    const [pod = ""] = chosen(1);
    fleet.note(sidecar(pod, { state: "gone" }));
    fleet.note(sidecar("new-process", { labels: { namespace: undefined, workload: undefined, pod } }));
    clock.advance(1_000);
    assert.ok(fleet.amongFirst(first(1), "new-process"));
  });
});
