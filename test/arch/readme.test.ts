/** What README.md shows is run here as far as text goes, and no page links to what isn't there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { summary } from "../../src/cli/check.ts";
import { environmentSnapshot } from "../../src/config/environment-route.ts";
import { loadTexts } from "../../src/config/files.ts";
import { parseSettings } from "../../src/config/settings.ts";
import { commandText } from "../../src/demo/commands.ts";
import { demoDefaults } from "../../src/demo/options.ts";
import { changedRoute, weightsCommand } from "../../src/demo/routes.ts";
import type { SlotRange } from "../../src/model/slots.ts";
import { catalogue } from "../../src/observe/catalogue.ts";
import { explain } from "../../src/router/explain.ts";
import { movedSlots } from "../../src/router/moved-slots.ts";
import { nextRanges } from "../../src/router/next-table.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import { parsedValue } from "../support/parsed.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The code blocks of a language, in order. */
function blocks(language: string): string[] {
  return Array.from(readme.matchAll(/```(\w+)\n([\s\S]*?)```/g))
    .filter(([, each]) => each === language)
    .map(([, , text = ""]) => text);
}

describe("README.md", () => {
  const [routeText = "", podText = ""] = blocks("yaml");
  const route = () => {
    const loaded = loadTexts("file:x", [{ name: "x", text: routeText }], { local: "127.0.0.1:8500" });
    assert.deepEqual(loaded.warnings, []);
    const [first] = parsedValue(loaded).routes;
    assert.ok(first);
    return first;
  };

  it("has an environment that works", () => {
    const [block = ""] = blocks("sh").filter((each) => each.includes("CONTENDER_"));
    const assignments = block.matchAll(/(CONTENDER_\w+)=(\S+)/g);
    const env = Object.fromEntries(Array.from(assignments, ([, name, text = ""]) => [name, text.replaceAll("'", "")]));
    assert.equal(Object.keys(env).length, 9);
    const loaded = environmentSnapshot(parsedValue(parseSettings(env)));
    assert.deepEqual(parsedValue(loaded).routes[0]?.weights, { champion: 90, v2: 10 });
  });

  it("shows the demo's own change of weights, and the slots that it moves", () => {
    const { weights, nextWeights } = demoDefaults;
    const args = weightsCommand(changedRoute, nextWeights);
    assert.ok(readme.includes(`\n$ ${commandText(args)} --wait `), commandText(args));
    const variants = ["v1", "v2"];
    const tableAfter = (before: readonly SlotRange[] | undefined, [v1, v2]: readonly [number, number]) =>
      parsedValue(nextRanges(before, variants, { v1, v2 }));
    const before = tableAfter(undefined, weights);
    const moved = movedSlots(before, tableAfter(before, nextWeights)).slots.toLocaleString("en-US");
    assert.ok(readme.includes(`\n  ${moved} of 65,536 slots move, 30% of keys: v1 -> v2\n`), moved);
  });

  it("shows what check says of its route file", () => {
    assert.ok(readme.includes(`\n  ${summary(route())}\n`), summary(route()));
  });

  it("shows which variant its key gets", () => {
    const [, key = ""] = /contender why fraud --key (\S+)/.exec(readme) ?? [];
    const { variant, slot } = explain(parsedValue(compileAssigner(route())), key);
    assert.ok(readme.includes(`\nvariant     ${variant} (challenger)\n`), variant);
    assert.ok(readme.includes(`, slot ${slot}\n`), String(slot));
  });

  it("has a pod that YAML can read, with settings that there are", () => {
    const pod = parse(podText) as { spec: { containers: { name: string; env?: { name: string; value: string }[] }[] } };
    const env = pod.spec.containers.flatMap((container) => container.env ?? []);
    assert.equal(env.length, 1);
    parsedValue(parseSettings(Object.fromEntries(env.map(({ name, value }) => [name, value]))));
  });

  it("asks only for metrics that there are", () => {
    const names = Array.from(
      blocks("promql")
        .join("")
        .matchAll(/\bcontender_\w+/g),
      ([name]) => name.replace(/_(bucket|sum|count)$/, ""),
    );
    assert.ok(names.length > 2);
    assert.deepEqual(
      names.filter((name) => !Object.hasOwn(catalogue, name)),
      [],
    );
  });
});

describe("the pages", () => {
  const here = (folder: string) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name));
  for (const page of [...here("."), ...here("docs"), ...here("docs/decisions"), ...here("bench")]) {
    it(`${page} links to nothing that isn't there`, () => {
      const text = readFileSync(join(root, page), "utf8");
      const targets = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target);
      const files = targets
        .filter((target) => !/^(https?:|#)/.test(target))
        .map((target) => target.replace(/#.*$/, ""));
      assert.deepEqual(
        files.filter((file) => !existsSync(join(root, dirname(page), file))),
        [],
      );
    });
  }
});
