/** Our connection against nghttp2, by way of `node:http2`: a fixed number of scripts here, open-ended by `npm run fuzz`. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Role } from "../../src/http2/connection.ts";
import { readCorpus } from "./corpus.ts";
import { compare } from "./differential-compare.ts";
import { exceptions, explain } from "./differential-exceptions.ts";
import { clientScript, goodRequest, type Step, serverScript } from "./differential-script.ts";
import { checkScript } from "./differential-targets.ts";

/** Scripts for each role. */
const scripts = 400;
/** Of all draws: the same scripts in every run, so that a change is what turns a test red. */
const seed = 20_261;

const roles: readonly (readonly [Role, fc.Arbitrary<Step[]>])[] = [
  ["server", serverScript],
  ["client", clientScript],
];

for (const [role, arbitrary] of roles) {
  describe(`our ${role} and nghttp2's`, () => {
    it(`make the same of ${scripts} random scripts, but for what is listed`, async () => {
      const property = fc.asyncProperty(arbitrary, async (script) => await checkScript(role, script));
      await fc.assert(property, { seed, numRuns: scripts });
    }).timeout(60_000);

    it("differ in each thing that is listed, so that the list holds no more than it has to", async () => {
      const met = new Set<string>();
      for (const { input } of readCorpus(`differential-${role}`)) {
        const difference = await compare(role, JSON.parse(input.toString("utf8")));
        if (difference === undefined) continue;
        const rows = explain(role, difference);
        if (rows.length === 0) met.add(difference.lines.join("; "));
        for (const { what } of rows) met.add(what);
      }
      const listed = exceptions.filter((row) => row.role === undefined || row.role === role).map(({ what }) => what);
      assert.deepEqual([...met].sort(), listed.sort());
    }).timeout(30_000);
  });
}

describe("the list of differences", () => {
  it("gives each one a name of its own and a reason", () => {
    assert.equal(new Set(exceptions.map(({ what }) => what)).size, exceptions.length);
    for (const { what, why } of exceptions) assert.ok(why.length > 20, what);
  });

  it("does not explain everything: of the same difference after another step it knows nothing", async () => {
    const fields = [[":method", "CONNECT"], ...goodRequest.slice(1)] as const;
    const step = { step: "headers", on: "new", fields, as: "plain", end: false, frames: 1 } as const;
    const difference = await compare("server", [step]);
    assert.ok(difference);
    assert.deepEqual(
      explain("server", difference).map(({ what }) => what),
      ["CONNECT"],
    );
    assert.deepEqual(explain("server", { ...difference, step: { ...step, fields: goodRequest } }), []);
  });
});
