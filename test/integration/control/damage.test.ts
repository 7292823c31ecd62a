import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { Client, credentials } from "@grpc/grpc-js";
import { method as rpc } from "../../../src/api/protos.ts";
import { parseVersion } from "../../../src/api/version.ts";
import { ContenderError } from "../../../src/base/errors.ts";
import type { AnyCall, Callers } from "../../../src/control/access/callers.ts";
import type { Store } from "../../../src/control/store.ts";
import { applyFraud, openCallers, openStore, startControl, type TestControl } from "../../support/control.ts";
import { fraudText } from "../../support/route-document.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

describe("a store that somebody else has written to", () => {
  const folder = new TempFolder();
  let count = 0;
  let path: string;
  let store: Store;
  let control: TestControl;
  after(() => folder.close());

  beforeEach(async () => {
    path = folder.at(String(count++));
    store = await openStore(path);
    control = await startControl("", { store });
    await apply(10);
  });
  afterEach(async () => {
    await control.close();
    await store.close();
  });

  const apply = (v42: number) => applyFraud(control, v42);
  const problems = () => control.control.registry.problems.map(({ path: at, message }) => `${at}: ${message}`);
  const weights = async () => {
    const { snapshot } = await control.call<{ snapshot: { routes: { weights: { weight: number }[] }[] } }>(
      "ConfigService",
      "Fetch",
      {},
    );
    return snapshot.routes.map((route) => route.weights.map(({ weight }) => weight));
  };

  const garbage: readonly (readonly [what: string, key: string, value: string | undefined, problem: RegExp])[] = [
    ["has text that is no record", "state/routes/fraud", "\0garbage", /state\/routes\/fraud: .*no JSON/],
    ["has a record of something else", "state/routes/fraud", "{}", /no record of a route/],
    [
      "has a route that nobody could serve",
      "state/routes/x",
      record("x", fraudText(-1)),
      /spec\.weights\.v42: want a number/,
    ],
    [
      "has a route under another's name",
      "state/routes/x",
      record("x", fraudText(1)),
      /metadata\.name: want "x", got "fraud"/,
    ],
    ["has lost its id", "state/id", undefined, /the store has lost its id/],
    ["has a revision that is none", "state/head", "7", /state\/head: .*no revision/],
  ];
  for (const [what, key, value, problem] of garbage) {
    it(`${what}: what was there before it goes on being served, and is back with the store`, async () => {
      const before = (await store.get(key)).entries.find((entry) => entry.key === key)?.value;
      await store.commit({ when: [], changes: [{ key, value }] });
      await until(() => problems().length > 0, "the service has seen it");
      assert.match(problems().join("\n"), problem);
      assert.deepEqual(await weights(), [[90, 10]]);
      await store.commit({ when: [], changes: [{ key, value: before }] });
      await until(() => problems().length === 0, "the service has seen that it is mended");
      await apply(20);
      assert.deepEqual(await weights(), [[90, 20]]);
    });
  }

  it("is not served from at all where it was so from the start", async () => {
    await control.close();
    await store.commit({ when: [], changes: [{ key: "state/routes/fraud", value: "x" }] });
    await assert.rejects(startControl("", { store }), { code: "STORE_DAMAGED" });
    await store.commit({ when: [], changes: [{ key: "state/routes/fraud", value: undefined }] });
    control = await startControl("", { store });
  });

  it("is another store where it was put back, and its sidecars take what is in it", async () => {
    await control.close();
    await store.close();
    const backup = `${path}-backup`;
    cpSync(path, backup, { recursive: true });
    store = await openStore(path);
    control = await startControl("", { store });
    await apply(20);
    const { version } = await control.watch({ instance: "a" }).snapshot();
    await control.close();
    await store.close();
    store = await openStore(backup);
    control = await startControl("", { store });
    const watch = control.watch({ instance: "a" }, version);
    for (;;) {
      const offered = await watch.snapshot();
      if (parseVersion(offered.version)?.store === parseVersion(version)?.store) {
        watch.nack(offered, [{ path: "version", message: "it goes back" }]);
        continue;
      }
      assert.deepEqual(
        offered.snapshot?.routes[0]?.weights.map(({ weight }) => weight),
        [90, 10],
      );
      break;
    }
  });

  it("is asked once for all sidecars that have seen more of it, and again where it did not answer", async () => {
    const { id } = control.control.routes;
    await control.close();
    let gets = 0;
    let failing = false;
    const flaky = withStore(store, {
      get: (prefix, part) => {
        if (prefix === "state/") gets++;
        return failing ? Promise.reject(new ContenderError("STORE_UNAVAILABLE", "no leader")) : store.get(prefix, part);
      },
    });
    control = await startControl("", { store: flaky });
    failing = true;
    gets = 0;
    const sidecars = Array.from({ length: 50 }, (_, i) =>
      control.watch({ instance: `a${i}` }, `${id}-9-aaaaaaaa`).snapshot(),
    );
    await Promise.all(sidecars);
    assert.ok(gets <= 3, `${gets} questions`);
    failing = false;
    await until(() => control.control.routes.id !== id, "it is another store");
  });

  it("does not make a change that comes to its turn when whoever asked for it has gone", async () => {
    await control.close();
    let held: Promise<void> | undefined;
    const slow = withStore(store, {
      commit: async (commit) => {
        await held;
        return await store.commit(commit);
      },
    });
    const asked: AnyCall[] = [];
    const callers: Callers = {
      ...openCallers,
      person: (call, action) => {
        asked.push(call);
        return openCallers.person(call, action);
      },
    };
    control = await startControl("", { store: slow, callers });
    const stalled = Promise.withResolvers<void>();
    held = stalled.promise;
    const first = apply(20);
    await until(() => asked.length === 1, "it has asked");
    const { path: method, requestSerialize, responseDeserialize } = rpc<object, object>("AdminService", "ApplyRoutes");
    const client = new Client(control.address, credentials.createInsecure());
    const request = { texts: [{ name: "x", text: fraudText(30) }] };
    const second = new Promise((resolve) => {
      const call = client.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, resolve);
      void until(() => asked.length === 2, "both have asked").then(() => call.cancel());
    });
    assert.equal(((await second) as { code: number }).code, 1);
    await until(() => asked[1]?.cancelled === true, "it is known that nobody waits");
    stalled.resolve();
    await first;
    await apply(20);
    client.close();
    assert.deepEqual(await weights(), [[90, 20]]);
    assert.equal(control.control.routes.revision, 2);
  });

  it("keeps changes that are made at the same moment, one after the other", async () => {
    const done = await Promise.all([11, 12, 13, 14, 15].map((v42) => apply(v42)));
    assert.deepEqual(done.map(({ revision }) => revision).sort(), [2, 3, 4, 5, 6]);
  });

  it("keeps as many changes of routes that are changed together", async () => {
    await control.close();
    control = await startControl("", { store, historyLimit: 3 });
    const named = (name: string, v42: number) =>
      fraudText(v42)
        .replace("name: fraud", `name: ${name}`)
        .replace("spec:", `spec:\n  match: { models: [${name}] }\n  default: ${name === "fraud"}`);
    for (const v42 of [11, 12, 13, 14, 15]) {
      const texts = ["fraud", "credit"].map((name) => ({ name, text: named(name, v42) }));
      await control.call("AdminService", "ApplyRoutes", { texts });
    }
    assert.equal((await store.get("history/fraud/")).entries.length, 3);
    assert.equal((await store.get("history/credit/")).entries.length, 3);
  });

  it("keeps the history of as many routes that were deleted as it is told to", async () => {
    await control.close();
    control = await startControl("", { store, historyDeleted: 2 });
    for (const build of ["b1", "b2", "b3", "b4"]) {
      const text = fraudText(10)
        .replace("name: fraud", `name: ${build}`)
        .replace("spec:", `spec:\n  selector: { workload: ${build} }`);
      await control.call("AdminService", "ApplyRoutes", { texts: [{ name: build, text }] });
      await control.call("AdminService", "DeleteRoute", { name: build });
    }
    const names = (await store.get("history/")).entries.map(({ key }) => key.split("/")[1]);
    assert.deepEqual(names, ["b3", "b3", "b4", "b4", "fraud"]);
    await control.call("AdminService", "UndoRoute", { name: "b3" });
    await assert.rejects(control.call("AdminService", "GetHistory", { name: "b1" }), { code: 5 });
  });

  it("keeps as many changes of a route as it is told to", async () => {
    await control.close();
    control = await startControl("", { store, historyLimit: 3 });
    for (const v42 of [11, 12, 13, 14, 15]) await apply(v42);
    const { entries } = await control.call<{ entries: { revision: number }[] }>("AdminService", "GetHistory", {
      name: "fraud",
    });
    assert.deepEqual(
      entries.map(({ revision }) => revision),
      [6, 5, 4],
    );
  });
});

function record(name: string, text: string): string {
  const author = { name: "x", atMs: 0, reason: "" };
  return JSON.stringify({ name, revision: 9, kind: "created", author, text, table: [[65_536, "v41"]] });
}

/** As the store, but for what is told. */
function withStore(store: Store, told: Partial<Pick<Store, "get" | "commit">>): Store {
  return {
    name: store.name,
    shared: store.shared,
    get: (prefix, part) => store.get(prefix, part),
    watch: (prefix, revision, watcher) => store.watch(prefix, revision, watcher),
    commit: (commit) => store.commit(commit),
    lease: (ttlMs, lost) => store.lease(ttlMs, lost),
    close: () => store.close(),
    ...told,
  };
}
