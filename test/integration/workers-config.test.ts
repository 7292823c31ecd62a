/** Routes for several workers: read once, in force in all of them or in none. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { ConfigService } from "../support/config-service.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { routeDocument } from "../support/route-document.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { answer, sentRoute } from "../support/snapshots.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());

async function started() {
  const v41 = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
  const v42 = own.add(await ServerPeer.answering(framed(tfResponse([0.75]))));
  const folder = own.add(new TempFolder());
  const path = folder.at("route.json");
  const write = (spec: object): void => {
    const variants = { v41: { address: v41.address }, v42: { address: v42.address } };
    writeFileSync(path, routeDocument("fraud", { variants, champion: "v41", ...spec }));
  };
  write({ weights: { v41: 1 } });
  const sidecar = own.add(await SidecarProcess.start({ CONTENDER_WORKERS: "3", CONTENDER_CONFIG: path }));
  const clients: ClientPeer[] = [];
  for (let i = 0; i < 3; i++) clients.push(own.add(await ClientPeer.connect(sidecar.address)));
  const variants = async (fields: readonly (readonly [string, string])[] = []): Promise<(string | undefined)[]> => {
    const answers = await Promise.all(clients.map((client) => client.unary(tfPredict, request, fields)));
    return answers.map((answer) => answer.value("x-contender-variant"));
  };
  return { sidecar, clients, write, variants };
}

const seen = (sidecar: SidecarProcess, name: string): number =>
  sidecar.lines.filter(({ event }) => event === name).length;

describe("the routes of three workers", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("change in all of them", async () => {
    const { sidecar, write, variants } = await started();
    assert.deepEqual(await variants(), ["v41", "v41", "v41"]);
    const { version: before } = await sidecar.config();
    write({ weights: { v42: 1 } });
    await until(() => seen(sidecar, "config_applied") === 1, "the change is in force");
    assert.deepEqual(await variants(), ["v42", "v42", "v42"]);
    const { version, workers = [] } = await sidecar.config();
    assert.notEqual(version, before);
    assert.deepEqual(
      workers.map(({ config }) => config),
      [version, version, version],
    );
    const metrics = await sidecar.metrics();
    assert.equal(valueAt(metrics, "contender_config_info", { version }), 1);
    assert.equal(valueAt(metrics, "contender_config_rejected_total"), 0);
  });

  it("that are wrong change in none, are told once, and mended change in all", async () => {
    const { sidecar, write, variants } = await started();
    const { version: before } = await sidecar.config();
    write({ weights: { v42: -1 } });
    await until(() => seen(sidecar, "config_rejected") === 1, "the routes are refused");
    assert.deepEqual(await variants(), ["v41", "v41", "v41"]);
    const { version, rejected, workers = [] } = await sidecar.config();
    assert.deepEqual([version, workers.map(({ config }) => config)], [before, [before, before, before]]);
    assert.match(rejected?.[0]?.message ?? "", /weight|number/);
    assert.equal(valueAt(await sidecar.metrics(), "contender_config_rejected_total"), 1);
    write({ weights: { v42: 1 } });
    await until(() => seen(sidecar, "config_applied") === 1, "the change is in force");
    assert.deepEqual(await variants(), ["v42", "v42", "v42"]);
    assert.equal((await sidecar.config()).rejected, undefined);
  });

  it("go by another version in each where a config service says that they are of that one, too", async () => {
    const service = own.add(await ConfigService.open());
    const first = answer(5, [sentRoute()]);
    service.onStream = (stream) => stream.send(first);
    const sidecar = own.add(await SidecarProcess.start({ CONTENDER_WORKERS: "2", CONTENDER_CONTROL: service.address }));
    const stream = await service.stream(0);
    await stream.request(1);
    const { version } = answer(6, [sentRoute()]);
    stream.send({ version, nonce: "label" });
    assert.deepEqual((await stream.request(2)).problems, []);
    const { version: shown, workers = [] } = await sidecar.config();
    assert.deepEqual([shown, ...workers.map(({ config }) => config)], [version, version, version]);
  });

  it("give a key the same variant in each", async () => {
    const { sidecar, write, variants } = await started();
    write({ weights: { v41: 1, v42: 1 }, key: { from: [{ metadata: "x-user-id" }] } });
    await until(() => seen(sidecar, "config_applied") === 1, "the change is in force");
    const counts: Record<string, number> = {};
    for (let user = 0; user < 50; user++) {
      const [first = "", ...others] = await variants([["x-user-id", `user-${user}`]]);
      assert.deepEqual(others, [first, first]);
      counts[first] = (counts[first] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).sort(), ["v41", "v42"]);
  });

  it("are in force in a worker that takes another's place", async () => {
    const { sidecar, write } = await started();
    write({ weights: { v42: 1 } });
    await until(() => seen(sidecar, "config_applied") === 1, "the change is in force");
    const [pid = 0] = await sidecar.workerPids();
    process.kill(pid, "SIGKILL");
    await until(() => seen(sidecar, "worker_started") === 4, "it is replaced");
    const { version, workers = [] } = await sidecar.config();
    assert.deepEqual(
      workers.map(({ config }) => config),
      [version, version, version],
    );
    assert.notEqual(workers[0]?.pid, pid);
    const next = own.add(await ClientPeer.connect(sidecar.address)); // two others have a caller each, the new one none
    assert.equal((await next.unary(tfPredict, request)).value("x-contender-variant"), "v42");
  });
});
