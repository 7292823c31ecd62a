/** Frames without a message, without end: what a connection bears, one more than that, and all of it with nobody reading. */
import assert from "node:assert/strict";
import { frameType } from "../../src/http2/constants.ts";
import { answerTo } from "../support/bystander.ts";
import { floodFrames } from "../support/flood-frames.ts";
import { data, frame, ping, rstStream, settings } from "../support/h2-frames.ts";
import { heldMemory } from "../support/held-memory.ts";
import { hex } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { turns, until } from "../support/until.ts";
import type { Wire } from "../support/wire.ts";

const own = new Owned();
const body = framed(tfRequest({ inputs: { text: ["attacker"] } }));
const path = [":path", tfPredict] as const;

/** Frames that an account holds, as shipped. What the greeting drew, the first streams have paid back. */
const burst = 10_000;

function repeated(count: number, each: Buffer): Buffer {
  const all = Buffer.alloc(count * each.length);
  for (let i = 0; i < count; i++) each.copy(all, i * each.length);
  return all;
}

async function answered(wire: Wire, id: number): Promise<void> {
  await wire.over(id);
  assert.ok(wire.body(id).equals(answerTo(body).message), "the flooder's own call is answered");
}

describe("a caller that floods its connection with", () => {
  afterEach(() => own.close());

  for (const [what, each, fault] of floodFrames) {
    it(`${what}: its account's worth is borne, one more ends it and nobody else`, async () => {
      const scene = await Scene.open(own);
      const begin = (wire: Wire): Buffer =>
        Buffer.concat([wire.request(1, [path]), wire.request(3, [path]), rstStream(3, 8)]);
      const within = await scene.attacker();
      const beyond = await scene.attacker();
      await scene.attack({ fault }, async () => {
        within.send(begin(within), repeated(burst, each), data(1, body, true));
        await answered(within, 1);
        beyond.send(begin(beyond), repeated(burst + 1, each));
        await until(() => beyond.ended, "the flooder's connection is ended");
      });
      assert.equal(beyond.goaway, "ENHANCE_YOUR_CALM");
      assert.equal(within.goaway, undefined);
      await scene.leave(within, beyond);
    });
  }

  it("settings by the frame: 32 are borne, 33 end it", async () => {
    const scene = await Scene.open(own);
    const entries = (count: number): Buffer => frame(frameType.SETTINGS, 0, 0, repeated(count, hex("0009 00000001")));
    const within = await scene.attacker();
    const beyond = await scene.attacker();
    await scene.attack({ fault: "settings_flood" }, async () => {
      within.send(entries(32), within.call(1, body, [path]));
      await answered(within, 1);
      beyond.send(entries(33));
      await until(() => beyond.ended, "the flooder's connection is ended");
    });
    assert.equal(beyond.goaway, "ENHANCE_YOUR_CALM");
    await scene.leave(within, beyond);
  });

  for (const [what, each, fault] of [
    ["PINGs", ping(), "ping_flood"],
    ["SETTINGS", settings(), "settings_flood"],
  ] as const) {
    it(`a hundred thousand ${what}, and reads nothing: it is ended, and gone once it had its time to take that`, async () => {
      const scene = await Scene.open(own);
      const wire = await scene.attacker();
      wire.deaf();
      const before = heldMemory();
      await scene.attack({ fault }, async () => {
        wire.send(repeated(100_000, each));
        await until(() => wire.socket.writableLength === 0, "what it sends is dropped");
        assert.ok(heldMemory() - before < 8_000_000, `${heldMemory() - before} bytes held`);
      });
      for (let second = 0; second < 12; second++) {
        scene.clock.advance(1_000);
        await turns(5);
      }
      assert.equal(await scene.gauge("contender_connections_active", { side: "downstream" }), 1);
      await scene.leave(wire);
    });
  }
});
