/** A source with its last good routes on a real disk; the source itself says what a test tells it to. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import type { Problem } from "../../../src/base/parsed.ts";
import { loadTexts } from "../../../src/config/files.ts";
import type { Loaded } from "../../../src/config/snapshot.ts";
import { type SourceEvent, SourceStatus } from "../../../src/config/source-status.ts";
import type { ApplyTexts, Held, Texts } from "../../../src/sync/asked-source.ts";
import { KeptSource } from "../../../src/sync/kept-source.ts";
import { LastGoodFile, lastGoodNames } from "../../../src/sync/last-good.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { routeDocument } from "../../support/route-document.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { turns } from "../../support/until.ts";

const owned = new Owned();
const texts = (weight: number): Texts => [
  {
    name: "x",
    text: routeDocument("fraud", {
      variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
      champion: "v1",
      weights: { v1: 1, v2: weight },
    }),
  },
];
const load = (given: Texts): Loaded => loadTexts("x", given, { local: "127.0.0.1:8500" });

function keptIn(directory: string | undefined) {
  const clock = new ManualClock();
  const events: SourceEvent[] = [];
  const told: string[] = [];
  const applied: Loaded[] = [];
  const state = { problems: [] as readonly Problem[] };
  const status = new SourceStatus("x", clock, (event) => events.push(event));
  let deliver: ApplyTexts | undefined;
  const owner = { service: "x", namespace: "", workload: "" };
  const done = (version: string, failed: string | undefined): void => status.wrote("p", version, failed);
  const lastGood =
    directory === undefined ? undefined : new LastGoodFile<Texts>(directory, owner, done, lastGoodNames.config);
  const source = new KeptSource({
    clock,
    status,
    apply: (loaded) => {
      applied.push(loaded);
      return loaded.ok ? state.problems : loaded.problems;
    },
    lastGood,
    load,
    source: (apply) => {
      deliver = apply;
      told.push("made");
      return {
        status,
        open: async () => await apply(load(texts(10)), true, texts(10)),
        begin: () => void told.push("begun"),
        follow: ({ version }: Held) => void told.push(`follows ${version}`),
        close: () => {
          told.push("closed");
          return Promise.resolve();
        },
      };
    },
  });
  const give = async (weight: number): Promise<void> => {
    await deliver?.(load(texts(weight)), false, texts(weight));
    await lastGood?.settled();
  };
  const weights = () => applied.map((loaded) => (loaded.ok ? loaded.value.routes[0]?.weights.v2 : "refused"));
  return { clock, events: () => events.map(({ kind }) => kind), give, source, state, status, told, weights };
}

describe("a source with its last good routes", () => {
  afterEach(() => owned.close());

  it("is asked at the start where there are none, and what it gives is kept for the next, by nobody else to be read", async () => {
    const folder = owned.add(new TempFolder());
    const first = keptIn(folder.path);
    assert.deepEqual(await first.source.open(), []);
    first.source.begin();
    await first.give(20);
    await first.source.close();
    assert.deepEqual(first.told, ["made", "begun", "closed"]);
    assert.equal(statSync(folder.at("last-good-config.json")).mode & 0o777, 0o600);
    const next = keptIn(folder.path);
    assert.deepEqual(await next.source.open(), []);
    assert.deepEqual([next.weights(), next.told, next.events()], [[20], [], ["last_good_used"]]);
  });

  it("is made and followed once calls are served, from what is in force", async () => {
    const folder = owned.add(new TempFolder());
    const first = keptIn(folder.path);
    await first.source.open();
    await first.source.close();
    const next = keptIn(folder.path);
    await next.source.open();
    next.source.begin();
    assert.deepEqual(next.told, []);
    next.clock.advance(20);
    await turns();
    assert.deepEqual(next.told, ["made", `follows ${next.status.lastGood?.version}`]);
    await next.give(30);
    assert.deepEqual(next.weights(), [10, 30]);
    await next.source.close();
    assert.equal(next.told.at(-1), "closed");
  });

  it("is asked where those on disk can't be put in force, which is told", async () => {
    const folder = owned.add(new TempFolder());
    const first = keptIn(folder.path);
    await first.source.open();
    await first.source.close();
    const next = keptIn(folder.path);
    next.state.problems = [{ path: "tls.ca", message: "there is no such file" }];
    assert.equal((await next.source.open()).length, 1);
    assert.deepEqual([next.told, next.events()], [["made"], ["last_good_ignored"]]);
  });

  it("keeps nothing that is not in force", async () => {
    const folder = owned.add(new TempFolder());
    const first = keptIn(folder.path);
    await first.source.open();
    first.state.problems = [{ path: "tls.ca", message: "there is no such file" }];
    await first.give(40);
    await first.source.close();
    const next = keptIn(folder.path);
    await next.source.open();
    assert.deepEqual(next.weights(), [10]);
  });

  it("is not followed once it is closed, and leaves no timer", async () => {
    const folder = owned.add(new TempFolder());
    const first = keptIn(folder.path);
    await first.source.open();
    await first.source.close();
    const next = keptIn(folder.path);
    await next.source.open();
    next.source.begin();
    await next.source.close();
    assert.deepEqual([next.clock.pending, next.told], [0, []]);
  });

  it("is the source alone where nothing is to be kept", async () => {
    const { source, told, weights } = keptIn(undefined);
    assert.deepEqual(await source.open(), []);
    source.begin();
    await source.close();
    assert.deepEqual([told, weights()], [["made", "begun", "closed"], [10]]);
  });
});
