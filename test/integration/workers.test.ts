/** `contender sidecar --workers 2`: to its surroundings one sidecar, whichever of its processes has a call. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type ExposedMetric, valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { recordsOf } from "../support/prediction-records.ts";
import { type LogLine, SidecarProcess } from "../support/sidecar-process.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());
const answer = framed(tfResponse([0.25]));
const statusOf = (stream: PeerStream): string | undefined => stream.value("grpc-status");

type Exposed = ReadonlyMap<string, ExposedMetric>;

/** Two workers before a model server. */
async function started(env: Readonly<Record<string, string>> = {}, server?: ServerPeer) {
  const champion = own.add(server ?? (await ServerPeer.answering(answer)));
  const sidecar = own.add(
    await SidecarProcess.start({
      CONTENDER_WORKERS: "2",
      CONTENDER_CHAMPION: champion.address,
      CONTENDER_SCORE: "scores[1]",
      CONTENDER_DRAIN_DELAY: "0s",
      ...env,
    }),
  );
  return { champion, sidecar };
}

/** A model server that answers at once until it is told to hold what comes. */
async function holding() {
  const held: PeerStream[] = [];
  let holds = false;
  const server = await ServerPeer.start((stream) => {
    void stream.done().then(() => (holds ? held.push(stream) : stream.answer(answer)));
  });
  const hold = (): void => {
    holds = true;
  };
  return { server, held, hold };
}

async function connected(sidecar: SidecarProcess, count: number): Promise<ClientPeer[]> {
  const clients: ClientPeer[] = [];
  for (let i = 0; i < count; i++) clients.push(own.add(await ClientPeer.connect(sidecar.address)));
  return clients;
}

/** Open connections of callers, by worker. */
async function spread(sidecar: SidecarProcess): Promise<(number | undefined)[]> {
  const metrics = await sidecar.metrics("?by=worker");
  const open = (worker: string) => valueAt(metrics, "contender_connections_active", { side: "downstream", worker });
  return [open("1"), open("2")];
}

async function call(client: ClientPeer, count = 1): Promise<void> {
  const calls = Array.from({ length: count }, () => client.unary(tfPredict, request));
  for (const ended of await Promise.all(calls)) assert.equal(statusOf(ended), "0");
}

const live = { route: "default", variant: "champion", traffic: "live" };

/** Calls that ended well, as three metrics have it. */
function counted(metrics: Exposed, labels: Readonly<Record<string, string>> = {}): (number | undefined)[] {
  return [
    valueAt(metrics, "contender_requests_total", { ...live, ...labels, method: "Predict", grpc_code: "OK" }),
    valueAt(metrics, "contender_request_duration_seconds_count", { ...live, ...labels, outcome: "ok" }),
    valueAt(metrics, "contender_score_count", { ...live, ...labels }),
  ];
}

/** Waits until a metric has a value. */
async function shows(sidecar: SidecarProcess, name: string, value: number, labels = {}): Promise<void> {
  const endMs = performance.now() + 15_000;
  for (;;) {
    const now = valueAt(await sidecar.metrics(), name, labels);
    if (now === value) return;
    assert.ok(performance.now() < endMs, `${name} is ${now} and not ${value}`);
  }
}

/** Waits until so many callers are connected. */
async function open(sidecar: SidecarProcess, connections: number): Promise<void> {
  await shows(sidecar, "contender_connections_active", connections, { side: "downstream" });
}

