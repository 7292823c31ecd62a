import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { ContenderError } from "../../../../src/base/errors.ts";
import type { Callers } from "../../../../src/control/access/callers.ts";
import { Fleet } from "../../../../src/control/fleet/fleet.ts";
import type { ShareStream } from "../../../../src/control/replicas/peer-link.ts";
import { Peers } from "../../../../src/control/replicas/peers.ts";
import { openCallers } from "../../../support/control.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { countsAlone } from "../../../support/reports.ts";

const graceMs = 60_000;

function setUp() {
  const clock = new ManualClock();
  const fleet = new Fleet({
    clock,
    storeId: () => "0123456789ab",
    news: () => undefined,
    reordered: () => undefined,
  });
  const dialled: EventEmitter[] = [];
  const dial = () => {
    const stream = Object.assign(new EventEmitter(), { write: () => true });
    dialled.push(stream);
    return { stream: stream as unknown as ShareStream, close: () => undefined };
  };
  const failures: string[] = [];
  const failed = (replica: string, why: string): void => void failures.push(`${replica}: ${why}`);
  const world = { trusted: true };
  const callers: Callers = {
    ...openCallers,
    replica: () => {
      if (!world.trusted) throw new ContenderError("FORBIDDEN", "it may not share");
    },
  };
  const toldAll = (): void => undefined;
  const peers = new Peers({
    clock,
    self: "one",
    counts: countsAlone(),
    fleet,
    callers,
    dial,
    failed,
    toldAll,
  });
  const tells = () => {
    const stream = Object.assign(new EventEmitter(), {
      write: () => true,
      end: () => undefined,
      errors: [] as object[],
    });
    stream.on("error", (error: object) => stream.errors.push(error));
    peers.listen(stream as unknown as Parameters<Peers["listen"]>[0]);
    stream.emit("data", { replica: "two", number: 1 });
    tellOf(stream, "a");
    return stream;
  };
  const tellOf = (stream: EventEmitter, instance: string) => {
    const sidecar = { instance, namespace: "", workload: "", pod: "", identity: "", release: "", version: "" };
    const more = { state: "SIDECAR_STATE_CURRENT", problems: [], withheld: [], lastSeen: null, startedAt: null };
    stream.emit("data", { replica: "", number: 2, sidecar: { ...sidecar, ...more } });
  };
  const replicas = (...names: string[]) => peers.use(names.map((name) => ({ name, address: `${name}:1` })));
  return { clock, fleet, tells, tellOf, replicas, peers, world, failures, dialled };
}

describe("replicas as one of them knows them", () => {
  it("is not without its sidecars for having lost its lease, as long as it tells of them", () => {
    const { clock, fleet, tells, replicas } = setUp();
    replicas("one", "two");
    const stream = tells();
    replicas("one");
    clock.advance(2 * graceMs);
    assert.equal(fleet.get("a")?.state, "current");
    stream.emit("close");
    clock.advance(graceMs);
    assert.equal(fleet.get("a")?.state, "gone");
  });

  it("is gone with its sidecars after a while once it is not listed any more and tells nothing", () => {
    const { clock, fleet, tells, replicas } = setUp();
    replicas("one", "two");
    tells().emit("end");
    clock.advance(2 * graceMs);
    assert.equal(fleet.get("a")?.state, "current");
    replicas("one");
    clock.advance(graceMs - 1);
    assert.equal(fleet.get("a")?.state, "current");
    clock.advance(1);
    assert.equal(fleet.get("a")?.state, "gone");
  });
});

describe("a replica that may not tell us anything any more", () => {
  const ways = [
    ["who may do what has changed", ({ peers }: ReturnType<typeof setUp>) => peers.recheck()],
    ["its certificate has ended meanwhile", ({ clock }: ReturnType<typeof setUp>) => clock.advance(30_000)],
  ] as const;
  for (const [when, happens] of ways) {
    it(`loses its stream once ${when}, and what it says besides counts for nothing`, () => {
      const world = setUp();
      world.replicas("one", "two");
      const stream = world.tells();
      happens(world);
      assert.deepEqual(stream.errors, []);
      world.world.trusted = false;
      happens(world);
      assert.equal(stream.errors.length, 1);
      assert.match(JSON.stringify(stream.errors[0]), /"code":7,.*it may not share/);
      world.tellOf(stream, "b");
      assert.equal(world.fleet.get("b"), undefined);
      happens(world);
      assert.equal(stream.errors.length, 1);
    });
  }
});

describe("a replica that can't be reached", () => {
  it("is told of once, until it answers or fails in another way", () => {
    const { clock, dialled, failures, replicas } = setUp();
    replicas("one", "two");
    const fails = (why: string) => {
      dialled.at(-1)?.emit("error", new Error(why));
      clock.advance(1_000);
    };
    fails("refused");
    fails("refused");
    fails("no such certificate");
    dialled.at(-1)?.emit("data", { number: 1 });
    fails("no such certificate");
    assert.equal(dialled.length, 5);
    assert.deepEqual(failures, ["two: refused", "two: no such certificate", "two: no such certificate"]);
  });
});
