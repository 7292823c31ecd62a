/** How a sidecar of several processes ends: together, in order, or because one of them is gone. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { ClientPeer, connectTo, type PeerCall, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());
const answer = framed(tfResponse([0.25]));

/** Whether a process runs; one that has ended and that nobody has asked about yet does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** A sidecar of two workers with `perWorker` calls in flight in each, which a server holds. */
async function inFlight(perWorker: number, env: Readonly<Record<string, string>> = {}) {
  const held: PeerStream[] = [];
  const server = own.add(await ServerPeer.start((stream) => void stream.done().then(() => held.push(stream))));
  const sidecar = own.add(
    await SidecarProcess.start({
      CONTENDER_WORKERS: "2",
      CONTENDER_CHAMPION: server.address,
      CONTENDER_DRAIN_DELAY: "0s",
      ...env,
    }),
  );
  const clients = [
    own.add(await ClientPeer.connect(sidecar.address)),
    own.add(await ClientPeer.connect(sidecar.address)),
  ];
  const calls: PeerCall[] = [];
  for (let i = 0; i < perWorker; i++) for (const client of clients) calls.push(client.call(tfPredict, request));
  await until(() => held.length === 2 * perWorker, "the calls are in flight");
  return { sidecar, clients, calls, held, workers: await sidecar.workerPids() };
}

describe("a sidecar of several processes", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("drains on SIGTERM: calls in flight in every worker finish, all processes end, exit code 0", async () => {
    const { sidecar, clients, calls, held, workers } = await inFlight(20);
    sidecar.signal("SIGTERM");
    await until(() => clients.every(({ goaways }) => goaways.length === 2), "GOAWAY in two steps on both");
    assert.equal(await sidecar.ready(), 503);
    assert.equal(sidecar.exit, undefined);
    await assert.rejects(ClientPeer.connect(sidecar.address), /no connection/);
    for (const stream of held) stream.answer(answer);
    for (const call of calls) assert.equal((await call.done()).value("grpc-status"), "0");
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
    assert.deepEqual(workers.filter(runs), []);
    assert.equal(sidecar.event("stopped")?.clean, true);
    assert.equal(sidecar.event("worker_ended"), undefined);
    assert.equal(sidecar.errors, "");
  });

  it("goes on accepting for the drain delay, and serves what was handed over last", async () => {
    const { sidecar, calls, held } = await inFlight(1, { CONTENDER_DRAIN_DELAY: "2s" });
    const admin = await fetch(`${sidecar.admin}/drain`, { method: "POST" });
    assert.equal(admin.status, 202);
    assert.equal(await sidecar.ready(), 503);
    const late = own.add(await ClientPeer.connect(sidecar.address));
    const call = late.call(tfPredict, request);
    await until(() => held.length === 3, "the late call is in flight");
    await until(() => late.goaways.length === 2, "the drain has come to the late caller");
    for (const stream of held) stream.answer(answer);
    for (const each of [...calls, call]) assert.equal((await each.done()).value("grpc-status"), "0");
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
  });

  it("does not wait for connections that were handed over and have said nothing, and closes them", async () => {
    const { sidecar } = await inFlight(0);
    const silent = [connectTo(sidecar.address), connectTo(sidecar.address), connectTo(sidecar.address)];
    for (const socket of silent) own.add({ close: () => socket.destroy() });
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    const closed = silent.map((socket) => once(socket.resume(), "close"));
    own.add(await ClientPeer.connect(sidecar.address)); // by now the silent ones are accepted
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
    await Promise.all(closed);
  });

  it("ends at once on a second signal, whatever is in flight, exit code 1", async () => {
    const { sidecar, clients, calls, workers } = await inFlight(2);
    sidecar.signal("SIGINT");
    await until(() => clients.every(({ goaways }) => goaways.length > 0), "the drain has begun in both");
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 1, signal: null });
    for (const call of calls) await assert.rejects(call.done(), /reset/);
    assert.deepEqual(workers.filter(runs), []);
  });

  it("cuts in every worker what the grace period does not suffice for", async () => {
    const { sidecar, calls } = await inFlight(1, { CONTENDER_GRACE_PERIOD: "300ms" });
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 1, signal: null });
    for (const call of calls) await assert.rejects(call.done(), /reset/);
  });

  it("does not begin to end where only its workers get a signal, as from a terminal or a service manager", async () => {
    const { sidecar, calls, held, workers } = await inFlight(1);
    for (const pid of workers) for (const signal of ["SIGINT", "SIGTERM"] as const) process.kill(pid, signal);
    for (const stream of held) stream.answer(answer);
    for (const call of calls) assert.equal((await call.done()).value("grpc-status"), "0");
    own.add(await ClientPeer.connect(sidecar.address));
    assert.deepEqual(await sidecar.workerPids(), workers);
    assert.equal(await sidecar.ready(), 200);
  });

  it("whose primary is killed leaves no worker behind, and cuts no call short", async () => {
    const { sidecar, clients, calls, held, workers } = await inFlight(1);
    sidecar.signal("SIGKILL");
    await until(() => clients.every(({ goaways }) => goaways.length > 0), "both callers are told");
    assert.deepEqual(workers.filter(runs), workers);
    for (const stream of held) stream.answer(answer);
    for (const call of calls) assert.equal((await call.done()).value("grpc-status"), "0");
    await until(() => !workers.some(runs), "the workers have ended");
    for (const worker of [1, 2])
      assert.match(sidecar.errors, new RegExp(`^contender: the primary of worker ${worker} has ended;`, "m"));
  });

  it("says so where it can't start its workers, and where its port is taken, and leaves nothing running", async () => {
    const { sidecar } = await inFlight(0);
    const taken = SidecarProcess.start({ CONTENDER_WORKERS: "2", CONTENDER_LISTEN: sidecar.address });
    await assert.rejects(taken, /ADDRESS_IN_USE.*CONTENDER_LISTEN.*is taken by another process/);
  });
});
