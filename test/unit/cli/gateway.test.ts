import assert from "node:assert/strict";
import { environmentSnapshot, surroundings } from "../../../src/config/environment-route.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { parseSettings, type Settings, type Strings } from "../../../src/config/settings.ts";
import { contender } from "../../support/cli.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

const champion = { CONTENDER_CHAMPION: "v41=models.ml:8500" };
const settings = (env: Strings) => parsedValue(parseSettings(env, "gateway"));
const problems = (env: Strings) => problemLinesOf(parseSettings(env, "gateway")).join("\n");

describe("contender gateway", () => {
  it("is the sidecar's proxy, without a model server of its own, on all interfaces", async () => {
    const { code, calls } = await contender(["gateway", "--challengers", "v42=models.ml:8501"], { env: champion });
    assert.equal(code, 0);
    assert.deepEqual(
      calls.map(({ name }) => name),
      ["sidecar"],
    );
    const { local, listen, challengers } = (calls[0]?.given ?? {}) as Partial<Settings>;
    assert.equal(local, undefined);
    assert.deepEqual(listen, { kind: "tcp", host: "0.0.0.0", port: 7400 });
    assert.equal(challengers?.length, 1);
  });

  it("has no --local, and refuses its variable", async () => {
    assert.equal((await contender(["gateway", "--local", "127.0.0.1:1"], { env: champion })).code, 64);
    assert.match(problems({ ...champion, CONTENDER_LOCAL: "127.0.0.1:1" }), /^CONTENDER_LOCAL: a gateway has no model/);
  });

  it("needs routes from somewhere, and says which settings name one", () => {
    assert.match(
      problems({}),
      /^CONTENDER_CONTROL: is missing: .* CONTENDER_CONTROL, CONTENDER_CONFIG or CONTENDER_CHAM/,
    );
    for (const env of [champion, { CONTENDER_CONFIG: "routes" }, { CONTENDER_CONTROL: "127.0.0.1:7410" }]) {
      assert.equal(settings(env).local, undefined);
    }
  });

  it('refuses the address "local" in the environment\'s route', () => {
    const loaded = environmentSnapshot(settings({ CONTENDER_CHAMPION: "v41=local" }));
    assert.deepEqual(problemLinesOf(loaded), [
      'CONTENDER_CHAMPION: a gateway has no model server of its own for "local" to mean: want the address of one',
    ]);
  });

  it('refuses the address "local" in a document, by its path', () => {
    const text = `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec: { variants: { v41: { address: local } }, champion: v41 }
`;
    const loaded = loadTexts("file:x", [{ name: "x", text }], surroundings(settings(champion)));
    assert.match(problemLinesOf(loaded).join(), /^spec\.variants\.v41\.address: a gateway has no model server/);
  });
});
