import assert from "node:assert/strict";
import { ContenderError } from "../../../../src/base/errors.ts";
import type { PersonCaller } from "../../../../src/control/access/callers.ts";
import { Fleet, type SidecarInfo } from "../../../../src/control/fleet/fleet.ts";
import { type ListSidecarsRequest, sidecarList } from "../../../../src/control/fleet/sidecar-list.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { routeSet } from "../../../support/route-set.ts";
import { turns } from "../../../support/until.ts";

interface Answer {
  readonly sidecars: readonly {
    readonly instance: string;
    readonly state: string;
    readonly withheld: readonly object[];
  }[];
}

function setUp(specs: Readonly<Record<string, object>>, revision = 2) {
  const clock = new ManualClock();
  const registry = { routes: routeSet(specs, revision) };
  const fleet = new Fleet({
    clock,
    storeId: () => registry.routes.id,
    news: () => undefined,
    reordered: () => undefined,
  });
  const caller = { locked: false, namespaces: ["ml"] };
  const person = (): PersonCaller => {
    if (caller.locked) throw new ContenderError("FORBIDDEN", "nobody has this token");
    const { namespaces } = caller;
    const sees: PersonCaller["sees"] = ({ spec: { namespace } }) =>
      namespace === undefined || namespaces.includes(namespace);
    return { name: "rita", sees, mayChange: () => undefined };
  };
  const list = sidecarList({ registry, fleet, callers: { person } });
  const stands = (pod: string, state: SidecarInfo["state"], has: number, given: Partial<SidecarInfo> = {}): void =>
    fleet.note({
      instance: pod,
      labels: { namespace: "ml", workload: "fraud", pod },
      identity: "",
      release: "1.0.0",
      capabilities: [],
      startedAtMs: 0,
      state,
      version: has === 0 ? "" : `${registry.routes.id}-${has}-aaaaaaaa`,
      revision: 0,
      problems: [],
      refused: "",
      withheld: [],
      lastSeenMs: clock.wallMs(),
      ...given,
    });
  /** What has come of a wait by now. */
  const ask = (given: Partial<ListSidecarsRequest> = {}) => {
    const asked: { answer?: Answer; failed?: Error } = {};
    const request = { route: "fraud", waitForRevision: 2, waitAtMost: { seconds: 8, nanos: 0 }, ...given };
    list({ request, on: () => undefined }).then(
      (answer) => Object.assign(asked, { answer }),
      (failed) => Object.assign(asked, { failed }),
    );
    return asked;
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turns(2);
  };
  return { fleet, registry, caller, stands, ask, pass };
}

const standing = ({ answer }: { answer?: Answer }) => answer?.sidecars.map(({ instance, state }) => [instance, state]);

describe("who waits for a revision", () => {
  it("does not wait for sidecars that no route is for", async () => {
    const { stands, ask, pass } = setUp({ fraud: { selector: { pod: "a" } } });
    stands("a", "current", 2);
    stands("b", "unrouted", 0);
    const all = ask({ route: "" });
    const asked = ask();
    await pass(0);
    assert.deepEqual(standing(asked), [["a", "SIDECAR_STATE_CURRENT"]]);
    assert.equal(all.answer?.sidecars.length, 2);
  });

  it("waits for one that had no route before, and is to get one with it", async () => {
    const { stands, ask, pass } = setUp({ fraud: {} });
    stands("a", "current", 2);
    stands("b", "unrouted", 0);
    const asked = ask();
    await pass(4_000);
    assert.equal(asked.answer, undefined);
    const late = ask({ waitAtMost: null });
    await pass(0);
    assert.deepEqual(standing(late), [
      ["a", "SIDECAR_STATE_CURRENT"],
      ["b", "SIDECAR_STATE_PENDING"],
    ]);
    stands("b", "current", 2);
    await pass(100);
    assert.equal(standing(asked)?.length, 2);
  });

  it("does not wait for one that all routes are withheld from, and waits where it is not known what it can do", async () => {
    const { stands, ask, pass } = setUp({ fraud: { ttl: "1h" } });
    stands("a", "unrouted", 0);
    const able = ask();
    await pass(100);
    assert.deepEqual(standing(able), [["a", "SIDECAR_STATE_UNROUTED"]]);
    assert.deepEqual(able.answer?.sidecars[0]?.withheld, [{ route: "fraud", capabilities: ["ttl"] }]);
    stands("b", "unrouted", 0, { capabilities: undefined });
    const asked = ask();
    await pass(100);
    assert.equal(asked.answer, undefined);
  });

  it("waits where the revision is not known here yet, whatever routes say before it", async () => {
    const { registry, stands, ask, pass } = setUp({ fraud: { selector: { pod: "a" } } }, 1);
    stands("a", "current", 1);
    stands("b", "unrouted", 0);
    const asked = ask({ route: "" });
    stands("a", "current", 2);
    await pass(1_000);
    assert.equal(standing(asked), undefined);
    registry.routes = routeSet({ fraud: { selector: { pod: "a" } } }, 2);
    stands("b", "unrouted", 0);
    await pass(100);
    assert.equal(standing(asked)?.length, 2);
  });

  it("is told of the sidecars that the route is for by then", async () => {
    const { registry, stands, ask, pass } = setUp({ fraud: {} }, 1);
    stands("a", "current", 1);
    stands("b", "current", 1);
    const asked = ask();
    registry.routes = routeSet({ fraud: { selector: { pod: "a" } } }, 2);
    stands("a", "current", 2);
    stands("b", "unrouted", 1);
    await pass(100);
    assert.deepEqual(standing(asked), [["a", "SIDECAR_STATE_CURRENT"]]);
  });

  it("is answered about a route that was removed meanwhile", async () => {
    const { registry, stands, ask, pass } = setUp({ fraud: {} });
    stands("a", "pending", 1);
    const asked = ask();
    registry.routes = routeSet({}, 3);
    stands("a", "unrouted", 1);
    await pass(100);
    assert.deepEqual(standing(asked), [["a", "SIDECAR_STATE_UNROUTED"]]);
  });

  it("is told nothing where they were locked out meanwhile, or may not see the route any more", async () => {
    const { caller, stands, ask, pass } = setUp({ fraud: { selector: { namespace: "ml" } } });
    stands("a", "pending", 1);
    const [one, other] = [ask(), ask({ waitAtMost: { seconds: 20, nanos: 0 } })];
    await pass(1_000);
    caller.locked = true;
    await pass(7_000);
    assert.match(one.failed?.message ?? "", /nobody has this token/);
    caller.locked = false;
    caller.namespaces = [];
    await pass(12_000);
    assert.deepEqual(standing(other), []);
  });
});
