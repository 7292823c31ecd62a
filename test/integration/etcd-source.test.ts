/** Routes from keys of etcd, by an etcd that does what a test tells it to. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { Problem } from "../../src/base/parsed.ts";
import type { Loaded } from "../../src/config/snapshot.ts";
import { type SourceEvent, SourceStatus } from "../../src/config/source-status.ts";
import type { RangeRequest } from "../../src/etcd/protos.ts";
import { loadKeys } from "../../src/sync/etcd-contents.ts";
import { EtcdSource, type EtcdSourceOptions } from "../../src/sync/etcd-source.ts";
import { status as codes, event, FakeEtcd, type FakeWatch, failure } from "../support/fake-etcd.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { routeDocument } from "../support/route-document.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const route = (v2: number, name = "fraud", spec: object = {}): string =>
  routeDocument(name, {
    variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
    champion: "v1",
    weights: { v1: 100 - v2, v2 },
    ...spec,
  });
const record = (more: object): string =>
  JSON.stringify({ revision: 3, kind: "weights", author: { name: "me", atMs: 0, reason: "" }, table: null, ...more });
const key = "contender/state/routes/fraud";

/** An etcd with these keys, and a source that has opened. */
async function world(keys: Record<string, string>, given: Partial<EtcdSourceOptions> = {}) {
  const values = new Map(Object.entries(keys));
  const watches: FakeWatch[] = [];
  let revision = 100;
  let away = false;
  const etcd = owned.add(await FakeEtcd.start());
  etcd.on.range = ({ key: from, range_end: to }: RangeRequest) => {
    if (away) throw failure(codes.UNAVAILABLE, "no leader");
    const within = [...values].filter(([name]) => name >= String(from) && name < String(to));
    const kvs = within.map(([name, value]) => ({
      key: Buffer.from(name),
      value: Buffer.from(value),
      mod_revision: "1",
    }));
    return { header: { revision: `${revision}` }, kvs, more: false };
  };
  etcd.on.watch = (watch) => {
    watches.push(watch);
    void watch.create(revision);
  };
  const clock = new ManualClock();
  const events: SourceEvent[] = [];
  const delivered: Loaded[] = [];
  const state = { problems: [] as readonly Problem[] };
  const status = new SourceStatus("etcd", clock, (each) => events.push(each));
  const source = owned.add(
    new EtcdSource({
      endpoints: [etcd.endpoint],
      prefix: "contender/",
      name: "etcd:x",
      pollMs: 10_000,
      pem: {},
      user: undefined,
      passwordFile: undefined,
      around: { local: "127.0.0.1:8500", alone: true },
      clock,
      chance: { next: () => 0.5 },
      status,
      apply: (loaded) => {
        delivered.push(loaded);
        return loaded.ok ? state.problems : loaded.problems;
      },
      ...given,
    }),
  );
  return {
    clock,
    delivered,
    etcd,
    events,
    source,
    state,
    status,
    values,
    watches,
    weights: () => delivered.map((loaded) => (loaded.ok ? loaded.value.routes[0]?.weights.v2 : "refused")),
    setAway: (now: boolean) => {
      away = now;
    },
    /** Writes and deletes in one commit, and tells the watch. */
    commit: async (changes: Record<string, string | undefined>): Promise<void> => {
      revision++;
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) values.delete(name);
        else values.set(name, value);
      }
      await until(() => watches.length > 0, "there is a watch");
      watches.at(-1)?.tell(Object.entries(changes).map(([name, value]) => event(name, revision, value)));
    },
  };
}

