/** A sidecar that runs out of something for real: its heap, its memory, its file descriptors, its disk. */
import assert from "node:assert/strict";
import { type ExposedMetric, valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerCall, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const body = framed(tfRequest());
const answer = framed(tfResponse([0.5]));

async function start(address: string, env: Readonly<Record<string, string>>, descriptors?: number) {
  const given = { CONTENDER_CHAMPION: address, CONTENDER_WAIT_FOR_CHAMPION: "true", ...env };
  const sidecar = own.add(await SidecarProcess.start(given, descriptors));
  while ((await sidecar.ready()) !== 200) await turns();
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { sidecar, client };
}

/** Waits until its metrics are so. */
async function untilMetrics(
  sidecar: SidecarProcess,
  condition: (metrics: ReadonlyMap<string, ExposedMetric>) => boolean,
  what: string,
  withinMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (let metrics = await sidecar.metrics(); !condition(metrics); metrics = await sidecar.metrics()) {
    assert.equal(sidecar.exit, undefined, sidecar.errors);
    const text = JSON.stringify([...metrics].filter(([name]) => name.includes("overload")).map(([, each]) => each));
    assert.ok(performance.now() < endMs, `waited in vain until ${what}: ${text}`);
    await turns();
  }
}

const level = (metrics: ReadonlyMap<string, ExposedMetric>) => valueAt(metrics, "contender_overload_level", {}) ?? -1;
const shed = (metrics: ReadonlyMap<string, ExposedMetric>, resource: string) =>
  valueAt(metrics, "contender_overload_shed_total", { resource }) ?? 0;

/** Waits until its log says that it is over, asking it nothing: what makes no garbage gives V8 no reason to collect any. */
async function recovered(sidecar: SidecarProcess): Promise<void> {
  const last = () => sidecar.lines.filter(({ event }) => event === "overload").at(-1);
  await until(() => last()?.step === "none" || sidecar.exit !== undefined, "it has recovered", 20_000);
  assert.equal(sidecar.exit, undefined, sidecar.errors);
  assert.equal(level(await sidecar.metrics()), 0);
}

/** Makes calls until one is refused with RESOURCE_EXHAUSTED, and gives those that were taken. */
async function fill(sidecar: SidecarProcess, most: number, open: (i: number) => PeerCall): Promise<PeerCall[]> {
  const calls: PeerCall[] = [];
  const refused = () => calls.some((call) => call.answer?.value("grpc-status") === "8");
  while (!refused()) {
    assert.equal(sidecar.exit, undefined, sidecar.errors);
    assert.ok(calls.length < most, `none of ${calls.length} calls was refused`);
    for (let i = 0; i < 20; i++) calls.push(open(calls.length));
    await turns(2);
    // A fence: what was sent before has been seen.
    await fetch(`${sidecar.admin}/healthz`);
  }
  return calls.filter((call) => call.answer?.ended !== true);
}

describe("a sidecar whose heap fills", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("refuses calls before it is full, stays in service, and recovers when calls end", async () => {
    const server = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams: 100_000 }));
    const { sidecar, client } = await start(server.address, {
      NODE_OPTIONS: "--max-old-space-size=64",
      // On a busy machine time would run out first.
      CONTENDER_OVERLOAD_SHADOW_LAG: "1m",
      CONTENDER_OVERLOAD_SHED_LAG: "1m",
      CONTENDER_LIMIT_MAX_CONCURRENT_STREAMS: "100000",
      CONTENDER_LIMIT_HEADER_BYTES: "1000000000",
    });
    const held = await fill(sidecar, 5_000, (i) =>
      client.call(tfPredict, body, [["x-long", `${i}`.padEnd(30_000, "l")]]),
    );
    assert.ok(held.length > 100, `${held.length} calls`);
    const full = await sidecar.metrics();
    assert.ok(shed(full, "heap") > 0);
    assert.equal(await sidecar.ready(), 200);
    for (const call of held) call.cancel();
    await recovered(sidecar);
    const late = client.call(tfPredict, body);
    await until(() => server.streams.at(-1)?.ended === true, "a call goes through");
    late.cancel();
    assert.equal(sidecar.exit, undefined, sidecar.errors);
  });
});

