/** The document of who may do what, watched on a real file system. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { Access, type ControlLog, type Evidence } from "../../src/control/access/access.ts";
import { ConfigMap } from "../support/config-map.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue, problemLinesOf } from "../support/parsed.ts";
import { TempFolder } from "../support/temp-folder.ts";

const evidence: Evidence = {
  certificate: { names: ["ops.example.com"], expired: false },
  authorization: [],
  plaintext: false,
  loopback: false,
  peer: "10.0.0.1:5",
  claimed: undefined,
};
const near: Evidence = { ...evidence, certificate: undefined, plaintext: true, loopback: true };

const text = (name: string): string => `apiVersion: contender.dev/v1alpha1
kind: Access
spec:
  identities: [{ name: ${name}, role: read, namespaces: [ml], certificate: ops.example.com }]
`;

const own = new Owned();
afterEach(() => own.close());

/** An `Access` whose file is looked at when a test says so. */
async function opened(path: string | undefined) {
  const lines: object[] = [];
  const add = (fields: object): void => void lines.push(fields);
  const log: ControlLog = { info: add, warn: add, error: add };
  const clock = new ManualClock();
  const access = own.add(parsedValue(await Access.open({ path, clock, log })));
  const name = (): string | undefined => {
    const found = access.identify(evidence);
    return found.ok ? found.value.name : undefined;
  };
  const look = async (): Promise<void> => {
    clock.advance(10_000);
    await access.settled();
  };
  return { access, lines, name, look };
}

describe("the document of who may do what", () => {
  it("is followed through the swaps of a Secret, and a bad one changes nothing", async () => {
    const secret = await ConfigMap.create({ "access.yaml": text("first") });
    own.add({ close: () => secret.remove() });
    const { access, lines, name, look } = await opened(secret.path("access.yaml"));
    let changes = 0;
    const forget = access.onChange(() => changes++);
    assert.equal(name(), "first");

    await secret.swap({ "access.yaml": text("second") });
    await look();
    assert.equal(name(), "second");

    await secret.swap({ "access.yaml": text("second").replace("read", "rad") });
    await look();
    await look();
    assert.equal(name(), "second");
    assert.equal(changes, 1);

    forget();
    await secret.swap({ "access.yaml": text("third") });
    await look();
    assert.equal(name(), "third");
    assert.equal(changes, 1);
    const problem = `${secret.path("access.yaml")}:4: spec.identities[0].role: want one of read, operate, admin, sidecar, replica, got "rad" (did you mean "read"?)`;
    assert.deepEqual(lines, [
      { event: "access_applied", identities: 1 },
      { event: "access_rejected", problems: [problem] },
      { event: "access_applied", identities: 1 },
    ]);
  });

  it("stays in force when its file is gone", async () => {
    const folder = own.add(new TempFolder());
    await writeFile(folder.at("access.yaml"), text("first"));
    const { lines, name, look } = await opened(folder.at("access.yaml"));
    await rm(folder.at("access.yaml"));
    await look();
    assert.equal(name(), "first");
    assert.match(JSON.stringify(lines), /access_rejected.*there is no such file/);
  });

  it("is not waited for: a control does not start without it, or with a bad one", async () => {
    const folder = own.add(new TempFolder());
    const open = (path: string) => {
      const none = (): void => undefined;
      return Access.open({ path, clock: new ManualClock(), log: { info: none, warn: none, error: none } });
    };
    assert.match(problemLinesOf(await open(folder.at("none.yaml"))).join(), /there is no such file/);
    await writeFile(folder.at("bad.yaml"), text("a/b"));
    assert.match(problemLinesOf(await open(folder.at("bad.yaml"))).join(), /want a name/);
    await writeFile(folder.at("good.yaml"), text("good"));
    assert.match(problemLinesOf(await open(folder.path)).join(), /want one file, got 2/);
  });

  it("asks programs on this machine too, where there is one", async () => {
    const folder = own.add(new TempFolder());
    await writeFile(folder.at("access.yaml"), text("first"));
    const { access } = await opened(folder.at("access.yaml"));
    assert.equal(access.asks, true);
    assert.equal(access.identify(near).ok, false);
  });
});

describe("without a document", () => {
  const names: [string | undefined, string][] = [
    ["bob", "bob?"],
    [undefined, "somebody?"],
    ["", "somebody?"],
    ["\u0000\n", "somebody?"],
    ["x".repeat(101), `${"x".repeat(100)}?`],
  ];
  for (const [claimed, name] of names) {
    it(`${JSON.stringify(claimed)?.slice(0, 20)} on this machine may do everything, as ${name}`, async () => {
      const { access } = await opened(undefined);
      const found = access.identify({ ...near, claimed });
      assert.deepEqual(found, {
        ok: true,
        value: { name, role: "admin", namespaces: ["*"], node: {}, how: "loopback" },
      });
      assert.equal(access.asks, false);
    });
  }

  const others: [string, Partial<Evidence>][] = [
    ["from elsewhere", { loopback: false }],
    ["over TLS", { plaintext: false }],
    ["with a certificate", { ...evidence }],
  ];
  for (const [what, more] of others) {
    it(`nobody ${what} may do anything`, async () => {
      const { access } = await opened(undefined);
      const found = access.identify({ ...near, ...more });
      assert.equal(!found.ok && found.code, "UNAUTHENTICATED");
      assert.match(found.ok ? "" : found.text, /CONTENDER_ACCESS/);
    });
  }
});
