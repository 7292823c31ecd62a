/** Sidecars as processes, with a config service that comes and goes. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { askAdmin } from "../../src/admin/client.ts";
import { contender } from "../support/cli.ts";
import { ConfigService } from "../support/config-service.ts";
import { ClientPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
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
const weighted = (v2: number, slots?: number) =>
  sentRoute({ weights: { v1: 100 - v2, v2 }, ...(slots === undefined ? {} : { slots }) });

/** A service that gives every sidecar these routes at once. */
async function giving(v2: number, slots?: number): Promise<ConfigService> {
  const service = owned.add(await ConfigService.open());
  service.onStream = (stream) => stream.send(answer(5, [weighted(v2, slots)]));
  return service;
}

async function nobody(): Promise<string> {
  const service = await ConfigService.open();
  service.close();
  return service.address;
}

const weightOf = async (sidecar: SidecarProcess): Promise<unknown> =>
  (await sidecar.metrics()).get("contender_route_weight_ratio")?.samples.find(({ labels }) => labels.variant === "v2")
    ?.value;

describe("a sidecar process and its config service", function () {
  this.timeout(30_000);

  for (const workers of ["1", "2"]) {
    it(`serves what it gives, shows where it is from, and acknowledges that (CONTENDER_WORKERS=${workers})`, async () => {
      const service = await giving(25);
      const sidecar = await start({ CONTENDER_CONTROL: service.address, CONTENDER_WORKERS: workers });
      const stream = await service.stream(0);
      assert.deepEqual((await stream.request(1)).problems, []);
      assert.equal(await weightOf(sidecar), 0.25);
      stream.send(answer(6, [weighted(50)]));
      assert.deepEqual((await stream.request(2)).problems, []);
      const config = (await sidecar.config()) as unknown as Record<string, unknown>;
      const { version } = answer(6, [weighted(50)]);
      assert.deepEqual(
        [config.version, config.source, config.tables],
        [
          version,
          `control:${service.address}`,
          {
            fraud: [
              { from: 0, to: 32_768, variant: "v1" },
              { from: 32_768, to: 65_536, variant: "v2" },
            ],
          },
        ],
      );
      const { lastContact, ...rest } = config.service as Record<string, unknown>;
      assert.deepEqual(rest, { address: service.address, connected: true, version });
      assert.match(String(lastContact), /^20\d\d-/);
      for (const each of (await sidecar.config()).workers ?? []) assert.equal(each.config, version);
      stream.send(answer(7, [sentRoute({ weights: { v1: 1, v2: -1 }, slots: 65_536 })]));
      assert.deepEqual(
        (await stream.request(3)).problems.map(({ path }) => path),
        ["spec.weights.v2"],
      );
      const metrics = await sidecar.metrics();
      const value = (name: string) => metrics.get(name)?.samples.map((sample) => sample.value);
      assert.deepEqual(value("contender_config_rejected_total"), [1]);
      assert.deepEqual(value("contender_config_source_connected"), [1]);
      assert.equal(await weightOf(sidecar), 0.5);
      assert.ok(sidecar.event("config_rejected") !== undefined);
    });
  }

  it("tells contender why where the table has put a user", async () => {
    const service = await giving(25, 0);
    const sidecar = await start({ CONTENDER_CONTROL: service.address });
    const { host } = new URL(sidecar.admin);
    const { code, out } = await contender(["why", "fraud", "--key", "user-17", "--admin", host, "--json"], {
      handlers: { askAdmin },
    });
    const said = JSON.parse(out) as { variant: string; shares: object };
    assert.deepEqual([code, said.variant, said.shares], [0, "v2", { v1: 0, v2: 1 }]);
  });

  for (const workers of ["1", "2"]) {
    it(`records calls by what their routes are called now (CONTENDER_WORKERS=${workers})`, async () => {
      const service = await giving(25);
      const sidecar = await start({
        CONTENDER_CONTROL: service.address,
        CONTENDER_LOCAL: "127.0.0.1:1",
        CONTENDER_PREDICTION_LOG: "stdout",
        CONTENDER_WORKERS: workers,
      });
      const stream = await service.stream(0);
      await stream.request(1);
      const { version } = answer(6, [weighted(25)]);
      stream.send({ version, nonce: "named" });
      assert.deepEqual((await stream.request(2)).problems, []);
      const client = owned.add(await ClientPeer.connect(sidecar.address));
      await client.unary(tfPredict, framed(tfRequest()));
      await until(() => sidecar.event("prediction") !== undefined, "the call is recorded");
      assert.equal(sidecar.event("prediction")?.generation, version);
    });
  }

  it("goes on when the service dies, says so, and comes back to it", async () => {
    const service = await giving(25);
    const sidecar = await start({ CONTENDER_CONTROL: service.address });
    await (await service.stream(0)).request(1);
    service.close();
    await until(() => sidecar.event("config_source_lost") !== undefined, "the loss is told", 20_000);
    assert.equal(await weightOf(sidecar), 0.25);
    const state = (await sidecar.config()) as unknown as { service: { connected: boolean; failure: string } };
    assert.equal(state.service.connected, false);
    assert.match(state.service.failure, /^unreachable: /);
    const again = owned.add(await ConfigService.open(service.port));
    again.onStream = (stream) => stream.send(answer(6, [weighted(75)]));
    const { version } = await (await again.stream(0)).request(0);
    assert.equal(version, answer(5, [weighted(25)]).version);
    await (await again.stream(0)).request(1);
    assert.equal(await weightOf(sidecar), 0.75);
    assert.deepEqual((await sidecar.metrics()).get("contender_config_source_connected")?.samples[0]?.value, 1);
  });

  const preload = { NODE_OPTIONS: `--import ${new URL("../support/tell-imports.mjs", import.meta.url).href}` };

  it("loads no gRPC library before it serves its last good routes, and none at all without a service", async () => {
    const folder = owned.add(new TempFolder());
    const service = await giving(25);
    const env = { ...preload, CONTENDER_CONTROL: service.address, CONTENDER_STATE_DIR: folder.path };
    const first = await start(env);
    await until(() => kept(folder), "the routes are on disk");
    await first.close();
    const second = await start(env);
    await service.stream(1);
    const ports = second.lines.filter(({ event }) => event === "loads").map((line) => line.ports);
    // Both its own and the admin port are open by then.
    assert.deepEqual([...new Set(ports)], [2]);
    const alone = await start(preload);
    assert.equal(alone.event("loads"), undefined);
  });

  it("serves its last good routes within 400 ms of its start, the service away", async function () {
    this.timeout(60_000);
    const folder = owned.add(new TempFolder());
    const service = await giving(25);
    const env = { CONTENDER_CONTROL: service.address, CONTENDER_STATE_DIR: folder.path };
    const first = await start(env);
    await until(() => kept(folder), "the routes are on disk");
    first.signal("SIGKILL");
    await first.ended();
    service.close();
    const quickestMs = await quickestStartMs(env, 400);
    assert.ok(quickestMs <= 400, `${quickestMs} ms`);
  });

  for (const workers of ["1", "2"]) {
    it(`that was killed serves its last good routes with the service away (CONTENDER_WORKERS=${workers})`, async () => {
      const folder = owned.add(new TempFolder());
      const service = await giving(25);
      const env = {
        CONTENDER_CONTROL: service.address,
        CONTENDER_STATE_DIR: folder.path,
        CONTENDER_WORKLOAD: "fraud",
        CONTENDER_WORKERS: workers,
      };
      const first = await start(env);
      await until(() => kept(folder), "the routes are on disk");
      first.signal("SIGKILL");
      await first.ended();
      service.close();
      const second = await start(env);
      assert.equal(await weightOf(second), 0.25);
      assert.equal(second.event("ready")?.source, `control:${service.address}`);
      assert.ok(second.event("last_good_used") !== undefined);
      const others = await start({ ...env, CONTENDER_WORKLOAD: "other", CONTENDER_CONTROL_WAIT: "10ms" });
      assert.equal(others.event("ready")?.source, "environment");
      assert.match(String(others.event("last_good_ignored")?.detail), /it is of fraud/);
    });
  }
});