describe("routes from etcd", () => {
  it("are documents, put in force at the start and when they change", async () => {
    const { commit, source, status, weights } = await world({ [key]: route(10), "contender/state/head": "x" });
    assert.deepEqual(await source.open(), []);
    await commit({ [key]: route(20) });
    await until(() => weights().length === 2, "the change is in force");
    assert.deepEqual(weights(), [10, 20]);
    assert.equal(status.connected, true);
  });

  it("are what a config service keeps of them, with their tables", async () => {
    const table = [
      [60_000, "v1"],
      [5_536, "v2"],
    ];
    const { delivered, source } = await world({ [key]: record({ text: route(10), table }) });
    assert.deepEqual(await source.open(), []);
    const [first] = delivered;
    assert.ok(first?.ok);
    assert.deepEqual(first.value.routes[0]?.table, [
      { from: 0, to: 60_000, variant: "v1" },
      { from: 60_000, to: 65_536, variant: "v2" },
    ]);
  });

  it("leave out what a config service has deleted", async () => {
    const other = route(30, "other");
    const { delivered, source } = await world({
      [key]: record({ kind: "deleted", text: "" }),
      "contender/state/routes/old": record({ deleted: true, text: route(5, "old") }),
      "contender/state/routes/other": record({ text: other }),
    });
    assert.deepEqual(await source.open(), []);
    const [first] = delivered;
    assert.deepEqual(first?.ok && first.value.routes.map(({ name }) => name), ["other"]);
  });

  it("change together where they were changed together", async () => {
    const match = (name: string, byDefault: boolean) => ({ match: { models: [name] }, default: byDefault });
    const { commit, delivered, source } = await world({ [key]: route(10) });
    await source.open();
    await commit({
      [key]: route(20, "fraud", match("fraud", true)),
      "contender/state/routes/other": route(20, "other", match("other", false)),
    });
    await until(() => delivered.length === 2, "the change is in force");
    const [, second] = delivered;
    assert.deepEqual(second?.ok && second.value.routes.map(({ name }) => name), ["fraud", "other"]);
  });

  const wrong: readonly (readonly [what: string, value: string | undefined, path: RegExp])[] = [
    ["a wrong weight", route(-1), /spec\.weights/],
    ["no document", "# nothing", /^: there is no route document|no route document/],
    ["a table with a hole", record({ text: route(10), table: [[1, "v1"]] }), /tables\.fraud/],
    ["a table that is none", record({ text: route(10), table: [["x"], 7] }), /tables\.fraud\[0\]\.to/],
    ["a selector", route(20, "fraud", { selector: { pod: "p" } }), /spec\.selector/],
    ["no routes at all", undefined, /no route under this prefix/],
  ];
  for (const [what, value, path] of wrong) {
    it(`are refused with ${what}, and those in force stay`, async () => {
      const { commit, source, status, weights } = await world({ [key]: route(10) });
      await source.open();
      await commit({ [key]: value });
      await until(() => status.rejected.length > 0, "the change is refused");
      assert.match(status.rejected.map((each) => `${each.path}: ${each.message}`).join("\n"), path);
      await commit({ [key]: route(30) });
      await until(() => weights().at(-1) === 30, "the next change is in force");
      assert.deepEqual(status.rejected, []);
    });
  }

  it("are told again where they were refused before, and those in force came between", async () => {
    const { commit, source, status, weights } = await world({ [key]: route(10) });
    await source.open();
    for (const [weight, refused] of [
      [-1, 1],
      [10, 0],
      [-1, 1],
    ] as const) {
      await commit({ [key]: route(weight) });
      await until(() => status.rejected.length === refused, `a weight of ${weight} was looked at`);
    }
    assert.deepEqual(weights(), [10, "refused", "refused"]);
  });

  it("that could not be put in force are tried again at the next look", async () => {
    const { clock, commit, source, state, status, weights } = await world({ [key]: route(10) });
    await source.open();
    state.problems = [{ path: "x", message: "a certificate that has not come yet" }];
    await commit({ [key]: route(20) });
    await until(() => status.rejected.length > 0, "the change is refused");
    state.problems = [];
    await until(() => clock.nextDueMs !== undefined, "the next look is planned");
    clock.advance(10_000);
    await until(() => status.rejected.length === 0, "it is in force");
    assert.deepEqual(weights(), [10, 20, 20]);
  });

  it("are read anew where etcd no longer keeps what the watch needs", async () => {
    const { etcd, source, values, watches, weights } = await world({ [key]: route(10) });
    await source.open();
    await until(() => etcd.count("watch") === 1, "there is a watch");
    values.set(key, route(40));
    watches[0]?.say({ compact_revision: "200", canceled: true, header: { revision: "200" } } as never);
    await until(() => weights().length === 2, "the change is in force");
    await until(() => etcd.count("watch") === 2, "there is another watch");
    assert.deepEqual(weights(), [10, 40]);
  });

  it("stay as they are while it is away, which is told once, as is its return", async () => {
    const { clock, events, setAway, source, status, weights } = await world({ [key]: route(10) });
    await source.open();
    setAway(true);
    const passing = async (condition: () => boolean, what: string): Promise<void> => {
      await until(() => {
        if (!condition()) clock.advance(500);
        return condition();
      }, what);
    };
    await passing(() => (status.failures.get("unreachable") ?? 0) >= 2, "it was asked in vain, twice");
    assert.deepEqual([status.connected, weights()], [false, [10]]);
    setAway(false);
    await passing(() => status.connected, "it is back");
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["config_source_connected", "config_source_lost", "config_source_connected"],
    );
  });

  it("say why there are none at the start", async () => {
    const { source } = await world({});
    assert.match((await source.open())[0]?.message ?? "", /no route under this prefix/);
    const folder = owned.add(new TempFolder());
    const locked = await world({ [key]: route(10) }, { user: "me", passwordFile: folder.at("none") });
    assert.match((await locked.source.open())[0]?.message ?? "", /none can't be read/);
    assert.equal(locked.status.failures.get("settings"), 1);
  });

  it("go on from those that are in force at the start, and are not put in force twice", async () => {
    const { commit, source, status, weights } = await world({ [key]: route(10) });
    const texts = [{ name: "state/routes/fraud", text: route(10) }];
    const around = { local: "127.0.0.1:8500", alone: true };
    const { version } = parsedValue(loadKeys("etcd:x", texts, { around, prefix: "contender/" }));
    source.follow({ version, texts });
    assert.equal(status.state.service.version, version);
    await until(() => status.connected, "it was asked");
    await commit({ [key]: route(20) });
    await until(() => weights().length > 0, "the change is in force");
    assert.deepEqual(weights(), [20]);
  });

  it("are asked for by whom the settings say", async () => {
    const folder = owned.add(new TempFolder());
    writeFileSync(folder.at("password"), "secret\n");
    const { etcd, source } = await world({ [key]: route(10) }, { user: "me", passwordFile: folder.at("password") });
    const asked: unknown[] = [];
    etcd.on.authenticate = (who) => {
      asked.push({ ...who });
      return { token: "t" };
    };
    assert.deepEqual(await source.open(), []);
    assert.deepEqual(asked[0], { name: "me", password: "secret" });
  });

  it("are those of a sidecar whose CONTENDER_CONFIG says so", async () => {
    const { commit, etcd } = await world({ "ml/state/routes/fraud": route(10) });
    const sidecar = owned.add(await SidecarProcess.start({ CONTENDER_CONFIG: `etcd:${etcd.endpoint}/ml` }));
    assert.equal(sidecar.event("ready")?.source, `etcd:${etcd.endpoint}/ml/`);
    await commit({ "ml/state/routes/fraud": route(20) });
    await until(() => sidecar.event("config_applied") !== undefined, "the change is in force");
    const { service } = (await sidecar.config()) as unknown as { service: { connected: boolean } };
    assert.equal(service.connected, true);
  });

  it("end with their source: no timer, no watch", async () => {
    const { clock, etcd, source, watches } = await world({ [key]: route(10) });
    await source.open();
    await until(() => etcd.count("watch") === 1 && watches.length === 1, "there is a watch");
    await source.close();
    await until(() => clock.pending === 0, "no timer is left");
  });
});