describe("two workers", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("end callers' connections at their age, and count them together", async () => {
    const { sidecar } = await started({ CONTENDER_LIMIT_CALLER_MAX_AGE: "500ms" });
    const clients = await connected(sidecar, 4);
    await until(() => clients.every(({ gone }) => gone), "all are gone");
    await shows(sidecar, "contender_connections_active", 0, { side: "downstream" });
    await shows(sidecar, "contender_connections_retired_total", 4, { reason: "max_age" });
  });

  it("get two of four connections each, always, and those that come later fill the gaps", async () => {
    const { sidecar } = await started();
    for (let round = 0; round < 10; round++) {
      const clients = await connected(sidecar, 4);
      assert.deepEqual(await spread(sidecar), [2, 2], `round ${round}`);
      const [first, , third] = clients; // of one worker, as they are handed out in turn
      for (const client of [first, third]) client?.socket.destroy();
      await open(sidecar, 2);
      clients.push(...(await connected(sidecar, 2)));
      assert.deepEqual(await spread(sidecar), [2, 2], `round ${round}, refilled`);
      for (const client of clients) client.socket.destroy();
      await open(sidecar, 0);
    }
  });

  it("are one exposition: the names of a lone process, counters and histograms summed, gauges too", async () => {
    const { sidecar, champion } = await started();
    const clients = await connected(sidecar, 4);
    for (const client of clients) await call(client, 25);
    const metrics = await sidecar.metrics();
    assert.deepEqual(counted(metrics), [100, 100, 100]);
    assert.equal(valueAt(metrics, "contender_connections_active", { side: "downstream" }), 4);
    assert.equal(valueAt(metrics, "contender_connections_active", { side: "upstream" }), 2);
    assert.equal(valueAt(metrics, "contender_config_info"), 1);
    assert.equal(valueAt(metrics, "contender_workers"), 2);
    const apart = await sidecar.metrics("?by=worker");
    for (const worker of ["1", "2"]) assert.deepEqual(counted(apart, { worker }), [50, 50, 50]);

    const lone = await started({ CONTENDER_WORKERS: "1" }, champion);
    await call((await connected(lone.sidecar, 1))[0] as ClientPeer, 1);
    assert.deepEqual([...metrics.keys()], [...(await lone.sidecar.metrics()).keys()]);
    assert.equal((await lone.sidecar.config()).workers, undefined);
  });

  it("lose with a killed one its own calls alone; it is replaced, and no counter goes backwards", async () => {
    const { server, held, hold } = await holding();
    const { sidecar } = await started({}, server);
    const [first, second] = (await connected(sidecar, 2)) as [ClientPeer, ClientPeer];
    await call(first);
    await call(second);
    assert.deepEqual(counted(await sidecar.metrics()), [2, 2, 2]);
    hold();
    const [lost, kept] = [first.call(tfPredict, request), second.call(tfPredict, request)];
    await until(() => held.length === 2, "both calls are in flight");
    const [pid] = (await sidecar.workerPids()) as [number];
    process.kill(pid, "SIGKILL");

    await assert.rejects(lost.done(), /reset/);
    await until(() => sidecar.event("worker_ended") !== undefined, "the end is logged");
    assert.deepEqual(
      [sidecar.event("worker_ended")?.worker, sidecar.event("worker_ended")?.how],
      [1, "signal SIGKILL"],
    );
    for (const stream of held) if (stream.reset === undefined) stream.answer(answer);
    assert.equal(statusOf(await kept.done()), "0");
    await shows(sidecar, "contender_worker_restarts_total", 1);
    await shows(sidecar, "contender_workers", 2);
    assert.deepEqual(counted(await sidecar.metrics()), [3, 3, 3]);
    assert.deepEqual(counted(await sidecar.metrics("?by=worker"), { worker: "ended" }), [1, 1, 1]);
    await connected(sidecar, 1);
    assert.deepEqual(await spread(sidecar), [1, 1]);
    assert.equal(await sidecar.ready(), 200);
    assert.ok(second.goaways.length === 0 && !second.gone);
  });

  it("take connections that come while both are away, once they are back", async () => {
    const { sidecar } = await started();
    for (const pid of await sidecar.workerPids()) process.kill(pid, "SIGKILL");
    for (const client of await connected(sidecar, 4)) await call(client);
    await shows(sidecar, "contender_workers", 2);
    assert.deepEqual(counted(await sidecar.metrics()), [4, 4, 4]);
  });

  it("do not hang a scrape or take counters back where one says nothing", async () => {
    const { sidecar } = await started();
    for (const client of await connected(sidecar, 2)) await call(client, 5);
    assert.deepEqual(counted(await sidecar.metrics()), [10, 10, 10]);
    const [pid] = (await sidecar.workerPids()) as [number];
    process.kill(pid, "SIGSTOP");
    const metrics = await sidecar.metrics();
    process.kill(pid, "SIGCONT");
    assert.deepEqual(counted(metrics), [10, 10, 10]);
    assert.equal(valueAt(metrics, "contender_connections_active", { side: "downstream" }), 1);
  });

  it("serve callers that come over a unix socket", async () => {
    const folder = own.add(new TempFolder());
    const { sidecar } = await started({
      CONTENDER_LISTEN: `unix:${folder.at("contender.sock")}`,
      CONTENDER_ACCESS_LOG: "1",
    });
    for (const client of await connected(sidecar, 2)) await call(client, 3);
    assert.deepEqual(await spread(sidecar), [1, 1]);
    assert.deepEqual(counted(await sidecar.metrics()), [6, 6, 6]);
    const lines = (): LogLine[] => sidecar.lines.filter(({ event }) => event === "call");
    await until(() => lines().length === 6, "all calls are logged");
    assert.ok(lines().every(({ peer }) => peer === undefined));
  });

  it("take no more connections together than one would", async () => {
    const { sidecar } = await started({ CONTENDER_LIMIT_MAX_CONNECTIONS_ACCEPTED: "3" });
    const [first] = await connected(sidecar, 3);
    await assert.rejects(ClientPeer.connect(sidecar.address), /no connection/);
    assert.deepEqual((await spread(sidecar)).toSorted(), [1, 2]);
    first?.socket.destroy();
    await open(sidecar, 2);
    await connected(sidecar, 1);
  });

  it("write whole lines and records, whoever they are of", async () => {
    const folder = own.add(new TempFolder());
    const log = folder.at("predictions.ndjson");
    const { sidecar } = await started({
      CONTENDER_ACCESS_LOG: "1",
      CONTENDER_PREDICTION_LOG: log,
      CONTENDER_PREDICTION_LOG_SAMPLE: "1",
    });
    const fields = [["x-request-id", "i".repeat(200)]] as const;
    for (const client of await connected(sidecar, 2)) {
      for (let i = 0; i < 4; i++) {
        await Promise.all(Array.from({ length: 100 }, () => client.unary(tfPredict, request, fields)));
      }
    }
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
    const lines = sidecar.lines.filter(({ event }) => event === "call");
    assert.deepEqual([lines.filter(({ worker }) => worker === 1).length, lines.length], [400, 800]);
    assert.equal(recordsOf(readFileSync(log, "utf8")).length, 800);
  });
});
