/** The rules by which advisories stop a change: .ci/audit-rules.ts. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  type Allowed,
  allowProblems,
  auditProblems,
  type Floors,
  floorProblems,
  productionVersions,
} from "../../.ci/audit-rules.ts";

const root = new URL("../../", import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, root), "utf8"));

const id = "GHSA-jfgx-wxx8-mp94";
const entry: Allowed = {
  id,
  package: "left",
  reason: "the function in question is never called here",
  expires: "2027-01-31",
};

function found(severity: string, name = "left") {
  const url = `https://github.com/advisories/${id}`;
  return { vulnerabilities: { [name]: { via: [{ url, title: "It leaks", severity, name }, "another"] } } };
}

describe("the audit", () => {
  for (const severity of ["moderate", "high", "critical"]) {
    it(`stops at a finding that is ${severity}`, () => {
      assert.deepEqual(auditProblems(found(severity), []), [
        `${id} of left: ${severity}: It leaks https://github.com/advisories/${id}`,
      ]);
    });
  }

  it("stops at a finding without a severity, and not at a low one", () => {
    const unnamed = { vulnerabilities: { left: { via: [{ title: "?" }] } } };
    assert.equal(auditProblems(unnamed, []).length, 1);
    assert.deepEqual(auditProblems(found("low"), []), []);
  });

  it("lets through what is allowed, for that package alone", () => {
    assert.deepEqual(auditProblems(found("high"), [entry]), []);
    assert.equal(auditProblems(found("high", "right"), [entry]).length, 2);
  });

  it("wants an entry gone that lets nothing through", () => {
    assert.deepEqual(auditProblems({ vulnerabilities: {} }, [entry]), [
      `audit-allow.json: ${id} of left is found no more`,
    ]);
  });

  for (const [what, given, problem] of [
    ["holds on its last day", entry, undefined],
    ["ends on the day after", { ...entry, expires: "2027-01-30" }, /has expired on 2027-01-30/],
    ["needs a reason", { ...entry, reason: "later" }, /want the reason/],
    ["needs a day", { ...entry, expires: "never" }, /want the day/],
    ["needs an advisory", { ...entry, id: "all" }, /want an id/],
    ["has no other keys", { ...entry, ...{ until: "2030-01-01" } }, /unknown key until/],
  ] as const) {
    it(`'s allowance ${what}`, () => {
      assert.match(allowProblems([given as Allowed], "2027-01-31")[0] ?? "", problem ?? /^$/);
    });
  }

  const floors: Floors = { protobufjs: { from: ["7.6.5", "8.6.6"], because: "CVEs" } };
  for (const [version, good] of [
    ["7.6.5", true],
    ["7.10.0", true],
    ["7.6.4", false],
    ["8.6.6", true],
    ["8.6.5", false],
    ["8.0.0-beta.1", false],
    ["6.11.4", false],
    ["9.0.0", true],
  ] as const) {
    it(`${good ? "takes" : "refuses"} ${version} where 7.6.5 and 8.6.6 are the lowest`, () => {
      const packages = { "": {}, "node_modules/a/node_modules/protobufjs": { version } };
      assert.equal(floorProblems(packages, floors).length, good ? 0 : 1);
    });
  }

  it("looks at what is for production alone", () => {
    const packages = {
      "": { version: "0.1.0" },
      "node_modules/@a/b": { version: "1.0.0" },
      "node_modules/c/node_modules/@a/b": { version: "2.0.0" },
      "node_modules/d": { version: "1.0.0", dev: true },
      "node_modules/e": { version: "1.0.0", devOptional: true },
    };
    assert.deepEqual([...productionVersions(packages)], [["@a/b", ["1.0.0", "2.0.0"]]]);
  });

  it("has floors that the lock file keeps, of packages that it has", () => {
    const { packages } = json("package-lock.json") as { packages: Record<string, { version?: string }> };
    const known = json(".ci/audit-floors.json") as Floors;
    assert.deepEqual(floorProblems(packages, known), []);
    const names = [...productionVersions(packages).keys()];
    assert.deepEqual(
      Object.keys(known).filter((name) => !names.includes(name)),
      [],
    );
  });
});
