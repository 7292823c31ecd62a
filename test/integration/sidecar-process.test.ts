import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { abandoned } from "../support/abandoned-socket.ts";
import { samplesOf, valueAt } from "../support/exposition.ts";
import { ClientPeer, freeAddress, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { TempFolder } from "../support/temp-folder.ts";

const own = new Owned();
const request = framed(tfRequest());
const megabyte = 1_048_576;

/** The status of an admin endpoint; 0 where nobody listens any more. */
async function readiness(sidecar: SidecarProcess): Promise<number> {
  return await sidecar.ready().catch(() => 0);
}

describe("contender sidecar, as a process", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("serves a champion, a challenger and a shadow by nothing but its environment", async () => {
    const champion = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
    const challenger = own.add(await ServerPeer.answering(framed(tfResponse([0.75]))));
    const shadow = own.add(await ServerPeer.answering(framed(tfResponse([0.5]))));
    const sidecar = own.add(
      await SidecarProcess.start({
        CONTENDER_CHAMPION: champion.address,
        CONTENDER_CHALLENGERS: `v2=${challenger.address}`,
        CONTENDER_WEIGHTS: "champion=90,v2=10",
        CONTENDER_SHADOWS: `v3=${shadow.address}@25%`,
        CONTENDER_KEY: "metadata:x-user-id",
        CONTENDER_SCORE: "scores[1]",
        CONTENDER_ROUTE: "fraud",
      }),
    );
    assert.equal(await sidecar.ready(), 200);
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const calls = Array.from({ length: 400 }, (_, i) => client.call(tfPredict, request, [["x-user-id", `user-${i}`]]));
    for (const call of calls) assert.equal((await call.done()).value("grpc-status"), "0");
    const live = { route: "fraud", traffic: "live", grpc_code: "OK" };
    const metrics = await sidecar.metrics();
    const [first = 0, second = 0] = ["champion", "v2"].map((variant) =>
      valueAt(metrics, "contender_requests_total", { ...live, variant, method: "Predict" }),
    );
    assert.equal(first + second, 400);
    assert.ok(second > 20 && second < 70, `${second} of 400 for the challenger`);
    assert.deepEqual([champion.streams.length, challenger.streams.length], [first, second]);
    const scored = (variant: string) =>
      valueAt(metrics, "contender_score_count", { route: "fraud", variant, traffic: "live", output: "scores" });
    assert.deepEqual([scored("champion"), scored("v2")], [first, second]);
    assert.ok(shadow.streams.length > 50 && shadow.streams.length < 150, `${shadow.streams.length} copies`);
    assert.equal(samplesOf(metrics, "contender_local_replies_total").length, 0);
    assert.equal(sidecar.errors, "");
  });

  for (const workers of ["1", "2"]) {
    it(`has its admin port where one that was killed left the file of it behind, workers ${workers}`, async () => {
      const path = own.add(new TempFolder()).at("admin.sock");
      abandoned(path);
      const given = { CONTENDER_WORKERS: workers, CONTENDER_CHAMPION: await freeAddress() };
      const sidecar = own.add(await SidecarProcess.start({ ...given, CONTENDER_ADMIN: `unix:${path}` }));
      assert.equal(sidecar.event("ready")?.admin, `unix:${path}`);
      const second = SidecarProcess.start({ ...given, CONTENDER_ADMIN: `unix:${path}` });
      await assert.rejects(second, /ADDRESS_IN_USE.*CONTENDER_ADMIN.*is taken by another process/);
    });
  }

  it("is not ready before its champion is there, where it is told to wait", async () => {
    const address = await freeAddress();
    const sidecar = own.add(
      await SidecarProcess.start({ CONTENDER_CHAMPION: address, CONTENDER_WAIT_FOR_CHAMPION: "true" }),
    );
    assert.equal(await sidecar.ready(), 503);
    own.add(await ServerPeer.start(undefined, { port: Number(address.split(":")[1]) }));
    const statuses: number[] = [];
    for (let i = 0; i < 1_000 && statuses.at(-1) !== 200; i++) {
      await setTimeout(10);
      statuses.push(await sidecar.ready());
    }
    assert.equal(statuses.at(-1), 200);
    assert.ok(statuses.slice(0, -1).every((status) => status === 503));
  });

  it("ends by itself when the grace period is over, cutting what is left, with exit code 1", async () => {
    const server = own.add(await ServerPeer.start());
    const sidecar = own.add(
      await SidecarProcess.start({
        CONTENDER_CHAMPION: server.address,
        CONTENDER_DRAIN_DELAY: "10ms",
        CONTENDER_GRACE_PERIOD: "300ms",
      }),
    );
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const call = client.call(tfPredict, request);
    await server.stream();
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 1, signal: null });
    await assert.rejects(call.done(), /reset/);
    assert.equal(sidecar.event("stopped")?.clean, false);
  });

  it("drains when the admin port is asked to", async () => {
    const server = own.add(await ServerPeer.start());
    const sidecar = own.add(
      await SidecarProcess.start({ CONTENDER_CHAMPION: server.address, CONTENDER_DRAIN_DELAY: "50ms" }),
    );
    assert.equal((await fetch(`${sidecar.admin}/drain`, { method: "POST" })).status, 202);
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
    assert.equal(await readiness(sidecar), 0);
  });

  it("ends with INTERNAL, 70 and the stack by a bug in a callback, which looks like no other end", async () => {
    const bug = fileURLToPath(new URL("../support/bug-on-signal.mjs", import.meta.url));
    const sidecar = own.add(await SidecarProcess.start({ NODE_OPTIONS: `--import=${bug}` }));
    sidecar.signal("SIGUSR2");
    assert.deepEqual(await sidecar.ended(), { code: 70, signal: null });
    assert.match(sidecar.errors, /^contender: \[INTERNAL\] nobody foresaw this\nTypeError: nobody foresaw this\n +at /);
    assert.equal(sidecar.event("stopped"), undefined);
  });

  it("passes messages of 64 MiB both ways in a fraction of their size", async function () {
    this.timeout(60_000);
    const server = own.add(
      await ServerPeer.start((stream) => void stream.done().then(() => stream.answer(stream.body))),
    );
    const sidecar = own.add(await SidecarProcess.start({ CONTENDER_CHAMPION: server.address }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const memory = async (): Promise<number> =>
      valueAt(await sidecar.metrics(), "process_resident_memory_bytes") ?? Number.NaN;
    // What a first large message leaves behind (compiled code, a grown heap) is not held for the next one.
    await client.unary(tfPredict, framed(Buffer.alloc(16 * megabyte)));
    const before = await memory();
    const message = framed(Buffer.alloc(64 * megabyte, "sixty-four"));
    const call = client.call(tfPredict, message);
    let most = 0;
    for (let i = 0; i < 3_000 && call.answer?.ended !== true && call.reset === undefined; i++) {
      most = Math.max(most, await memory());
      await setTimeout(20);
    }
    assert.ok((await call.done()).body.equals(message));
    assert.ok(most - before < 40 * megabyte, `grew by ${Math.round((most - before) / megabyte)} MiB`);
  });
});
