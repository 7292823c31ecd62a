/** Routes for some sidecars only: what is judged of each kind of them, and who is left without any. */
import assert from "node:assert/strict";
import { startControl, type TestControl } from "../../support/control.ts";
import { Owned } from "../../support/owned.ts";
import { routeDocument } from "../../support/route-document.ts";
import { TempFolder } from "../../support/temp-folder.ts";

interface Changes {
  readonly changes: readonly {
    readonly warnings: readonly { readonly message: string; readonly where: string }[];
    readonly withheldFrom: readonly string[];
    readonly withheldCount: number;
  }[];
}

const folder = new TempFolder();
const owned = new Owned();
let control: TestControl;
let count = 0;

const route = (name: string, more: object = {}): string =>
  routeDocument(name, {
    match: { models: [name] },
    key: { from: [{ metadata: "x-user-id" }] },
    variants: { v41: { address: "local" }, v42: { address: "10.0.0.2:8500" } },
    champion: "v41",
    weights: { v41: 90, v42: 10 },
    ...more,
  });
const apply = (texts: readonly string[], intent: object = {}): Promise<Changes> =>
  control.call("AdminService", "ApplyRoutes", {
    texts: texts.map((text, index) => ({ name: `${index}.yaml`, text })),
    intent,
  });

/** Sidecars that have what is in force. */
async function follow(pods: readonly string[]): Promise<void> {
  for (const pod of pods) {
    const watch = control.watch({ instance: `i-${pod}`, workload: "fraud", pod });
    owned.add({ close: () => watch.end() });
    watch.ack(await watch.snapshot());
  }
}

beforeEach(async () => {
  control = await startControl(folder.at(String(count++)));
});
afterEach(async () => {
  await owned.close();
  await control.close();
});
after(() => folder.close());

describe("routes for some sidecars", () => {
  it("are judged for those that are in one subset and not in another", async () => {
    const all = route("all", { default: true });
    const some = route("some", { selector: { percent: 25 } });
    const few = route("few", { selector: { first: 1 } });
    await apply([all, some, few]);
    // Who is in both has a default, and so has who is in none; who is in the first alone has two.
    const taking = route("some", { selector: { percent: 25 }, default: true });
    const silent = route("few", { selector: { first: 1 }, match: { models: ["all"] } });
    await assert.rejects(
      apply([taking, silent]),
      /the routes "all" and "some" are both the default: .* \(for sidecars: in the subset of some\)/,
    );
  });

  it("are judged for those of two labels at once, and the problem names them", async () => {
    const one = route("one", { selector: { namespace: "ml" }, default: true });
    const two = route("two", { selector: { workload: "fraud" }, default: true });
    await assert.rejects(apply([one, two]), /are both the default: .* \(for sidecars: namespace ml, workload fraud\)/);
  });
});

describe("sidecars that a change leaves without any route", () => {
  it("are named with it, and before it by a dry run", async () => {
    await apply([route("fraud")]);
    await follow(["a", "b", "c", "d", "e", "f", "g"]);
    const narrow = [route("fraud", { selector: { pod: "a" } })];
    for (const intent of [{ dryRun: true }, {}]) {
      const [change] = (await apply(narrow, intent)).changes;
      assert.deepEqual(change?.warnings, [
        {
          path: "",
          message:
            '6 sidecars have no route any more and will go on with the last ("unrouted" in the fleet): b, c, d, e, f and 1 more',
          where: 'route "fraud"',
        },
      ]);
    }
  });

  it("are named with a removal", async () => {
    await apply([route("fraud", { default: true }), route("spam", { selector: { pod: "b" } })]);
    await follow(["b"]);
    const gone = await control.call<{ change: Changes["changes"][0] }>("AdminService", "DeleteRoute", { name: "spam" });
    assert.deepEqual(gone.change.warnings, []);
    const last = await control.call<{ change: Changes["changes"][0] }>("AdminService", "DeleteRoute", {
      name: "fraud",
    });
    assert.match(last.change.warnings[0]?.message ?? "", /^1 sidecar has no route any more .*: b$/);
  });

  it("are not named where another route is for them", async () => {
    await apply([route("fraud", { default: true }), route("spam")]);
    await follow(["a"]);
    const { changes } = await apply([route("spam", { selector: { pod: "z" } })]);
    assert.deepEqual(changes[0]?.warnings, []);
  });
});

describe("sidecars that lack what a route needs", () => {
  const pods = Array.from({ length: 25 }, (_, i) => `pod-${i}`);
  const needing = (more: object = {}) => [route("fraud", { ttl: "1h", ...more })];
  const told = async (texts: readonly string[], intent: object = {}) => {
    const [change] = (await apply(texts, intent)).changes;
    return [change?.withheldCount, change?.withheldFrom];
  };

  it("are counted and named by a dry run as by the change", async () => {
    await apply([route("fraud")]);
    await follow(pods);
    const watch = control.watch({ instance: "able", pod: "able", capabilities: ["ttl"] });
    owned.add({ close: () => watch.end() });
    await watch.snapshot();
    const first = [...pods].sort().slice(0, 20);
    for (const intent of [{ dryRun: true }, {}]) assert.deepEqual(await told(needing(), intent), [25, first]);
    assert.deepEqual(await told(needing()), [25, first]);
  });

  it("are those alone that the route is for, and that no narrower one takes its place for", async () => {
    await apply([
      route("fraud", { default: true }),
      route("own", { selector: { pod: "pod-1" }, match: { models: ["fraud"] } }),
    ]);
    await follow(pods.slice(0, 3));
    assert.deepEqual(await told(needing({ default: true }), { dryRun: true }), [2, ["pod-0", "pod-2"]]);
    assert.deepEqual(await told(needing({ default: true, selector: { pod: "pod-2" } }), { dryRun: true }), [
      1,
      ["pod-2"],
    ]);
  });
});
