/** Files that are written in several steps, with pauses, and such as are replaced in one: on a real file system, since that is what differs. */
import assert from "node:assert/strict";
import { appendFile, mkdir, open, rename, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Parsed } from "../../src/base/parsed.ts";
import type { AccessDocument } from "../../src/config/access-document.ts";
import type { Loaded } from "../../src/config/snapshot.ts";
import { openAccessFile } from "../../src/config/sources/access-file.ts";
import { type FileSource, openFileSource } from "../../src/config/sources/file.ts";
import { Stillness } from "../../src/config/sources/stillness.ts";
import { ConfigMap } from "../support/config-map.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const route = (name: string, weight: number) => `---
apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name} }
spec:
  default: ${name === "fraud"}
  match: { models: [${name}] }
  variants: { v1: { address: local }, v2: { address: "10.0.0.2:8500" } }
  champion: v1
  weights: { v1: 1, v2: ${weight} }
`;
const halves = (weight: number) => [route("fraud", weight), route("offers", weight)] as const;

/** Replaces a file at once, by one that was written then. */
async function put(path: string, text: string, writtenMs: number): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  await writeFile(aside, text);
  await utimes(aside, writtenMs / 1_000, writtenMs / 1_000);
  await rename(aside, path);
}

/** What was delivered, as names and weights, and a way to look at the files now. */
async function watching(path: string) {
  const clock = new ManualClock();
  const delivered: string[] = [];
  const deliver = (loaded: Loaded): boolean => {
    delivered.push(
      loaded.ok ? loaded.value.routes.map(({ name, weights }) => `${name}=${weights.v2}`).join(" ") : "refused",
    );
    return loaded.ok;
  };
  const source: FileSource = await openFileSource({ path, around: { local: "127.0.0.1:8500" }, clock }, deliver);
  owned.add(source);
  /** Moves time on; whatever woke the source has been looked at then. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await source.settled();
  };
  return { clock, delivered, pass };
}

/** Writes one half, and the other just before the first would be read for all. */
async function inTwoSteps(path: string, { delivered, pass }: Awaited<ReturnType<typeof watching>>): Promise<void> {
  const [first, second] = halves(20);
  await writeFile(path, first);
  await pass(10_000);
  await pass(999);
  await appendFile(path, second);
  await pass(1);
  await pass(999);
  assert.deepEqual(delivered, []);
  await pass(1);
  assert.deepEqual(delivered, ["fraud=20 offers=20"]);
}

describe("a file that is written in its place", () => {
  it("is read when it has stood still for a second, and in no state between", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, halves(10).join(""));
    const watched = await watching(path);
    await inTwoSteps(path, watched);
  });

  it("is read so too where the old one was removed, and it is another file", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, halves(10).join(""));
    const watched = await watching(path);
    // While somebody has it open, its inode is not given to the new one.
    const old = await open(path);
    owned.add({ close: () => old.close() });
    await unlink(path);
    await inTwoSteps(path, watched);
  });

  it("is read all the same when it has not stood still for ten", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, halves(10).join(""));
    const { delivered, pass } = await watching(path);
    await writeFile(path, halves(20).join(""));
    await pass(10_000);
    for (let i = 0; i < 10; i++) {
      assert.deepEqual(delivered, []);
      await appendFile(path, "# on and on\n");
      await pass(1_000);
    }
    assert.deepEqual(delivered, ["fraud=20 offers=20"]);
  });

  it("is a new one in a directory too", async () => {
    const folder = owned.add(new TempFolder());
    await writeFile(folder.at("a.yaml"), route("fraud", 10));
    const { delivered, pass } = await watching(folder.path);
    await writeFile(folder.at("b.yaml"), route("offers", 10));
    await pass(10_000);
    await appendFile(folder.at("b.yaml"), "# more\n");
    await pass(1_000);
    assert.deepEqual(delivered, []);
    await pass(1_000);
    assert.deepEqual(delivered, ["fraud=10 offers=10"]);
  });

  it("holds up no timer once its source is closed", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, route("fraud", 10));
    const clock = new ManualClock();
    const source = await openFileSource({ path, around: { local: "127.0.0.1:8500" }, clock }, () => true);
    await writeFile(path, route("fraud", 20));
    clock.advance(10_000);
    await source.settled();
    await source.close();
    assert.equal(clock.pending, 0);
  });
});

describe("what is replaced in one step", () => {
  it("is read at once: a file that is renamed over another", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, halves(10).join(""));
    const { clock, delivered, pass } = await watching(path);
    for (const weight of [20, 30]) {
      await put(path, halves(weight).join(""), clock.wallMs() + 9_000);
      await pass(10_000);
    }
    assert.deepEqual(delivered, ["fraud=20 offers=20", "fraud=30 offers=30"]);
  });

  it("is read after a second at most where it was written just before: a file that is renamed over another", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, halves(10).join(""));
    const { clock, delivered, pass } = await watching(path);
    await put(path, halves(20).join(""), clock.wallMs() + 9_002);
    await pass(10_000);
    await pass(999);
    assert.deepEqual(delivered, []);
    await pass(1);
    assert.deepEqual(delivered, ["fraud=20 offers=20"]);
  });

  it("is read at once: a ConfigMap, and a key that is new in it", async () => {
    const map = await ConfigMap.create({ "a.yaml": route("fraud", 10) });
    owned.add({ close: () => map.remove() });
    const { delivered, pass } = await watching(map.directory);
    await map.swap({ "a.yaml": route("fraud", 20) });
    await pass(10_000);
    await map.swap({ "a.yaml": route("fraud", 20), "b.yaml": route("offers", 20) });
    await symlink(join("..data", "b.yaml"), map.path("b.yaml"));
    await pass(10_000);
    assert.deepEqual(delivered, ["fraud=20", "fraud=20 offers=20"]);
  });

  it("is read at once: nothing at all", async () => {
    const folder = owned.add(new TempFolder());
    const path = folder.at("routes/a.yaml");
    await mkdir(dirname(path));
    await writeFile(path, route("fraud", 10));
    const { delivered, pass } = await watching(path);
    await rename(dirname(path), folder.at("gone"));
    await pass(10_000);
    assert.deepEqual(delivered, ["refused"]);
  });

  it("is what the first look finds, whatever it is", async () => {
    const path = owned.add(new TempFolder()).at("routes.yaml");
    await writeFile(path, route("fraud", 10));
    assert.equal(await new Stillness(path, new ManualClock()).leftMs(), 0);
  });
});

describe("a document of who may do what that is written in its place", () => {
  it("takes no right away in between", async () => {
    const path = owned.add(new TempFolder()).at("access.yaml");
    const identity = (name: string) =>
      `    - { name: ${name}, role: read, namespaces: [ml], certificate: "${name}.example.com" }\n`;
    const head = "apiVersion: contender.dev/v1alpha1\nkind: Access\nspec:\n  identities:\n";
    await writeFile(path, head + identity("alice") + identity("bob"));
    const clock = new ManualClock();
    const told: string[] = [];
    const changed = (document: Parsed<AccessDocument>): void => {
      told.push(document.ok ? document.value.identities.map(({ name }) => name).join() : "refused");
    };
    const file = await openAccessFile({ path, clock }, changed);
    owned.add({ close: () => file.close() });
    const pass = async (ms: number): Promise<void> => {
      clock.advance(ms);
      await file.settled();
    };
    await writeFile(path, head + identity("alice"));
    await pass(10_000);
    await pass(999);
    await appendFile(path, identity("carol"));
    await pass(1);
    await pass(1_000);
    await until(() => told.length > 0, "it is told");
    assert.deepEqual(told, ["alice,carol"]);
  });
});
