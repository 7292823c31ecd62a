import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { contender } from "../../support/cli.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";

const examples = new URL("../../../config/examples/", import.meta.url);

const fixture = (kind: "valid" | "invalid", name: string) =>
  routeFixtures(kind).find((each) => each.name === name)?.text ?? "";

const route = (name: string) =>
  `apiVersion: contender.dev/v1alpha1\nkind: ModelRoute\nmetadata: { name: ${name} }\nspec: { match: { models: [${name}] }, variants: { v1: { address: local } }, champion: v1 }\n`;

describe("contender check", () => {
  it("warns of a variable that nothing reads, with the nearest one, and judges all the same", async () => {
    const env = { CONTENDER_LOCL: "10.0.0.1:1", CONTENDER_STORE: "dir:x", CONTENDER_SERVICE_HOST: "10.0.0.9" };
    const { code, err } = await contender(["check", "-"], { stdin: route("fraud"), env });
    assert.equal(code, 0);
    assert.equal(err, "warning: CONTENDER_LOCL: unknown setting, the nearest is CONTENDER_LOCAL\n");
  });

  const folder = mkdtempSync(join(tmpdir(), "contender-"));
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  after(() => rmSync(folder, { recursive: true }));

  it("says ok and one line for each route; warnings go to standard error", async () => {
    const path = put("good.yaml", fixture("valid", "design-example"));
    const { code, out, err } = await contender(["check", path]);
    assert.equal(code, 0);
    assert.match(
      out,
      new RegExp(`^${path}: ok, version [0-9a-f]{12}\n {2}fraud \\(default\\): v41 90% \\(champion\\), .*\n$`),
    );
    assert.equal(
      err,
      `warning: ${path}:18: spec.gates: are recorded, but this version does not act on them
`,
    );
  });

  it("prints every problem with its line and path, and exits with 64", async () => {
    const path = put("bad.yaml", fixture("invalid", "weight-of-unknown-variant"));
    const { code, out, err } = await contender(["check", path]);
    assert.deepEqual([code, out], [64, ""]);
    assert.equal(
      err,
      `${path}:8: spec.champion: no variant is named "v40" (did you mean "v41"?), the variants are v41, v42
${path}:9: spec.weights.v24: no variant is named "v24" (did you mean "v42"?), the variants are v41, v42
${path}:10: spec.shadows.shadow: no variant is named "shadow", the variants are v41, v42
${path}: 3 problems
`,
    );
  });

  it("judges each file by itself, and fails where one does", async () => {
    const { code, out, err } = await contender(["check", put("a.yaml", route("a")), join(folder, "none.yaml")]);
    assert.equal(code, 64);
    assert.match(out, /a\.yaml: ok/);
    assert.match(err, /none\.yaml: can't be read: there is no such file\n/);
  });

  it("judges files as one set with --together, and a directory always", async () => {
    const both = [put("a.yaml", route("a")), put("b.yaml", route("b"))];
    assert.equal((await contender(["check", ...both])).code, 0);
    const { code, err } = await contender(["check", "--together", ...both]);
    assert.equal(code, 64);
    assert.match(err, /none of the routes "a" and "b" is the default/);
  });

  it("reads standard input for -", async () => {
    const { code, out } = await contender(["check", "-"], { stdin: route("a") });
    assert.equal(code, 0);
    assert.match(out, /^stdin: ok/);
    assert.match((await contender(["check", "-"], { stdin: "x" })).err, /^stdin:1: want a map/);
  });

  it("prints one JSON document with --json, whatever the verdict", async () => {
    const good = JSON.parse((await contender(["check", "--json", "-"], { stdin: route("a") })).out);
    assert.equal(good.ok, true);
    assert.deepEqual(good.sets[0].routes, [{ name: "a", summary: "a (default): v1 100% (champion); no key" }]);
    const bad = await contender(["check", "--json", "-"], { stdin: "kind: x" });
    assert.equal(bad.code, 64);
    assert.equal(bad.err, "");
    assert.equal(JSON.parse(bad.out).ok, false);
    assert.deepEqual(JSON.parse(bad.out).sets[0].problems[0], {
      path: "apiVersion",
      message: "is missing",
      where: "stdin:1",
    });
  });

  it("knows what `local` means from the environment", async () => {
    const stdin = `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: a }
spec: { variants: { v1: { address: local }, v2: { address: "10.0.0.1:1" } }, champion: v1, shadows: { v2: {} } }
`;
    assert.equal((await contender(["check", "-"], { stdin })).code, 0);
    const { code, err } = await contender(["check", "-"], { stdin, env: { CONTENDER_LOCAL: "10.0.0.1:1" } });
    assert.equal(code, 64);
    assert.match(err, /the same model at the same address/);
  });

  it("needs a file", async () => {
    const { code, err } = await contender(["check"]);
    assert.equal(code, 64);
    assert.match(err, /missing required argument 'FILE'/);
  });

  for (const name of readdirSync(examples)) {
    it(`has nothing to say against the shipped example ${name}`, async () => {
      const { code, err } = await contender(["check", fileURLToPath(new URL(name, examples))]);
      assert.deepEqual([code, err], [0, ""]);
    });
  }

  for (const { name, text } of routeFixtures("valid")) {
    it(`admits the fixture ${name}, and so does the planner`, async () => {
      assert.equal((await contender(["check", "-"], { stdin: text })).code, 0);
    });
  }
});
