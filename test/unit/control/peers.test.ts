import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Counts } from "../../../src/control/counts.ts";
import { Fleet } from "../../../src/control/fleet.ts";
import { Peers, type ShareStream } from "../../../src/control/peers.ts";
import { openCallers } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const graceMs = 60_000;

function setUp() {
  const clock = new ManualClock();
  const fleet = new Fleet({
    clock,
    storeId: () => "0123456789ab",
    news: () => undefined,
    reordered: () => undefined,
  });
  const dial = () => {
    const stream = Object.assign(new EventEmitter(), { write: () => true });
    return { stream: stream as unknown as ShareStream, close: () => undefined };
  };
  const failed = (): void => undefined;
  const toldAll = (): void => undefined;
  const peers = new Peers({
    clock,
    self: "one",
    counts: new Counts(),
    fleet,
    callers: openCallers,
    dial,
    failed,
    toldAll,
  });
  const tells = () => {
    const stream = Object.assign(new EventEmitter(), { write: () => true, end: () => undefined });
    peers.listen(stream as unknown as Parameters<Peers["listen"]>[0]);
    stream.emit("data", { replica: "two", number: 1 });
    const sidecar = { instance: "a", namespace: "", workload: "", pod: "", identity: "", release: "", version: "" };
    const more = { state: "SIDECAR_STATE_CURRENT", problems: [], withheld: [], lastSeen: null, startedAt: null };
    stream.emit("data", { replica: "", number: 2, sidecar: { ...sidecar, ...more } });
    return stream;
  };
  const replicas = (...names: string[]) => peers.use(names.map((name) => ({ name, address: `${name}:1` })));
  return { clock, fleet, tells, replicas };
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
