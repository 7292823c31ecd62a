/** Routes from files, watched: on a real file system, since that is what differs. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { Loaded } from "../../src/config/snapshot.ts";
import { type FileSource, type FileSourceOptions, openFileSource } from "../../src/config/sources/file.ts";
import { readRouteTexts } from "../../src/config/sources/route-files.ts";
import { ConfigMap } from "../support/config-map.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { parsedValue, problemsOf } from "../support/parsed.ts";

const route = (weight: number, name = "fraud") => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name} }
spec:
  match: { models: [${name}] }
  variants: { v1: { address: local }, v2: { address: "10.0.0.2:8500" } }
  champion: v1
  weights: { v1: ${100 - weight}, v2: ${weight} }
`;

/** Replaces a file at once: no reader sees it empty. */
async function put(path: string, text: string): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  await writeFile(aside, text);
  await rename(aside, path);
}

/** The weight of v2: which contents were delivered. */
const weightIn = (loaded: Loaded) => parsedValue(loaded).routes[0]?.weights.v2;

/** Deliveries in order, each of which can be waited for. */
class Deliveries {
  readonly all: Loaded[] = [];
  /** Whether good ones are put in force. */
  taken = true;
  #wake: (() => void) | undefined;

  readonly deliver = (loaded: Loaded): boolean => {
    this.all.push(loaded);
    this.#wake?.();
    return this.taken && loaded.ok;
  };

