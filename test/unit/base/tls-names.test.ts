import assert from "node:assert/strict";
import { compileNames, namesOf, readAllowedNames } from "../../../src/base/tls-names.ts";

describe("the names of a certificate", () => {
  const rows: readonly (readonly [text: string | undefined, names: readonly string[]])[] = [
    [undefined, []],
    ["", []],
    ["DNS:Router.ML.svc", ["router.ml.svc"]],
    ["DNS:a.b, URI:spiffe://td/Ns/a, IP Address:10.0.0.1, email:x@y", ["a.b", "spiffe://td/Ns/a"]],
    // What Node quotes holds something that is part of no name.
    ['DNS:"a.b, DNS:evil.test", DNS:c.d', ["c.d"]],
    ['URI:"spiffe://td/\\"x, DNS:evil.test", DNS:c.d', ["c.d"]],
    // No kind of name passes for the other.
    ["DNS:spiffe://td/x, URI:a.b, URI:spiffe://td/y, DNS:c.d", ["spiffe://td/y", "c.d"]],
    // Nothing counts behind what can't be read.
    ['DNS:a.b, DNS:"unfinished, DNS:evil.test', ["a.b"]],
  ];
  for (const [text, names] of rows) {
    it(`are ${names.join(" and ") || "none"} in ${JSON.stringify(text)}`, () => {
      assert.deepEqual(namesOf(text), names);
    });
  }
});

describe("a list of allowed names", () => {
  it("is none only where there is no text: one that has lost its names must not allow everybody", () => {
    assert.deepEqual(readAllowedNames(""), { ok: true, value: [] });
    for (const text of [",", " , "]) assert.equal(readAllowedNames(text).ok, false, JSON.stringify(text));
  });

  it("is read with DNS names in lower case and URIs as they are", () => {
    assert.deepEqual(readAllowedNames("A.b, spiffe://td/Ns/x,*.ml.svc,spiffe://td/ns/ml/*"), {
      ok: true,
      value: ["a.b", "spiffe://td/Ns/x", "*.ml.svc", "spiffe://td/ns/ml/*"],
    });
  });

  for (const text of [
    "*",
    "a*.b",
    "*.*.b",
    "a.*.b",
    "spiffe://*/a",
    "spiffe://td/*/a",
    "*.spiffe://td/a",
    "a b",
    "a/b",
    "a.b/*",
  ]) {
    it(`refuses ${text}, which says nothing clear`, () => {
      const reading = readAllowedNames(text);
      assert.equal(reading.ok, false);
      assert.match(reading.ok ? "" : reading.message, /^want DNS names, .*, got "/);
    });
  }
});

describe("of a certificate's names, the one that is allowed", () => {
  const rows: readonly (readonly [pattern: string, name: string, allowed: boolean])[] = [
    ["a.b", "a.b", true],
    ["a.b", "x.a.b", false],
    ["a.b", "a.b.c", false],
    ["*.ml.svc", "router.ml.svc", true],
    ["*.ml.svc", "a.router.ml.svc", false],
    ["*.ml.svc", "ml.svc", false],
    ["*.ml.svc", ".ml.svc", false],
    // Whoever could order a wildcard certificate has not thereby become everyone that we know.
    ["*.ml.svc", "*.ml.svc", false],
    ["spiffe://td/ns/ml/sa/a", "spiffe://td/ns/ml/sa/a", true],
    ["spiffe://td/ns/ml/sa/a", "spiffe://td/ns/ml/sa/A", false],
    ["spiffe://td/ns/ml/*", "spiffe://td/ns/ml/sa/a", true],
    ["spiffe://td/ns/ml/*", "spiffe://td/ns/ml", false],
    ["spiffe://td/ns/ml/*", "spiffe://td/ns/ml/", false],
    ["spiffe://td/ns/ml/*", "spiffe://td/ns/mlx/sa/a", false],
    ["spiffe://td/ns/ml/*", "spiffe://td/ns/ml/../ops/sa/a", false],
    ["spiffe://td/*", "spiffe://td.evil/a", false],
  ];
  for (const [pattern, name, allowed] of rows) {
    it(`is ${allowed ? "" : "not "}${name} by ${pattern}`, () => {
      assert.equal(compileNames([pattern])([name]), allowed ? name : undefined);
    });
  }

  it("is the first of them that any pattern allows", () => {
    const check = compileNames(["b.test", "spiffe://td/*"]);
    assert.equal(check(["a.test", "spiffe://td/x", "b.test"]), "spiffe://td/x");
    assert.equal(check([]), undefined);
  });
});
