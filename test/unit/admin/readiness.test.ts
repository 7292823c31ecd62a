import assert from "node:assert/strict";
import { readinessOf } from "../../../src/admin/readiness.ts";

const fine = {
  listening: true,
  configured: true,
  draining: false,
  waitForChampion: false,
  routesWithoutChampion: [] as readonly string[],
};

describe("readiness", () => {
  it("needs the port, a configuration, and no drain", () => {
    assert.deepEqual(readinessOf(fine), { ready: true, missing: [] });
    for (const [given, what] of [
      [{ listening: false }, /port/],
      [{ configured: false }, /configuration/],
      [{ draining: true }, /draining/],
      [{ workersMissing: "no worker can take calls yet" }, /no worker can take calls yet/],
    ] as const) {
      const { ready, missing } = readinessOf({ ...fine, ...given });
      assert.deepEqual([ready, missing.length], [false, 1]);
      assert.match(missing.join(), what);
    }
  });

  it("names everything that is missing at once", () => {
    const { missing } = readinessOf({ ...fine, listening: false, configured: false });
    assert.equal(missing.length, 2);
  });

  it("waits for the champions' connections only where it was told to", () => {
    const without = { ...fine, routesWithoutChampion: ["fraud", "churn"] };
    assert.equal(readinessOf(without).ready, true);
    const { ready, missing } = readinessOf({ ...without, waitForChampion: true });
    assert.equal(ready, false);
    assert.deepEqual(
      missing.map((each) => each.split(" ").at(-1)),
      ["fraud", "churn"],
    );
  });
});