describe("a sidecar whose memory fills with what callers do not read", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("refuses calls before it is full, stays in service, and recovers when they go", async () => {
    const large = Buffer.alloc(250_000, "large");
    const server = own.add(await ServerPeer.answering(framed(large)));
    const { sidecar, client } = await start(server.address, {
      NODE_OPTIONS: "--max-old-space-size=64",
      // On a busy machine time would run out first.
      CONTENDER_OVERLOAD_SHADOW_LAG: "1m",
      CONTENDER_OVERLOAD_SHED_LAG: "1m",
      CONTENDER_OVERLOAD_MEMORY_BYTES: "250000000",
      CONTENDER_LIMIT_CONNECTION_UNREAD_BYTES: "10000000000",
      CONTENDER_LIMIT_HELD_BYTES: "10000000000",
    });
    const slow = own.add(await ClientPeer.connect(sidecar.address));
    await slow.unary(tfPredict, body);
    slow.socket.pause();
    const held: PeerCall[] = [];
    // Who reads nothing can't be told either: another connection is.
    const refused: PeerCall[] = [];
    await fill(sidecar, 4_000, () => {
      held.push(slow.call(tfPredict, body));
      refused.push(client.call(tfPredict, body));
      return refused.at(-1) as PeerCall;
    });
    assert.ok(held.length > 100, `${held.length} calls`);
    assert.ok(shed(await sidecar.metrics(), "memory") > 0);
    assert.equal(await sidecar.ready(), 200);
    slow.close();
    await recovered(sidecar);
    assert.equal((await client.unary(tfPredict, body)).value("grpc-status"), "0");
  });
});

describe("a sidecar that has few file descriptors", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("refuses connections, counts them, answers those it has, and takes new ones when some have gone", async () => {
    const server = own.add(await ServerPeer.answering(answer));
    const { sidecar, client } = await start(server.address, {}, 80);
    assert.deepEqual(sidecar.event("connections_limited")?.limit, 40);
    const others = await Promise.allSettled(Array.from({ length: 120 }, () => ClientPeer.connect(sidecar.address)));
    const taken = others.flatMap((other) => (other.status === "fulfilled" ? [own.add(other.value)] : []));
    assert.equal(taken.length, 39);
    for (const each of [client, ...taken]) assert.equal((await each.unary(tfPredict, body)).bytes, answer.length);
    assert.equal(valueAt(await sidecar.metrics(), "contender_connections_refused_total", {}), 81);
    for (const each of taken) each.close();
    let again: ClientPeer | undefined;
    while (again === undefined) again = await ClientPeer.connect(sidecar.address).catch(() => undefined);
    assert.equal((await own.add(again).unary(tfPredict, body)).bytes, answer.length);
  });

  it("says what that means for all of its workers, and one that is left takes no more than it can", async () => {
    const server = own.add(await ServerPeer.answering(answer));
    const { sidecar } = await start(server.address, { CONTENDER_WORKERS: "2" }, 80);
    const { limit, descriptors } = sidecar.event("connections_limited") ?? {};
    assert.deepEqual([limit, descriptors], [80, 80]);
    const [pid = 0] = await sidecar.workerPids();
    process.kill(pid, "SIGKILL");
    await until(() => sidecar.event("worker_ended") !== undefined, "one has ended");
    const dialled = await Promise.allSettled(Array.from({ length: 120 }, () => ClientPeer.connect(sidecar.address)));
    const taken = dialled.flatMap((each) => (each.status === "fulfilled" ? [own.add(each.value)] : []));
    for (const each of taken) assert.equal((await each.unary(tfPredict, body)).bytes, answer.length);
    assert.ok(taken.length >= 39 && taken.length <= 80, `${taken.length} connections`);
    assert.equal(sidecar.event("connections_lost"), undefined);
    assert.equal(sidecar.lines.filter(({ event }) => event === "worker_ended").length, 1);
  });
});

describe("a sidecar whose prediction log has no space", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("answers every call, counts the records that are lost, says so, and ends in order", async () => {
    const server = own.add(await ServerPeer.answering(answer));
    const { sidecar, client } = await start(server.address, {
      CONTENDER_PREDICTION_LOG: "/dev/full",
      CONTENDER_PREDICTION_LOG_SAMPLE: "1",
      CONTENDER_DRAIN_DELAY: "0s",
    });
    for (let i = 0; i < 50; i++) assert.equal((await client.unary(tfPredict, body)).bytes, answer.length);
    const dropped = (metrics: ReadonlyMap<string, ExposedMetric>) =>
      valueAt(metrics, "contender_prediction_log_dropped_total", { reason: "no_space" }) ?? 0;
    await untilMetrics(sidecar, (metrics) => dropped(metrics) > 0, "records are dropped");
    assert.equal(sidecar.event("prediction_log_failing")?.reason, "no_space");
    client.close();
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
  });
});
