/** What looks like an attack and is none: bursts and busy connections of honest callers cost nobody a connection. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";
import { frameType } from "../../src/http2/constants.ts";
import { answerTo } from "../support/bystander.ts";
import { samplesOf } from "../support/exposition.ts";
import { echo, GrpcClient, GrpcServer, metadataOf } from "../support/grpc-js.ts";
import { data, type Frame, flag, headers, ping, rstStream, windowUpdate } from "../support/h2-frames.ts";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest({ inputs: { text: ["x"] } }));
const path = [":path", tfPredict] as const;
const stalledPin = ["x-contender-pin", "v42"] as const;

/** A scene whose second variant takes calls and never answers; all of them may be open at once. */
async function stalled(options: object = {}) {
  const model = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams: 10_000 }));
  const scene = await Scene.open(own, {
    variants: { v42: model.address },
    route: { weights: { v41: 100, v42: 0 }, pin: true },
    limits: { http2: { maxConcurrentStreams: 2_000 } },
    ...options,
  });
  await scene.sidecar.connected();
  return { scene, model };
}

describe("deadlines of a thousand calls and more, at once, while their model stalls", () => {
  afterEach(() => own.close());

  it("cost no raw caller its connection, three times over: 20 ms each, and it resets them itself", async () => {
    const { scene, model } = await stalled();
    const wire = await scene.attacker();
    const calls = 1_100;
    await scene.attack({}, async () => {
      for (let round = 0; round < 3; round++) {
        const first = round * calls * 2 + 1;
        const ids = Array.from({ length: calls }, (_, n) => first + n * 2);
        for (const id of ids) wire.send(wire.request(id, [path, stalledPin, ["grpc-timeout", "20m"]], true));
        await until(() => model.streams.length === (round + 1) * calls, "the model has them all");
        scene.clock.advance(15);
        wire.send(...ids.map((id) => rstStream(id, 8)));
        await until(() => scene.sidecar.live("v42").requests === (round + 1) * calls, "all are over");
      }
      const last = 3 * calls * 2 + 1;
      wire.send(wire.call(last, request, [path]));
      await wire.over(last);
      assert.ok(wire.body(last).equals(answerTo(request).message), "normal calls go on");
    });
    assert.equal(scene.sidecar.live("v42").byCode.DEADLINE_EXCEEDED, 3 * calls);
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("cost grpc-js its channel not once, three times over", async () => {
    const { scene } = await stalled({ clock: systemClock });
    const client = own.add(new GrpcClient(scene.address));
    const metadata = metadataOf({ "x-contender-pin": "v42" });
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 1_100 }, () =>
        client.unary(tfPredict, tfRequest(), { metadata, timeoutMs: 20 }),
      );
      for (const { status } of await Promise.all(calls)) assert.equal(status.code, 4);
      const { status } = await client.unary(tfPredict, tfRequest());
      assert.equal(status.code, 0, "normal calls go on");
    }
    assert.equal(await scene.gauge("contender_connection_faults_total"), 0);
    assert.equal(await scene.gauge("contender_goaways_total", { side: "downstream" }), 0);
    assert.equal(await scene.gauge("contender_connections_active", { side: "downstream" }), 2);
  });
});

describe("a fan-out of a thousand calls", () => {
  afterEach(() => own.close());

  it("that is cancelled at once, and again, leaves its connection as it was", async () => {
    const { scene } = await stalled();
    const client = own.add(await ClientPeer.connect(scene.address));
    await scene.attack({}, async () => {
      for (let round = 0; round < 2; round++) {
        const calls = Array.from({ length: 1_000 }, () => client.call(tfPredict, request, [stalledPin]));
        for (const call of calls) call.cancel();
        await until(() => scene.sidecar.live("v42").requests === (round + 1) * 1_000, "all are cancelled");
      }
      for (let n = 0; n < 10; n++) {
        assert.ok((await client.unary(tfPredict, request)).body.equals(answerTo(request).message));
      }
    });
    assert.deepEqual([client.goaways, client.gone], [[], false]);
    await scene.leave(client);
  });

  it("of which every one is hedged, the slower of two cancelled, goes on for ever", async () => {
    const scene = await Scene.open(own);
    const client = own.add(await ClientPeer.connect(scene.address));
    await scene.attack({}, async () => {
      for (let round = 0; round < 30; round++) {
        const pairs = Array.from({ length: 100 }, () => [
          client.call(tfPredict, request),
          client.call(tfPredict, request),
        ]);
        for (const [first, second] of pairs) {
          await first?.done();
          second?.cancel();
        }
      }
    });
    assert.deepEqual([client.goaways, client.gone], [[], false]);
    await scene.leave(client);
  });
});