  /** The delivery at this place, once it is there. */
  async at(index: number): Promise<Loaded> {
    for (;;) {
      const loaded = this.all[index];
      if (loaded !== undefined) return loaded;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

describe("a source of route files", () => {
  const owned: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const release of owned.splice(0).reverse()) await release();
  });

  async function configMap(files: Readonly<Record<string, string>>): Promise<ConfigMap> {
    const map = await ConfigMap.create(files);
    owned.push(() => map.remove());
    return map;
  }

  async function directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "contender-"));
    owned.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async function open(
    path: string,
    given: Partial<FileSourceOptions> = {},
  ): Promise<{ source: FileSource; deliveries: Deliveries }> {
    const deliveries = new Deliveries();
    const around = { local: "127.0.0.1:8500" };
    // How long files stand still has tests of its own.
    const options = { path, around, clock: systemClock, debounceMs: 20, stillMs: 0, ...given };
    const source = await openFileSource(options, deliveries.deliver);
    owned.push(() => source.close());
    return { source, deliveries };
  }

  for (const [kind, path] of [
    ["file", (map: ConfigMap) => map.path("fraud.yaml")],
    ["directory", (map: ConfigMap) => map.directory],
  ] as const) {
    it(`sees three successive swaps of a ConfigMap's ${kind}, each once`, async () => {
      const map = await configMap({ "fraud.yaml": route(1) });
      const { source, deliveries } = await open(path(map));
      assert.equal(weightIn(source.first), 1);
      for (const weight of [2, 3, 4]) {
        await map.swap({ "fraud.yaml": route(weight) });
        assert.equal(weightIn(await deliveries.at(weight - 2)), weight);
      }
      assert.equal(deliveries.all.length, 3);
    });
  }

  for (const [what, text] of [
    ["the same contents", route(1)],
    ["the same routes under another comment", `# the same\n${route(1)}`],
  ] as const) {
    it(`is silent about a swap to ${what}`, async () => {
      const map = await configMap({ "fraud.yaml": route(1) });
      const clock = new ManualClock();
      const { source, deliveries } = await open(map.path("fraud.yaml"), { clock });
      for (const contents of [text, route(2)]) {
        await map.swap({ "fraud.yaml": contents });
        clock.advance(10_000);
        await source.settled();
      }
      assert.deepEqual(deliveries.all.map(weightIn), [2]);
    });
  }

  it("delivers the problems of a half-written file, then the whole one, even where that is what there was", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const { deliveries } = await open(path);
    await put(path, route(2).slice(0, 120));
    const [problem] = problemsOf(await deliveries.at(0));
    assert.match(problem?.where ?? "", /fraud\.yaml:\d+$/);
    await put(path, route(1));
    assert.equal(weightIn(await deliveries.at(1)), 1);
  });

  it("tells what is wrong once, not at every poll", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const clock = new ManualClock();
    const { source, deliveries } = await open(path, { clock });
    await put(path, "{");
    for (let poll = 0; poll < 3; poll++) {
      clock.advance(10_000);
      await source.settled();
    }
    assert.equal(deliveries.all.length, 1);
    assert.ok(deliveries.all[0]?.ok === false);
  });

  it("delivers what was good and not taken again at every poll, until it is taken", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const clock = new ManualClock();
    const { source, deliveries } = await open(path, { clock });
    await put(path, route(2));
    let before = 0;
    for (const taken of [false, false, true]) {
      deliveries.taken = taken;
      clock.advance(10_000);
      await source.settled();
      // An event of the file system may have asked for a look of its own.
      assert.ok(deliveries.all.length > before, `${deliveries.all.length} after ${before}`);
      before = deliveries.all.length;
    }
    clock.advance(10_000);
    await source.settled();
    assert.equal(deliveries.all.length, before);
    assert.ok(deliveries.all.every((each) => weightIn(each) === 2));
  });

  it("never mixes files of two generations of a ConfigMap", async () => {
    const files = (weight: number) => ({ "a.yaml": `# ${weight}`, "b.yaml": `# ${weight}`, "c.yaml": `# ${weight}` });
    const map = await configMap(files(0));
    const seen = new Set<string>();
    for (let weight = 1; weight <= 100; weight++) {
      const commit = await map.prepare(files(weight));
      const reading = readRouteTexts(map.directory);
      // The swap comes the later into the read the more steps the file system takes before it.
      for (let step = 0; step < weight % 10; step++) await stat(map.directory);
      await commit();
      const texts = await reading;
      const contents = parsedValue(texts).map(({ text }) => text);
      assert.equal(new Set(contents).size, 1, contents.join(", "));
      for (const text of contents) seen.add(text);
    }
    assert.ok(seen.size > 1, "the reads met several generations");
  });

  it("delivers a problem where the file is deleted, and the routes when it is back", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const { deliveries } = await open(path);
    await rm(path);
    assert.deepEqual(problemsOf(await deliveries.at(0)), [
      { path: "", message: "can't be read: there is no such file", where: path },
    ]);
    await put(path, route(1));
    assert.equal(weightIn(await deliveries.at(1)), 1);
  });

  it("delivers a problem where a path can't even be looked at any more, and the routes when it can", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const clock = new ManualClock();
    const { deliveries } = await open(path, { clock });
    await rm(path);
    await symlink(path, path); // of all that keeps a path from being looked at, what keeps root from it too
    clock.advance(10_000);
    assert.match(problemsOf(await deliveries.at(0))[0]?.message ?? "", /can't be read: ELOOP/);
    await put(path, route(2));
    clock.advance(10_000);
    assert.equal(weightIn(await deliveries.at(1)), 2);
  });

  it("sees a file that an editor replaces by renaming another over it, time and again", async () => {
    const path = join(await directory(), "fraud.yaml");
    await writeFile(path, route(1));
    const { deliveries } = await open(path);
    for (const weight of [2, 3]) {
      await put(path, route(weight));
      assert.equal(weightIn(await deliveries.at(weight - 2)), weight);
    }
  });

  it("takes all files of a directory as one set of routes, and none that is hidden or of another kind", async () => {
    const folder = await directory();
    await writeFile(join(folder, "b.yml"), route(1, "b").replace("spec:\n", "spec:\n  default: true\n"));
    await writeFile(join(folder, ".hidden.yaml"), "{");
    await writeFile(join(folder, "notes.txt"), "{");
    const { source, deliveries } = await open(folder);
    assert.deepEqual(
      parsedValue(source.first).routes.map(({ name }) => name),
      ["b"],
    );
    await put(join(folder, "a.json"), JSON.stringify({ kind: "ModelRoute" }));
    assert.equal(problemsOf(await deliveries.at(0))[0]?.where, `${join(folder, "a.json")}:1`);
    await put(join(folder, "a.json"), route(1, "a"));
    const { routes } = parsedValue(await deliveries.at(1));
    assert.deepEqual(
      routes.map(({ name, default: isDefault }) => [name, isDefault]),
      [
        ["a", false],
        ["b", true],
      ],
    );
  });

  it("says what is wrong with a path that leads nowhere, and takes what comes there later", async () => {
    const folder = join(await directory(), "routes");
    const clock = new ManualClock();
    const { source, deliveries } = await open(folder, { clock });
    assert.deepEqual(problemsOf(source.first), [
      { path: "", message: "can't be read: there is no such file", where: folder },
    ]);
    await mkdir(folder);
    await writeFile(join(folder, "fraud.yaml"), route(1));
    clock.advance(10_000);
    assert.equal(weightIn(await deliveries.at(0)), 1);
  });

  it("finds by its poll what raises no event here: the target of a link, changed where it lies", async () => {
    const elsewhere = join(await directory(), "fraud.yaml");
    await writeFile(elsewhere, route(1));
    const path = join(await directory(), "fraud.yaml");
    await symlink(elsewhere, path);
    const clock = new ManualClock();
    const { deliveries } = await open(path, { clock });
    await writeFile(elsewhere, route(2));
    assert.equal(clock.pending, 1, "only the poll is waited for");
    clock.advance(10_000);
    assert.equal(weightIn(await deliveries.at(0)), 2);
  });

  it("watches a directory again after it was replaced by another of its name", async () => {
    const parent = await directory();
    const folder = join(parent, "routes");
    await mkdir(folder);
    await writeFile(join(folder, "fraud.yaml"), route(1));
    const clock = new ArmedClock();
    const { deliveries } = await open(folder, { clock });
    await rename(folder, join(parent, "old"));
    await mkdir(folder);
    await writeFile(join(folder, "fraud.yaml"), route(2));
    clock.advance(10_000);
    assert.equal(weightIn(await deliveries.at(0)), 2);
    clock.forget();
    await put(join(folder, "fraud.yaml"), route(3));
    clock.advance(await clock.debounced());
    assert.equal(weightIn(await deliveries.at(1)), 3);
  });

  it("reads no sooner than it has been quiet for a while, and no later than its limit", async () => {
    // The contents lie elsewhere, so that what happens beside the link is one event for each file that goes.
    const elsewhere = join(await directory(), "fraud.yaml");
    await writeFile(elsewhere, route(1));
    const folder = await directory();
    const path = join(folder, "fraud.yaml");
    await symlink(elsewhere, path);
    for (const name of ["a", "b", "c"]) await writeFile(join(folder, name), "");
    const clock = new ArmedClock();
    const { deliveries } = await open(path, { clock, debounceMs: 100, longestDebounceMs: 250 });
    await writeFile(elsewhere, route(2));
    for (const [name, delayMs, aheadMs] of [
      ["a", 100, 90],
      ["b", 100, 90],
      ["c", 70, 69],
    ] as const) {
      clock.forget();
      await rm(join(folder, name));
      assert.equal(await clock.debounced(), delayMs);
      clock.advance(aheadMs);
      assert.equal(clock.pending, 2, "the poll and the debounce are both waited for");
    }
    clock.advance(1);
    assert.equal(clock.pending, 1);
    assert.equal(weightIn(await deliveries.at(0)), 2);
  });

  it("delivers nothing once it is closed", async () => {
    const map = await configMap({ "fraud.yaml": route(1) });
    const clock = new ManualClock();
    const { source, deliveries } = await open(map.directory, { clock });
    await source.close();
    await map.swap({ "fraud.yaml": route(2) });
    assert.equal(clock.pending, 0);
    assert.deepEqual(deliveries.all, []);
  });
});

/** A clock that can be waited on until a debounce has been set. */
class ArmedClock extends ManualClock {
  #delayMs: number | undefined;
  #wake: (() => void) | undefined;

  override after(delayMs: number, fn: () => void): () => void {
    const cancel = super.after(delayMs, fn);
    // Only the poll waits longer.
    if (delayMs < 1_000) {
      this.#delayMs = delayMs;
      this.#wake?.();
    }
    return cancel;
  }

  /** Only what is set from now on counts. */
  forget(): void {
    this.#delayMs = undefined;
  }

  /** The length of the last debounce, once there is one. */
  async debounced(): Promise<number> {
    while (this.#delayMs === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#delayMs;
  }
}