const kept = (folder: TempFolder): boolean => {
  try {
    return readFileSync(folder.at("last-good.json")).length > 0;
  } catch {
    return false;
  }
};

describe("where a sidecar's routes come from", function () {
  this.timeout(30_000);

  const file = routeDocument("of-a-file", { variants: { v1: { address: "local" } }, champion: "v1" });
  const champion = { CONTENDER_CHAMPION: "127.0.0.1:8600", CONTENDER_ROUTE: "of-the-environment" };
  const wait = { CONTENDER_CONTROL_WAIT: "50ms" };

  async function firstRoute(env: Env): Promise<string | undefined> {
    const sidecar = await start(env);
    const { routes } = (await sidecar.config()) as unknown as { routes: { metadata: { name: string } }[] };
    return routes[0]?.metadata.name;
  }

  /** The rows of the page's table, by their numbers. */
  const rows: readonly (readonly [
    row: number,
    what: string,
    env: (folder: TempFolder) => Promise<Env>,
    route: string,
  ])[] = [
    [
      1,
      "last good routes, whatever else there is",
      async (folder) => {
        const service = await giving(10);
        const env = { CONTENDER_CONTROL: service.address, CONTENDER_STATE_DIR: folder.path };
        const before = await start(env);
        await until(() => kept(folder), "the routes are on disk");
        await before.close();
        service.close();
        return { ...env, CONTENDER_CONFIG: folder.at("routes.yaml") };
      },
      "fraud",
    ],
    [
      2,
      "what the service gives",
      async (folder) => ({
        CONTENDER_CONTROL: (await giving(10)).address,
        CONTENDER_CONFIG: folder.at("routes.yaml"),
      }),
      "fraud",
    ],
    [
      3,
      "a file, where the service is away",
      async (folder) => ({
        ...wait,
        CONTENDER_CONTROL: await nobody(),
        CONTENDER_CONFIG: folder.at("routes.yaml"),
      }),
      "of-a-file",
    ],
    [
      4,
      "the environment's route, where it is away",
      async () => ({
        ...wait,
        ...champion,
        CONTENDER_CONTROL: await nobody(),
      }),
      "of-the-environment",
    ],
    [
      5,
      "the pod's own model server, where it is away",
      async () => ({ ...wait, CONTENDER_CONTROL: await nobody() }),
      "default",
    ],
    [
      6,
      "a file, where there is no service",
      async (folder) => ({ CONTENDER_CONFIG: folder.at("routes.yaml") }),
      "of-a-file",
    ],
    [7, "the environment's route, where there is no service", async () => champion, "of-the-environment"],
    [8, "the pod's own model server, where nothing is said", async () => ({}), "default"],
  ];
  for (const [row, what, env, route] of rows) {
    it(`is ${what} (row ${row} of the page)`, async () => {
      const folder = owned.add(new TempFolder());
      writeFileSync(folder.at("routes.yaml"), file);
      assert.equal(await firstRoute(await env(folder)), route);
    });
  }
});
