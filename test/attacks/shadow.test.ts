/** A shadow may break every rule: the calls that it gets copies of have the same answers, in the same time. */
import assert from "node:assert/strict";
import type { ConnectionFault } from "../../src/base/connection-ends.ts";
import { frameType } from "../../src/http2/constants.ts";
import {
  continuation,
  data,
  type Frame,
  flag,
  goaway,
  headers,
  ping,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/h2-frames.ts";
import { hex, inserted } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfResponse } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { turns, until } from "../support/until.ts";
import { type Wire, WireServer } from "../support/wire.ts";

const own = new Owned();
const answer = framed(tfResponse([0.25]));
const repeated = (count: number, each: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(each));

interface Kind {
  readonly what: string;
  readonly greeting?: Buffer;
  readonly act: (wire: Wire, id: number) => Buffer;
  /** What its connections are ended for. */
  readonly fault?: ConnectionFault;
}

const kinds: readonly Kind[] = [
  { what: "floods us with PING", act: () => repeated(11_000, ping()), fault: "ping_flood" },
  { what: "floods us with SETTINGS", act: () => repeated(11_000, settings()), fault: "settings_flood" },
  {
    what: "floods us with WINDOW_UPDATE",
    act: (_, id) => repeated(11_000, windowUpdate(id, 1)),
    fault: "window_update_flood",
  },
  {
    what: "floods us with empty DATA",
    act: (w, id) => Buffer.concat([w.head(id), repeated(11_000, data(id, 0))]),
    fault: "empty_frame_flood",
  },
  {
    what: "floods us with interim answers",
    act: (w, id) => repeated(1_200, headers(id, w.block([[":status", "103"]]))),
    fault: "interim_flood",
  },
  {
    what: "never ends its heads",
    act: (_, id) =>
      Buffer.concat([
        headers(id, Buffer.alloc(9), { last: false }),
        repeated(9, continuation(id, Buffer.alloc(0), false)),
      ]),
    fault: "header_flood",
  },
  { what: "lets its window overflow", act: () => windowUpdate(0, 0x7fff_ffff), fault: "flow_control" },
  { what: "says GOAWAY to every call", act: () => goaway(0) },
  { what: "resets every call", act: (_, id) => rstStream(id, 2) },
  {
    what: "answers with a bomb of headers",
    act: (_, id) =>
      headers(id, Buffer.concat([hex("88"), inserted("x-large", "v".repeat(3_900)), Buffer.alloc(10_000, 0xbe)])),
  },
  {
    what: "answers in bytes, without an end",
    act: (w, id) => Buffer.concat([w.head(id), repeated(5_000, data(id, 1))]),
  },
  { what: "sends data before a head", act: (_, id) => data(id, answer) },
  {
    what: "takes no data and gives no answer",
    greeting: settings({ INITIAL_WINDOW_SIZE: 0 }),
    act: () => Buffer.alloc(0),
  },
  { what: "allows no streams", greeting: settings({ MAX_CONCURRENT_STREAMS: 0 }), act: () => Buffer.alloc(0) },
];

describe("a shadow that", () => {
  afterEach(() => own.close());

  for (const { what, greeting = settings(), act, fault } of kinds) {
    it(`${what} costs the calls it gets copies of nothing`, async () => {
      const server = own.add(
        await WireServer.start((wire) => {
          wire.send(greeting);
          wire.onFrame = ({ type, flags, id }: Frame) => {
            if (type === frameType.SETTINGS && (flags & flag.ACK) === 0) wire.send(settingsAck());
            if (type === frameType.HEADERS) wire.send(act(wire, id));
          };
        }),
      );
      const scene = await Scene.open(own, {
        variants: { v43: server.address },
        route: { shadows: { v43: { timeout: "1s" } } },
        limits: { transport: { backoffJitter: 0 } },
      });
      await scene.sidecar.connected();
      const copies = (): number => {
        const dropped = Object.values(scene.sidecar.variant("v43").shadowDropped);
        return scene.sidecar.shadow("v43").requests + dropped.reduce((sum, count) => sum + count, 0);
      };
      const before = await scene.gauge("contender_connection_faults_total", { side: "upstream" });
      assert.equal(before, 0);
      // Its connections come and go while others call: how often is for the clock to say.
      let calls = 0;
      for (let round = 0; round < 5; round++) {
        calls += (await scene.bystander.calls(8)).calls;
        scene.clock.advance(400);
        await turns(10);
      }
      for (let second = 0; second < 3; second++) {
        scene.clock.advance(1_000);
        await turns(10);
      }
      await until(() => copies() === calls, "every copy is counted once, as dropped or as answered");
      assert.equal(scene.sidecar.shadow("v43").byCode.OK, undefined);
      assert.deepEqual(scene.sidecar.live("v41").byCode, { OK: calls });
      assert.deepEqual(scene.sidecar.localReplies, {});
      const faults = await scene.gauge("contender_connection_faults_total", {
        side: "upstream",
        fault: fault ?? "protocol",
      });
      assert.equal(faults > 0, fault !== undefined, `${faults} of ${fault}`);
      await scene.leave();
    });
  }

  it("fails every copy is asked no more: its breaker opens", async () => {
    const server = own.add(
      await WireServer.start((wire) => {
        wire.send(settings(), settingsAck());
        wire.onFrame = ({ type, id }: Frame) => {
          if (type === frameType.HEADERS) wire.send(rstStream(id, 2));
        };
      }),
    );
    const scene = await Scene.open(own, { variants: { v43: server.address }, route: { shadows: { v43: {} } } });
    await scene.sidecar.connected();
    await scene.bystander.calls(60);
    await until(() => (scene.sidecar.variant("v43").shadowDropped.breaker_open ?? 0) > 0, "copies are dropped");
    assert.equal(await scene.gauge("contender_breaker_open", { variant: "v43" }), 1);
    assert.deepEqual(scene.sidecar.live("v41").byCode, { OK: 60 });
    await scene.leave();
  });
});
