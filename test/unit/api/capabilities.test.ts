/**
 * Words that a field of a route may have, and releases that don't know them.
 *
 * A field that a sidecar doesn't know is ignored on the wire. A word that it doesn't know in a field that it knows is a problem of the
 * route, and a snapshot with a problem is refused whole: one route with such a word would keep all others from being changed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { capabilitiesOf, ownCapabilities } from "../../../src/api/capabilities.ts";
import type { Fault } from "../../../src/config/decode.ts";
import { decodeRoute } from "../../../src/config/route-document.ts";
import { parseDocuments } from "../../../src/config/yaml.ts";
import { routeDocument } from "../../support/route-document.ts";

type Words = Readonly<Record<string, readonly string[]>>;

/** Words that came with their field, so that whoever does not know them ignores it whole. Only a new field is added here. */
const first: Words = {
  "spec.match.dialect": ["tensorflow-serving", "open-inference"],
  "spec.assignment": ["slots", "md5-100"],
  "spec.score.reduce": ["element", "max", "argmax", "margin", "entropy", "mean"],
  "variant.tls.minVersion": ["TLSv1.2", "TLSv1.3"],
  "variant.onFailure": ["error", "champion"],
  "gates.errors.action": ["rollback", "pause", "report"],
  "gates.latency.action": ["rollback", "pause", "report"],
  "gates.score.action": ["rollback", "pause", "report"],
};

/** A route with a word in a field. */
const withWord: Readonly<Record<string, (word: string) => object>> = {
  "spec.match.dialect": (dialect) => ({ match: { dialect } }),
  "spec.assignment": (assignment) => ({ assignment }),
  "spec.score.reduce": (reduce) => ({ score: { output: "o", reduce } }),
  "variant.tls.minVersion": (minVersion) => ({ variants: { v1: { address: "local", tls: { minVersion } } } }),
  "variant.onFailure": (onFailure) => ({ variants: { v1: { address: "local", onFailure } } }),
  "gates.errors.action": (action) => ({ gates: { errors: { maxRatio: 2, action } } }),
  "gates.latency.action": (action) => ({ gates: { latency: { slowerThan: "1s", maxRatio: 2, action } } }),
  "gates.score.action": (action) => ({ gates: { score: { maxShift: 1, action } } }),
};

/** Every field of the schema that takes one of a few words. */
function wordsOf(node: unknown, path: readonly string[] = []): [string, readonly string[]][] {
  if (typeof node !== "object" || node === null) return [];
  const { enum: words } = node as { enum?: readonly string[] };
  if (Array.isArray(words)) return [[path.join("."), words]];
  return Object.entries(node).flatMap(([key, inner]) =>
    wordsOf(inner, key === "properties" || key === "$defs" ? path : [...path, key]),
  );
}

const needs = (spec: object): string[] => {
  const whole = { variants: { v1: { address: "local" } }, champion: "v1", ...spec };
  const faults: Fault[] = [];
  const draft = decodeRoute(parseDocuments(routeDocument("r", whole))[0]?.value, faults);
  assert.deepEqual(faults, [], JSON.stringify(spec));
  assert.ok(draft !== undefined);
  return capabilitiesOf(draft);
};

/** Words that are not in these lists, and that no sidecar without them is kept from. */
function dangerous(known: Words): string[] {
  return schema.flatMap(([field, words]) =>
    words
      .filter((word) => known[field]?.includes(word) !== true)
      .filter((word) => needs(withWord[field]?.(word) ?? {}).length === 0)
      .map((word) => `${field}: ${word}`),
  );
}

const file = new URL("../../../config/route.schema.json", import.meta.url);
const schema = wordsOf(JSON.parse(readFileSync(file, "utf8")));

describe("a word that a route's field may have", () => {
  it("is one that every release knows, or one that a capability keeps from those that don't", () => {
    assert.deepEqual(dangerous(first), []);
  });

  it("is found where it is new and needs none", () => {
    const older = { ...first, "spec.score.reduce": ["element"], "variant.onFailure": ["error"] };
    const newer = ["max", "argmax", "margin", "entropy", "mean"].map((word) => `spec.score.reduce: ${word}`);
    assert.deepEqual(dangerous(older), newer);
  });

  it("is looked for in every such field there is", () => {
    assert.deepEqual(schema.map(([field]) => field).sort(), Object.keys(withWord).sort());
    assert.deepEqual(Object.keys(first).sort(), Object.keys(withWord).sort());
  });
});

describe("what a route needs", () => {
  const routes: readonly (readonly [what: string, spec: object, capabilities: readonly string[]])[] = [
    ["is nothing where it has nothing of the kind", {}, []],
    ["is md5-100 for that assignment", { assignment: "md5-100" }, ["md5-100"]],
    ["is an override of models", { variants: { v1: { address: "local", model: { name: "m" } } } }, ["model-override"]],
    ["is TLS, by its files", { variants: { v1: { address: "local", tls: {} } } }, ["upstream-tls"]],
    ["is TLS, by the address", { variants: { v1: { address: "tls://a:1" } } }, ["upstream-tls"]],
    ["is insurance", { variants: { v1: { address: "local", onFailure: "champion" } } }, ["insured"]],
    ["is a warm-up", { variants: { v1: { address: "local", warmup: { copies: 1 } } } }, ["warmup"]],
    ["is an end of its own", { ttl: "1m" }, ["ttl"]],
  ];
  for (const [what, spec, capabilities] of routes) {
    it(what, () => assert.deepEqual(needs(spec), capabilities));
  }

  it("is something that this release can do", () => {
    const all = routes.flatMap(([, , capabilities]) => capabilities);
    assert.deepEqual([...new Set(all)].sort(), [...ownCapabilities].sort());
  });
});
