import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { interopCases, interopModes } from "../conformance/cases.ts";
import { tableRows } from "../support/markdown.ts";

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const page = read("docs/conformance.md");
const modules = read("test/conformance/go.mod");

/** Version of a module without what Go puts behind it. */
function version(module: string): string | undefined {
  return new RegExp(`${module} (v[0-9.]+)`).exec(modules)?.[1];
}

/** The row of the first column that is this text. */
function row(who: string): string[] {
  const found = tableRows(page).find(([first]) => first === who);
  assert.ok(found, `docs/conformance.md has no row "${who}"`);
  return found;
}

describe("docs/conformance.md", () => {
  it("names the versions that are built", () => {
    const h2spec = version("github.com/summerwind/h2spec");
    const grpc = version("google.golang.org/grpc");
    assert.match(page, new RegExp(`h2spec\\]\\([^)]*\\) ${h2spec} with`));
    assert.match(page, new RegExp(`interop client and server ${grpc} `));
  });

  it("lists the interop cases that are run, and counts them", () => {
    const [, list = ""] = /credentials:(.*?)\./s.exec(page) ?? [];
    assert.deepEqual(
      Array.from(list.matchAll(/`([a-z_]+)`/g), ([, name]) => name),
      [...interopCases],
    );
    assert.ok(page.includes(`The interop cases are the ${interopCases.length} that`));
  });

  for (const { name } of interopModes) {
    it(`has every interop case ${name} as directly`, () => {
      assert.deepEqual(row(name).slice(1), [String(interopCases.length), String(interopCases.length)]);
    });
  }

  for (const who of [
    "h2spec: Contender, which refuses what is not gRPC",
    "h2spec: Contender, which passes it on",
    "h2spec: Contender, which passes it on, over TLS",
    "h2specd: Contender's upstream half",
  ]) {
    it(`has no case failed or skipped by ${who}`, () => {
      const [, cases, passed, skipped, failed] = row(who);
      assert.ok(Number(cases) > 0);
      assert.deepEqual([passed, skipped, failed], [cases, "0", "0"]);
    });
  }

  it("says of what day its figures are", () => {
    assert.match(page, /^Measured on 20\d\d-\d\d-\d\d /m);
  });
});
