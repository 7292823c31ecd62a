/** Sidecars whose routes come from an HTTP server or from etcd, killed, and started again while that is away. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigService } from "../support/config-service.ts";
import { FakeEtcd } from "../support/fake-etcd.ts";
import { Owned } from "../support/owned.ts";
import { quickestStartMs } from "../support/quickest-start.ts";
import { routeDocument } from "../support/route-document.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { answer, sentRoute } from "../support/snapshots.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

type Env = Readonly<Record<string, string>>;
const start = async (env: Env): Promise<SidecarProcess> => owned.add(await SidecarProcess.start(env));

const route = (v2: number): string =>
  routeDocument("fraud", {
    variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
    champion: "v1",
    weights: { v1: 100 - v2, v2 },
  });

interface Away {
  readonly where: string;
  close(): Promise<void> | void;
}

class Http implements Away {
  text = route(25);
  readonly authorization: (string | undefined)[] = [];
  readonly #server = createServer(({ headers }, response) => {
    this.authorization.push(headers.authorization);
    response.end(this.text);
  });

  static async open(port = 0): Promise<Http> {
    const http = owned.add(new Http());
    await new Promise<void>((resolve) => http.#server.listen(port, "127.0.0.1", resolve));
    return http;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get where(): string {
    return `http://127.0.0.1:${this.port}/routes`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function etcd(): Promise<Away> {
  const fake = owned.add(await FakeEtcd.start());
  fake.on.range = () => ({
    header: { revision: "100" },
    kvs: [{ key: Buffer.from("ml/state/routes/fraud"), value: Buffer.from(route(25)), mod_revision: "1" }],
    more: false,
  });
  fake.on.watch = (watch) => void watch.create();
  return { where: `etcd:${fake.endpoint}/ml`, close: () => fake.close() };
}

const kept = (folder: TempFolder): boolean => readdirSync(folder.path).includes("last-good-config.json");

async function killed(env: Env, folder: TempFolder): Promise<void> {
  const sidecar = await start(env);
  await until(() => kept(folder), "the routes are on disk");
  sidecar.signal("SIGKILL");
  await sidecar.ended();
}

const weightOf = async (sidecar: SidecarProcess): Promise<unknown> =>
  (await sidecar.metrics()).get("contender_route_weight_ratio")?.samples.find(({ labels }) => labels.variant === "v2")
    ?.value;

interface Shown {
  readonly service: { readonly connected: boolean; readonly failure?: string; readonly version?: string };
  readonly lastGood?: { readonly path: string; readonly version?: string };
}
const shownBy = async (sidecar: SidecarProcess): Promise<Shown> => (await sidecar.config()) as unknown as Shown;

describe("the last good routes of a source that is no config service", function () {
  this.timeout(60_000);

  for (const [what, open] of [
    ["an HTTP server", () => Http.open()],
    ["etcd", etcd],
  ] as const) {
    for (const workers of ["1", "2"]) {
      it(`serve after a kill while ${what} is away, which is shown (CONTENDER_WORKERS=${workers})`, async () => {
        const folder = owned.add(new TempFolder());
        const source = await open();
        const env = {
          CONTENDER_CONFIG: source.where,
          CONTENDER_STATE_DIR: folder.path,
          CONTENDER_WORKERS: workers,
        };
        await killed(env, folder);
        await source.close();
        const again = await start(env);
        assert.equal(await weightOf(again), 0.25);
        await until(() => again.event("config_source_lost") !== undefined, "its absence is told", 20_000);
        const { lastGood, service } = await shownBy(again);
        assert.deepEqual([service.connected, lastGood?.path], [false, folder.at("last-good-config.json")]);
        assert.deepEqual([lastGood?.version, service.version], [again.event("ready")?.config, lastGood?.version]);
        assert.equal(again.event("last_good_used")?.path, folder.at("last-good-config.json"));
        const connected = (await again.metrics()).get("contender_config_source_connected")?.samples;
        assert.equal(connected?.[0]?.value, 0);
      });
    }

    it(`serve within 400 ms of a start, ${what} away`, async () => {
      const folder = owned.add(new TempFolder());
      const source = await open();
      const env = { CONTENDER_CONFIG: source.where, CONTENDER_STATE_DIR: folder.path };
      await killed(env, folder);
      await source.close();
      const quickestMs = await quickestStartMs(env, 400);
      assert.ok(quickestMs <= 400, `${quickestMs} ms`);
    });
  }

  it("are left for what the source has once it is there, which is kept in turn", async () => {
    const folder = owned.add(new TempFolder());
    const source = await Http.open();
    const { port, where } = source;
    const env = { CONTENDER_CONFIG: where, CONTENDER_STATE_DIR: folder.path, CONTENDER_CONFIG_POLL: "100ms" };
    await killed(env, folder);
    await source.close();
    const again = await start(env);
    await until(() => again.event("config_source_lost") !== undefined, "its absence is told");
    const back = await Http.open(port);
    await until(() => again.event("config_source_connected") !== undefined, "it is there", 20_000);
    assert.equal(again.event("config_applied"), undefined);
    back.text = route(75);
    await until(() => again.event("config_applied") !== undefined, "the change is in force", 20_000);
    assert.equal(await weightOf(again), 0.75);
    const version = again.event("config_applied")?.config;
    await until(() => readFileSync(folder.at("last-good-config.json"), "utf8").includes(String(version)), "it is kept");
  });

  it("are not those of another address, nor of another query there", async () => {
    const folder = owned.add(new TempFolder());
    const source = await Http.open();
    const env = { CONTENDER_STATE_DIR: folder.path };
    await killed({ ...env, CONTENDER_CONFIG: `${source.where}?workload=a&token=hush` }, folder);
    const file = readFileSync(folder.at("last-good-config.json"), "utf8");
    assert.ok(!file.includes("hush"));
    source.text = route(50);
    for (const CONTENDER_CONFIG of [`${source.where}?workload=b&token=hush`, `${source.where}2`]) {
      writeFileSync(folder.at("last-good-config.json"), file);
      const other = await start({ ...env, CONTENDER_CONFIG });
      assert.match(String(other.event("last_good_ignored")?.detail), /it is of no workload/);
      assert.equal(await weightOf(other), 0.5);
    }
  });

  it("have nothing of the token that they were asked for with", async () => {
    const folder = owned.add(new TempFolder());
    const secrets = owned.add(new TempFolder());
    writeFileSync(secrets.at("token"), "hush-hush");
    const source = await Http.open();
    const CONTENDER_CONFIG_TOKEN_FILE = secrets.at("token");
    await killed(
      { CONTENDER_CONFIG: source.where, CONTENDER_STATE_DIR: folder.path, CONTENDER_CONFIG_TOKEN_FILE },
      folder,
    );
    assert.deepEqual(source.authorization, ["Bearer hush-hush"]);
    assert.ok(!readFileSync(folder.at("last-good-config.json"), "utf8").includes("hush"));
  });

  it("do not go back to an older revision that a replica has after the restart", async () => {
    const folder = owned.add(new TempFolder());
    const source = await Http.open();
    const versioned = (v2: number, version: string) =>
      JSON.stringify({ version, routes: [JSON.parse(route(v2))], tables: {} });
    source.text = versioned(50, "0123456789ab-7-00000007");
    const env = { CONTENDER_CONFIG: source.where, CONTENDER_STATE_DIR: folder.path };
    await killed(env, folder);
    source.text = versioned(10, "0123456789ab-6-00000006");
    const again = await start(env);
    await until(() => again.event("config_rejected") !== undefined, "it is refused");
    assert.equal(await weightOf(again), 0.5);
  });

  it("serve beside a config service that has given nothing yet, while both are away", async () => {
    const folder = owned.add(new TempFolder());
    const source = await Http.open();
    const service = await ConfigService.open();
    service.close();
    const env = {
      CONTENDER_CONFIG: source.where,
      CONTENDER_CONTROL: service.address,
      CONTENDER_CONTROL_WAIT: "10ms",
      CONTENDER_STATE_DIR: folder.path,
    };
    await killed(env, folder);
    await source.close();
    const again = await start(env);
    assert.equal(await weightOf(again), 0.25);
    const back = owned.add(await ConfigService.open(service.port));
    back.onStream = (stream) => stream.send(answer(5, [sentRoute({ weights: { v1: 60, v2: 40 } })]));
    await (await back.stream(0)).request(1);
    assert.equal(await weightOf(again), 0.4);
  });
});
