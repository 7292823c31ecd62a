/** Messages that lie about their length, and ones that grow when they are unpacked: passed on, refused, never believed. */
import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import { answerTo } from "../support/bystander.ts";
import { data, rstStream, windowUpdate } from "../support/h2-frames.ts";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { heldMemory } from "../support/held-memory.ts";
import type { Pair } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipInfer, oipRequest, oipStream, tfPredict } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const path: Pair = [":path", tfPredict];

const prefix = (flag: number, length: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
};

const lies: readonly (readonly [what: string, body: Buffer])[] = [
  ["says it has 4 GiB, and has a byte", Buffer.concat([prefix(0, 0xffff_ffff), Buffer.alloc(1)])],
  ["says it has 100 bytes, and ends after 50", Buffer.concat([prefix(0, 100), Buffer.alloc(50)])],
  ["says it has none, and goes on", Buffer.concat([prefix(0, 0), Buffer.alloc(50, 0xff)])],
  ["has the flag 7", Buffer.concat([prefix(7, 10), Buffer.alloc(10)])],
  ["ends within its prefix", prefix(0, 5).subarray(0, 3)],
  ["is not there", Buffer.alloc(0)],
  ["is compressed by nobody knows what", Buffer.concat([prefix(1, 10), Buffer.alloc(10)])],
  ["has a length in it that is longer than itself", framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]))],
  ["has a length in it without an end", framed(Buffer.from([0x0a, ...Array<number>(20).fill(0xff)]))],
];

describe("a request's message that", () => {
  afterEach(() => own.close());

  for (const [what, body] of lies) {
    it(`${what} is the model's to judge, and costs nobody anything`, async () => {
      // Where the key is looked for in the message, and where it is not.
      for (const key of [{ from: [{ input: "user_id" }] }, { from: [{ metadata: "x-user-id" }] }]) {
        const scene = await Scene.open(own, { route: { key } });
        const wire = await scene.attacker();
        await scene.attack({}, async () => {
          wire.send(wire.request(1, [path]), data(1, body, true));
          await wire.over(1);
        });
        assert.ok(wire.body(1).equals(answerTo(body).message), "it arrived as it was sent");
        assert.equal(wire.goaway, undefined);
        await scene.leave(wire);
      }
    });
  }
});

describe("a bomb for whoever unpacks it", () => {
  afterEach(() => own.close());

  const packers = [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["garbage", () => Buffer.alloc(15_000, 0xa5)],
  ] as const;

  for (const [encoding, pack] of packers) {
    it(`of ${encoding} in a message whose model is to be set goes to the champion, unpacked no further than allowed`, async () => {
      const other = own.add(await ServerPeer.start(() => undefined));
      const scene = await Scene.open(own, {
        variants: { v42: { address: other.address, model: { name: "fraud-v42" } } },
        route: { weights: { v41: 100, v42: 0 }, pin: true },
        limits: { proxy: { overrideBytes: 1_000_000 } },
      });
      const wire = await scene.attacker();
      const bomb = framed(pack(Buffer.alloc(15_000_000)), 1);
      assert.ok(bomb.length < 16_384);
      const fields: Pair[] = [
        [":path", oipInfer],
        ["grpc-encoding", encoding],
        ["x-contender-pin", "v42"],
      ];
      const before = heldMemory();
      const calls = 20;
      await scene.attack({}, async () => {
        wire.send(windowUpdate(0, 10_000_000));
        for (let n = 0; n < calls; n++) wire.send(wire.call(n * 2 + 1, bomb, fields));
        await until(() => scene.sidecar.live("v42").requests === calls, "all are over");
        for (let n = 0; n < calls; n++) await wire.over(n * 2 + 1);
      });
      for (let n = 0; n < calls; n++) assert.ok(wire.body(n * 2 + 1).equals(answerTo(bomb).message), `call ${n}`);
      assert.equal(await scene.gauge("contender_hook_failures_total", { hook: "override" }), calls);
      assert.ok(heldMemory() - before < 8_000_000, `${heldMemory() - before} bytes held`);
      await scene.leave(wire);
    });
  }

  it("and any other message that is cut off while its model is to be set leaves nothing held", async () => {
    const other = own.add(await ServerPeer.start(() => undefined));
    const scene = await Scene.open(own, {
      variants: { v42: { address: other.address, model: { name: "fraud-v42" } } },
      route: { weights: { v41: 100, v42: 0 }, pin: true },
    });
    await scene.sidecar.connected();
    const wire = await scene.attacker();
    const message = framed(oipRequest({ bytes: 1_000 }));
    await scene.attack({}, async () => {
      for (let n = 0; n < 20; n++) {
        wire.send(
          wire.request(n * 2 + 1, [
            [":path", oipStream],
            ["x-contender-pin", "v42"],
          ]),
        );
        wire.send(data(n * 2 + 1, message), data(n * 2 + 1, message.subarray(0, 500)));
      }
      await until(() => other.streams.length === 20, "all are under way");
      assert.ok((await scene.gauge("contender_buffered_bytes", { kind: "streams" })) >= 20 * 500);
      for (let n = 0; n < 20; n++) wire.send(rstStream(n * 2 + 1, 8));
    });
    await scene.leave(wire);
  });

  it("in an answer whose score is wanted is passed on, and gives no score", async () => {
    const bomb = framed(gzipSync(Buffer.alloc(50_000_000)), 1);
    const model = own.add(await ServerPeer.start((stream) => stream.answer(bomb)));
    const scene = await Scene.open(own, {
      variants: { v42: model.address },
      route: { weights: { v41: 100, v42: 0 }, pin: true, score: { output: "scores" } },
    });
    await scene.sidecar.connected();
    const client = own.add(await ClientPeer.connect(scene.address));
    await scene.attack({}, async () => {
      const answer = await client.unary(tfPredict, framed("x"), [["x-contender-pin", "v42"]]);
      assert.ok(answer.body.equals(bomb));
    });
    assert.deepEqual(scene.sidecar.live("v42").scoreInvalid, { compressed: 1 });
    await scene.leave(client);
  });

  it("in a copied request reaches the shadow packed, and gives it nothing to hold", async () => {
    const shadow = own.add(await ServerPeer.answering(framed("")));
    const scene = await Scene.open(own, { variants: { v43: shadow.address }, route: { shadows: { v43: {} } } });
    await scene.sidecar.connected();
    const client = own.add(await ClientPeer.connect(scene.address));
    const bomb = framed(gzipSync(Buffer.alloc(20_000_000)), 1);
    await scene.attack({}, async () => {
      const answer = await client.unary(tfPredict, bomb, [["grpc-encoding", "gzip"]]);
      assert.ok(answer.body.equals(answerTo(bomb).message));
      await until(
        () => shadow.streams.some(({ body, ended }) => ended && body.equals(bomb)),
        "the shadow has it as it came",
      );
    });
    await scene.leave(client);
  });
});
