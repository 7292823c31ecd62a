import assert from "node:assert/strict";
import { judge, type Verdict } from "../../../src/sync/judge.ts";
import { answer, received, sentRoute } from "../../support/snapshots.ts";

const five = answer(5, [sentRoute()]);
const other = sentRoute({ weights: { v1: 50, v2: 50 } });
const problem = (verdict: Verdict) => (verdict.kind === "refuse" ? verdict.problems[0] : undefined);
const asks = (given: object, inForce?: string) => judge(received({ ...five, ...given }), inForce);

describe("a message of the config service", () => {
  it("with routes is to be read", () => {
    const verdict = asks({});
    assert.equal(verdict.kind, "read");
  });

  it("without routes and nonce is a heartbeat", () => {
    assert.equal(asks({ nonce: "", snapshot: null }).kind, "heartbeat");
  });

  const refused: readonly (readonly [what: string, given: object, inForce: string | undefined, says: RegExp])[] = [
    ["a version that is none", { version: "7" }, undefined, /want a version of a config service, got "7"/],
    ["a version of another text", { version: `${five.version}x` }, undefined, /want a version/],
    ["a lower revision of the same store", {}, answer(6, [other]).version, /no revision of this store below/],
    ["another version's routes", { version: answer(5, [other]).version }, undefined, /want a snapshot with the digest/],
    ["no routes where none are in force", { snapshot: null }, undefined, /want the snapshot of .* nothing is in force/],
    ["no routes where others are in force", { snapshot: null }, answer(4, [other]).version, /want the snapshot of/],
  ];
  for (const [what, given, inForce, says] of refused) {
    it(`is refused with ${what}`, () => {
      const verdict = asks(given, inForce);
      assert.equal(problem(verdict)?.path, "version");
      assert.match(problem(verdict)?.message ?? "", says);
    });
  }

  it("may go back in numbers where the store is another: it was restored", () => {
    assert.equal(asks({}, answer(900, [other], { from: "ffffffffffff" }).version).kind, "read");
  });

  it("without routes, for contents that are in force, is another name for them", () => {
    const verdict = judge(received({ ...answer(9, [sentRoute()]), snapshot: null }), five.version);
    assert.deepEqual(verdict, { kind: "adopt", version: answer(9, [sentRoute()]).version });
  });
});
