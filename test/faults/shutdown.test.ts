/** The sidecar's end, under load. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());

describe("the end of a sidecar", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("fault 42: SIGTERM with 50 bodies in flight: not ready, still accepting, then GOAWAY; all of them finish, exit code 0", async () => {
    const server = own.add(await ServerPeer.start());
    const sidecar = own.add(
      await SidecarProcess.start({ CONTENDER_CHAMPION: server.address, CONTENDER_DRAIN_DELAY: "2s" }),
    );
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const calls = Array.from({ length: 50 }, () => client.open(tfPredict));
    for (const call of calls) call.data(request.subarray(0, 5));
    await until(() => server.streams.length === 50, "50 bodies are in flight");

    sidecar.signal("SIGTERM");
    await until(() => sidecar.event("draining") !== undefined, "the drain has begun");
    assert.equal(await sidecar.ready(), 503);
    const late = own.add(await ClientPeer.connect(sidecar.address));
    const lateCall = late.call(tfPredict, request);
    (await server.stream(50)).answer(framed("late"));
    assert.equal((await lateCall.done()).value("grpc-status"), "0");
    assert.deepEqual(client.goaways, []);

    await until(() => client.goaways.length === 2 && late.gone, "GOAWAY in two steps");
    assert.deepEqual(client.goaways, [0, 0]);
    await assert.rejects(ClientPeer.connect(sidecar.address));
    for (const call of calls) call.data(request.subarray(5), true);
    for (const stream of server.streams.slice(0, 50)) {
      assert.deepEqual((await stream.done()).body, request);
      stream.answer(framed("finished"));
    }
    for (const call of calls) assert.deepEqual((await call.done()).body, framed("finished"));
    assert.deepEqual(await sidecar.ended(), { code: 0, signal: null });
    assert.equal(sidecar.event("stopped")?.clean, true);
  });

  it("fault 42: a second SIGTERM ends it at once", async () => {
    const server = own.add(await ServerPeer.start());
    const sidecar = own.add(
      await SidecarProcess.start({ CONTENDER_CHAMPION: server.address, CONTENDER_DRAIN_DELAY: "20s" }),
    );
    const client = own.add(await ClientPeer.connect(sidecar.address));
    client.call(tfPredict, request);
    await server.stream();
    sidecar.signal("SIGTERM");
    await until(() => sidecar.event("draining") !== undefined, "the drain has begun");
    assert.equal(sidecar.exit, undefined);
    sidecar.signal("SIGTERM");
    assert.deepEqual(await sidecar.ended(), { code: 1, signal: null });
  });
});