describe("a connection that is busy", () => {
  afterEach(() => own.close());

  /** A model that sends every byte back by itself. */
  const echoing = () =>
    ServerPeer.start((stream) => {
      const { take } = stream;
      stream.headers([
        [":status", "200"],
        ["content-type", "application/grpc"],
      ]);
      stream.take = (buf, start, end) => {
        take.call(stream, buf, start, end);
        for (let at = start; at < end; at++) stream.data(buf.subarray(at, at + 1));
        if (stream.pieces.length > 100) stream.pieces.length = 0;
      };
    });

  it("with messages of a byte both ways, two WINDOW_UPDATEs for each frame and a PING now and then, is no flood", async () => {
    const model = own.add(await echoing());
    const scene = await Scene.open(own, {
      variants: { v42: model.address },
      route: { weights: { v41: 100, v42: 0 }, pin: true },
    });
    await scene.sidecar.connected();
    const wire = await scene.attacker();
    let got = 0;
    wire.onFrame = ({ type, id, payload }: Frame) => {
      if (type !== frameType.DATA || id !== 1) return;
      got += payload.length;
      // As grpc-go does it that measures its bandwidth, and others that acknowledge each frame.
      wire.send(windowUpdate(0, payload.length), windowUpdate(1, payload.length), ...(got % 2 === 0 ? [ping()] : []));
    };
    const bytes = 30_000;
    await scene.attack({}, async () => {
      wire.send(wire.request(1, [path, stalledPin]));
      for (let sent = 0; sent < bytes; sent += 500) {
        wire.send(Buffer.concat(Array<Buffer>(500).fill(data(1, 1))));
        await until(() => got >= sent, "the echo keeps up");
      }
      await until(() => got === bytes, "all came back");
    });
    assert.equal(wire.goaway, undefined);
    wire.send(rstStream(1, 8));
    await scene.leave(wire);
  });

  it("with small calls, two WINDOW_UPDATEs and a PING for each, is no flood", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    let answers = 0;
    wire.onFrame = ({ type, id, flags, payload }: Frame) => {
      if (type === frameType.DATA) wire.send(windowUpdate(0, payload.length), windowUpdate(id, payload.length), ping());
      if (type === frameType.HEADERS && (flags & flag.END_STREAM) !== 0) answers++;
    };
    const calls = 6_000;
    await scene.attack({}, async () => {
      for (let n = 0; n < calls; n += 100) {
        for (let k = n; k < n + 100; k++) wire.send(wire.call(k * 2 + 1, request, [path]));
        await until(() => answers === n + 100, "they are answered");
      }
    });
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("of grpc-js with many streams that chat in small messages is no flood", async () => {
    const model = own.add(await GrpcServer.start());
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: model.address } })));
    const client = own.add(new GrpcClient(sidecar.address));
    const messages = Array.from({ length: 400 }, (_, n) => Buffer.of(n & 255));
    const chats = Array.from({ length: 50 }, () => client.stream(echo.chat, messages));
    for (const { status, messages: back } of await Promise.all(chats)) {
      assert.equal(status.code, 0);
      assert.deepEqual(back, messages);
    }
    const faults = samplesOf(await sidecar.exposed(), "contender_connection_faults_total");
    assert.deepEqual(
      faults.filter(({ value }) => value > 0),
      [],
    );
  });
});

describe("requests that were on their way when a drain began", () => {
  afterEach(() => own.close());

  it("are not a flood, while a thousand more after the last GOAWAY are", async () => {
    const { scene } = await stalled();
    const wire = await scene.attacker();
    wire.send(wire.request(1, [path, stalledPin]));
    await turns(20);
    void scene.sidecar.sidecar.drain(0, 60_000);
    scene.clock.advance(0);
    await until(() => wire.goaway === "NO_ERROR", "it is told");
    wire.send(ping("\0".repeat(8), true));
    await until(() => wire.frames.filter(({ type }) => type === frameType.GOAWAY).length === 2, "it is told the last");
    const late = (from: number, count: number): Buffer =>
      Buffer.concat(
        Array.from({ length: count }, (_, n) => headers((from + n) * 2 + 1, wire.block([path]), { end: true })),
      );
    wire.send(late(1, 500));
    await turns(50);
    assert.equal(wire.ended, false);
    wire.send(late(501, 600));
    await until(() => wire.ended, "the connection is ended");
    assert.equal(wire.goaway, "ENHANCE_YOUR_CALM");
    assert.equal(await scene.gauge("contender_connection_faults_total", { fault: "header_flood" }), 1);
  });
});
