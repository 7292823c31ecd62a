import assert from "node:assert/strict";
import type { VariantPlan } from "../../../src/plan/route-plan.ts";
import { serverNameOf } from "../../../src/runtime/upstream-credentials.ts";

/** What the name depends on, of a variant. */
function variant(host: string, spec: { authority?: string; tls?: { serverName?: string } } = {}): VariantPlan {
  return { spec, address: { kind: "tcp", host, port: 8500 } } as unknown as VariantPlan;
}

describe("the name that a variant's certificate must have", () => {
  it("is the one it says, else its authority's, else its address's", () => {
    const tls = { serverName: "spiffe://td/models" };
    assert.equal(serverNameOf(variant("a.test", { authority: "b.test:443", tls })), "spiffe://td/models");
    assert.equal(serverNameOf(variant("a.test", { authority: "b.test:443" })), "b.test");
    assert.equal(serverNameOf(variant("a.test", { authority: "[::1]:443" })), "::1");
    assert.equal(serverNameOf(variant("a.test")), "a.test");
  });

  it("has no dot at its end, as looked-up names may: certificates have none, and SNI forbids it", () => {
    assert.equal(serverNameOf(variant("a.test.")), "a.test");
    assert.equal(serverNameOf(variant("a.test", { authority: "b.test.:443" })), "b.test");
  });
});
