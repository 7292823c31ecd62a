import assert from "node:assert/strict";
import { readSnapshot } from "../../../src/api/read-snapshot.ts";
import { planSnapshot } from "../../../src/plan/plan.ts";
import { compileAssigner } from "../../../src/router/route-assigner.ts";
import { expiredAfter, nextExpiryMs, withoutExpired } from "../../../src/sync/expiry.ts";
import { parsedValue } from "../../support/parsed.ts";
import { answer, received, sentRoute } from "../../support/snapshots.ts";

const half = { v1: 50, v2: 50 };
const routes = [
  sentRoute({ name: "a", weights: half, spec: { ttl: "1m", default: true, match: { models: ["a"] } } }),
  sentRoute({ name: "b", weights: half, spec: { ttl: "5m", default: false, match: { models: ["b"] } } }),
  sentRoute({ name: "c", weights: half, spec: { default: false, match: { models: ["c"] } } }),
];
const { message } = received(answer(1, routes));
const snapshot = parsedValue(
  readSnapshot(message.version, message.snapshot ?? { routes: [], withheld: [] }, "x", { local: "127.0.0.1:8500" }),
);

describe("routes that hold only as long as their service is heard", () => {
  it("are over one after the other, and those without a ttl never", () => {
    const over = [0, 59_999, 60_000, 299_999, 300_000, 1e9].map((ms) => expiredAfter(snapshot, ms).join());
    assert.deepEqual(over, ["", "", "a", "a", "a,b", "a,b"]);
    assert.deepEqual(
      [0, 60_000, 300_000].map((ms) => nextExpiryMs(snapshot, ms)),
      [60_000, 240_000, undefined],
    );
  });

  it("are left to their champions, whole, and nothing else is touched", () => {
    const left = withoutExpired(snapshot, ["a"]);
    const [a, b] = left.routes;
    assert.deepEqual(a?.weights, { v1: 100, v2: 0 });
    assert.ok(a !== undefined && b === snapshot.routes[1]);
    assert.ok(parsedValue(compileAssigner(a)).places.every((index) => index === 0));
    assert.ok(planSnapshot(left).ok);
    assert.notEqual(left.version, snapshot.version);
    assert.equal(withoutExpired(snapshot, []), snapshot);
  });

  it("lose their shadows too", () => {
    const shadowed = { ...snapshot, routes: snapshot.routes.map((route) => ({ ...route, shadows: [{}] })) };
    assert.deepEqual(withoutExpired(shadowed as never, ["a"]).routes[0]?.shadows, []);
  });
});
