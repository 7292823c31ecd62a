import assert from "node:assert/strict";
import { InstanceOwners } from "../../../../src/control/access/instance-owners.ts";
import type { Identity } from "../../../../src/control/access/permissions.ts";

function sidecar(workload: string, more: Partial<Identity> = {}): Identity {
  return {
    name: "sidecars",
    role: "sidecar",
    namespaces: [],
    node: { namespace: "ml", workload },
    how: "certificate",
    ...more,
  };
}

describe("whose an instance is", () => {
  it("is the first one's who reports under it, however that one is proved later", () => {
    const owners = new InstanceOwners();
    assert.equal(owners.claim("i", sidecar("a")).ok, true);
    assert.equal(owners.claim("i", sidecar("a", { how: "token" })).ok, true);
  });

  it("is nobody's besides, not even another workload's of the same entry", () => {
    const owners = new InstanceOwners();
    owners.claim("i", sidecar("a"));
    const other: Identity[] = [
      sidecar("b"),
      sidecar("a", { name: "others" }),
      sidecar("a", { node: { workload: "a" } }),
    ];
    for (const each of other) {
      assert.deepEqual(owners.claim("i", each), {
        ok: false,
        code: "PERMISSION_DENIED",
        text: "this instance is another one's",
      });
    }
  });

  it("is anybody's where nobody proves anything", () => {
    const owners = new InstanceOwners();
    assert.equal(owners.claim("i", sidecar("a", { how: "loopback" })).ok, true);
    assert.equal(owners.claim("i", sidecar("b", { how: "loopback" })).ok, true);
    assert.equal(owners.size, 0);
  });

  for (const instance of ["", "x".repeat(254)]) {
    it(`can't be one of ${instance.length} characters`, () => {
      assert.equal(new InstanceOwners().claim(instance, sidecar("a")).ok, false);
    });
  }

  it("is remembered within a bound, and a flood of ids makes its owner's own be forgotten", () => {
    const owners = new InstanceOwners({ most: 10 });
    owners.claim("mine", sidecar("a"));
    for (let i = 0; i < 1_000; i++) owners.claim(`flood-${i}`, sidecar("b"));
    assert.equal(owners.size, 10);
    assert.equal(owners.claim("mine", sidecar("b")).ok, false);
  });

  it("is forgotten first where it was not heard of for longest", () => {
    const owners = new InstanceOwners({ most: 2 });
    for (const instance of ["first", "second", "first", "third"]) owners.claim(instance, sidecar("a"));
    assert.equal(owners.claim("first", sidecar("b")).ok, false);
    assert.equal(owners.claim("second", sidecar("b")).ok, true);
  });

  it("takes its place from its owner's own, where that has its share, although others have more", () => {
    const owners = new InstanceOwners({ most: 9 });
    for (let i = 0; i < 5; i++) owners.claim(`many-${i}`, sidecar("many"));
    for (let i = 0; i < 3; i++) owners.claim(`some-${i}`, sidecar("some"));
    owners.claim("one", sidecar("one"));
    owners.claim("some-3", sidecar("some"));
    assert.equal(owners.claim("many-0", sidecar("some")).ok, false);
    assert.equal(owners.claim("some-0", sidecar("one")).ok, true);
  });

  it("takes its place from whoever has most", () => {
    const owners = new InstanceOwners({ most: 4 });
    for (const instance of ["1", "2", "3"]) owners.claim(instance, sidecar("many"));
    owners.claim("4", sidecar("few"));
    owners.claim("5", sidecar("new"));
    assert.equal(owners.claim("4", sidecar("other")).ok, false);
    assert.equal(owners.claim("1", sidecar("other")).ok, true);
  });
});
