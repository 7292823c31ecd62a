import assert from "node:assert/strict";
import { type Role, roles } from "../../../../src/config/access-document.ts";
import {
  type Action,
  actions,
  decide,
  type Identity,
  labelsOf,
  namespacesOf,
  sees,
} from "../../../../src/control/access/permissions.ts";

function identity(role: Role, namespaces: readonly string[] = ["*"], more: Partial<Identity> = {}): Identity {
  return { name: "somebody", role, namespaces, node: {}, how: "token", ...more };
}

const may: Readonly<Record<Role, readonly Action[]>> = {
  read: ["list", "get", "history", "why", "fleet", "counts", "fetch"],
  operate: ["list", "get", "history", "why", "fleet", "counts", "fetch", "weights", "undo"],
  admin: ["list", "get", "history", "why", "fleet", "counts", "fetch", "weights", "undo", "apply", "delete"],
  sidecar: ["watch", "fetch", "report"],
  replica: ["share"],
};
const all = Object.keys(actions) as Action[];

describe("what a role may do", () => {
  for (const role of roles) {
    for (const action of all) {
      const allowed = may[role].includes(action);
      it(`${role} may ${allowed ? "" : "not "}${action}`, () => {
        const program = role === "sidecar" || role === "replica";
        assert.equal(decide(identity(role, program ? [] : ["*"]), action, ["ml"]).ok, allowed);
      });
    }
  }

  it("a program on this machine may do everything where nobody proves anything", () => {
    const loopback = identity("admin", ["*"], { how: "loopback" });
    assert.deepEqual(
      all.filter((action) => !decide(loopback, action, [undefined]).ok),
      [],
    );
  });

  const where: [string, Action, readonly string[], readonly (string | undefined)[], boolean][] = [
    ["writes in its namespace", "apply", ["ml"], ["ml"], true],
    ["does not write in another one", "apply", ["ml"], ["risk"], false],
    ["does not write where one of two is another one", "weights", ["ml"], ["ml", "risk"], false],
    ["writes where it has both", "weights", ["ml", "risk"], ["ml", "risk"], true],
    ["does not write what is everybody's", "apply", ["ml"], [undefined], false],
    ["does not write what is everybody's besides", "apply", ["ml"], ["ml", undefined], false],
    ["writes what is everybody's where it has all", "apply", ["*"], [undefined, "ml"], true],
    ["does not write where nobody said what", "delete", ["ml"], [], false],
    ["reads in its namespace", "get", ["ml"], ["ml"], true],
    ["does not read in another one", "history", ["ml"], ["risk"], false],
    ["reads what is everybody's", "get", ["ml"], [undefined], true],
    ["asks for lists", "list", ["ml"], [], true],
  ];
  for (const [what, action, namespaces, asked, allowed] of where) {
    it(`somebody with a role in ${namespaces.join(" and ")} ${what} (${action})`, () => {
      assert.equal(decide(identity("admin", namespaces), action, asked).ok, allowed);
    });
  }

  it("says which role it takes, and where", () => {
    assert.deepEqual(decide(identity("operate"), "apply", ["ml"]), {
      ok: false,
      code: "PERMISSION_DENIED",
      text: "somebody has the role operate; apply takes admin",
    });
    assert.deepEqual(decide(identity("operate", ["ml"]), "weights", ["ml", "risk"]), {
      ok: false,
      code: "PERMISSION_DENIED",
      text: "somebody has the role operate in ml; weights takes it in the namespace risk",
    });
    assert.deepEqual(decide(identity("operate", ["ml"]), "undo", [undefined]), {
      ok: false,
      code: "PERMISSION_DENIED",
      text: 'somebody has the role operate in ml; undo takes it in every namespace, "*"',
    });
  });

  it("shows what is in one's namespaces and what is in none", () => {
    const seen = (who: Identity) => [undefined, "ml", "risk"].filter((each) => sees(who, each));
    assert.deepEqual(seen(identity("read", ["ml"])), [undefined, "ml"]);
    assert.deepEqual(seen(identity("read")), [undefined, "ml", "risk"]);
    assert.deepEqual(seen(identity("sidecar", [])), []);
    assert.deepEqual(seen(identity("replica", [])), []);
    assert.deepEqual(seen(identity("admin", [], { how: "loopback" })), [undefined, "ml", "risk"]);
  });

  it("a change takes the word of the route's namespace, of the one it selects, and of what it replaces", () => {
    assert.deepEqual(namespacesOf({}), [undefined]);
    assert.deepEqual(namespacesOf({ namespace: "ml" }), ["ml"]);
    assert.deepEqual(namespacesOf({ namespace: "ml", selector: { namespace: "risk" } }), ["ml", "risk"]);
    assert.deepEqual(namespacesOf({ selector: { namespace: "risk" } }), [undefined, "risk"]);
    assert.deepEqual(namespacesOf({ namespace: "ml", selector: {} }, { namespace: "risk" }), ["ml", "risk"]);
  });

  it("takes a sidecar for what it proved, and never for what it says besides", () => {
    const claimed = { namespace: "risk", workload: "other", pod: "p" };
    const proved = identity("sidecar", [], { node: { namespace: "ml" } });
    assert.deepEqual(labelsOf(proved, claimed), { namespace: "ml", workload: undefined, pod: undefined });
    assert.deepEqual(labelsOf(identity("admin", ["*"], { how: "loopback" }), claimed), claimed);
    assert.deepEqual(labelsOf(identity("read"), { namespace: "", workload: "w" }), {
      namespace: undefined,
      workload: "w",
      pod: undefined,
    });
  });
});
