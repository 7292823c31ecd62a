/** Peers that begin and do not end, and peers that make us talk and do not listen. */
import assert from "node:assert/strict";
import type { ConnectionFault } from "../../src/base/connection-ends.ts";
import { preface } from "../../src/http2/constants.ts";
import { answerTo } from "../support/bystander.ts";
import { data, frame, headers, ping, settings, settingsAck, windowUpdate } from "../support/h2-frames.ts";
import { ClientPeer } from "../support/h2-peer.ts";
import { heldMemory } from "../support/held-memory.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { turns, until } from "../support/until.ts";
import { Wire } from "../support/wire.ts";

const own = new Owned();
const path = [":path", tfPredict] as const;

/** Waits until streams hold as much. */
async function arrived(scene: Scene, bytes: number): Promise<void> {
  let held = 0;
  await until(() => {
    void scene.gauge("contender_buffered_bytes", { kind: "streams" }).then((value) => {
      held = value;
    });
    return held >= bytes;
  }, "all of it is here");
}

const greeting = Buffer.concat([preface, settings(), settingsAck()]);

describe("a caller that begins and does not end:", () => {
  afterEach(() => own.close());

  const kinds: readonly (readonly [what: string, said: Buffer, fault: ConnectionFault, goaway: string | undefined])[] =
    [
      ["it says nothing", Buffer.alloc(0), "slow_handshake", undefined],
      ["a byte of the preface", preface.subarray(0, 1), "slow_handshake", "SETTINGS_TIMEOUT"],
      ["half a preface", preface.subarray(0, 12), "slow_handshake", "SETTINGS_TIMEOUT"],
      ["a preface without SETTINGS", preface, "slow_handshake", "SETTINGS_TIMEOUT"],
      ["half its SETTINGS", greeting.subarray(0, preface.length + 5), "slow_handshake", "SETTINGS_TIMEOUT"],
      ["half a frame's head", Buffer.concat([greeting, ping().subarray(0, 5)]), "slow_frame", "ENHANCE_YOUR_CALM"],
      ["half a frame", Buffer.concat([greeting, ping().subarray(0, 12)]), "slow_frame", "ENHANCE_YOUR_CALM"],
      [
        "a header block without an end",
        Buffer.concat([greeting, headers(1, Buffer.alloc(3), { last: false })]),
        "slow_frame",
        "ENHANCE_YOUR_CALM",
      ],
    ];
  for (const [what, said, fault, goaway] of kinds) {
    it(`${what}, for ten seconds and no longer`, async () => {
      const scene = await Scene.open(own);
      const wire = own.add(await Wire.connect(scene.address));
      await scene.attack({ fault }, async () => {
        wire.send(said);
        // Another connection's greeting shows that what was sent before is here.
        (await scene.attacker()).close();
        await turns(10);
        scene.clock.advance(9_990);
        await turns(10);
        assert.equal(wire.ended, false, "there is time for it");
        scene.clock.advance(10);
        await until(() => wire.ended, "the connection is ended");
      });
      assert.equal(wire.goaway, goaway);
      await scene.leave(wire);
    });
  }

  it("a byte every nine seconds buys a frame no time", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    await scene.attack({ fault: "slow_frame" }, async () => {
      const frame = ping();
      for (let at = 0; at < 2; at++) {
        wire.send(frame.subarray(at, at + 1));
        await turns(20);
        scene.clock.advance(at === 0 ? 9_000 : 1_000);
      }
      await until(() => wire.ended, "the connection is ended");
    });
    assert.equal(wire.goaway, "ENHANCE_YOUR_CALM");
    await scene.leave(wire);
  });
});

describe("a caller that does not listen", () => {
  afterEach(() => own.close());

  for (const [what, each] of [
    ["the answers to its PINGs", () => ping()],
    ["the acknowledgements of its SETTINGS", () => settings()],
  ] as const) {
    it(`to ${what} is not read from: what waits for it is bounded, and it gets it when it listens`, async () => {
      // As many as it likes: what counts here is that it does not listen.
      const scene = await Scene.open(own, { limits: { http2: { controlBurst: 100_000_000 } } });
      const wire = await scene.attacker();
      wire.deaf();
      const before = heldMemory();
      const piece = Buffer.concat(Array.from({ length: 20_000 }, each));
      let sent = 0;
      await scene.attack({}, async () => {
        // The kernel takes some megabytes for both of them before anybody notices.
        for (let n = 0; n < 150 && wire.socket.writableLength < 1_000_000; n++) {
          wire.send(piece);
          sent += 20_000;
          await turns(8);
        }
        await until(() => wire.socket.writableLength >= 1_000_000, "it is read from no more", 4_000);
        const unsent = await scene.gauge("contender_buffered_bytes", { kind: "unsent_downstream" });
        // One read may come on top, with answers as long as what asks for them; and somebody else's long answer.
        assert.ok(unsent <= 1_048_576 + 65_536 + 300_000, `${unsent} bytes wait for it`);
        assert.ok(heldMemory() - before < 24_000_000, `${heldMemory() - before} bytes held`);
      });
      const answered = wire.acks;
      wire.socket.resume();
      await until(() => wire.acks - answered >= sent - 1, "all is answered");
      assert.equal(wire.goaway, undefined);
      await scene.leave(wire);
    });
  }

  it("to 100 answers longer than its window holds up its own calls only, and their model", async () => {
    const scene = await Scene.open(own);
    const slow = own.add(await ClientPeer.connect(scene.address));
    const request = framed(tfRequest({ inputs: { text: ["x".repeat(290_000)] } }));
    const calls = Array.from({ length: 100 }, () => {
      const call = slow.open(tfPredict, [], { reading: false });
      call.data(request, true);
      return call;
    });
    await scene.attack({}, async () => {
      await until(
        () => calls.every(({ answer }) => answer !== undefined && answer.bytes >= 262_144),
        "a window of each",
      );
      const held = await scene.buffered();
      assert.ok(held <= 100 * 262_144 + 2_000_000, `${held} bytes for 100 windows`);
      // Another call of its own gets through.
      assert.equal((await slow.unary(tfPredict, framed("x"))).value("grpc-status"), "0");
    });
    for (const { answer } of calls) answer?.read(true);
    for (const call of calls) assert.ok((await call.done()).body.equals(answerTo(request).message));
    await scene.leave(slow);
  });

  it("to more than the process may hold stalls itself: others' long calls get their credit", async () => {
    const scene = await Scene.open(own, { limits: { proxy: { heldBytes: 4_000_000, replayBytes: 0 } } });
    const slow = own.add(await ClientPeer.connect(scene.address));
    const request = framed(tfRequest({ inputs: { text: ["x".repeat(800_000)] } }));
    const held = (): Promise<number> => scene.gauge("contender_buffered_bytes", { kind: "streams" });
    for (let n = 0; n < 60; n++) slow.open(tfPredict, [], { reading: false }).data(request, true);
    for (let tries = 0; (await held()) < 4_000_000; tries++) {
      assert.ok(tries < 500, `only ${await held()} bytes are held for it`);
      await turns(5);
    }
    await scene.attack({}, () => turns(200));
    assert.ok((await held()) > 4_000_000, "it still has all that it may have");
    await scene.leave(slow);
  });

  it("because the connection's own window is used up keeps heads and nothing else", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const request = framed(tfRequest({ inputs: { text: ["x".repeat(10_000)] } }));
    await scene.attack({}, async () => {
      for (let n = 0; n < 50; n++) wire.send(wire.call(n * 2 + 1, request, [path]));
      const heads = () => new Set(wire.frames.filter(({ type }) => type === 1).map(({ id }) => id));
      await until(() => heads().size === 50, "50 heads");
      assert.equal(
        wire.frames.filter(({ type }) => type === 0).reduce((sum, { payload }) => sum + payload.length, 0),
        65_535,
        "what the protocol gives everybody",
      );
      const held = await scene.buffered();
      assert.ok(held < 50 * 12_000, `${held} bytes`);
    });
    wire.send(windowUpdate(0, 10_000_000));
    for (let n = 0; n < 50; n++) {
      await wire.over(n * 2 + 1);
      assert.ok(wire.body(n * 2 + 1).equals(answerTo(request).message));
    }
    await scene.leave(wire);
  });

  it("and lets a window overflow is gone at once, a thousand times without a trace", async () => {
    const scene = await Scene.open(own);
    const fifty = async (): Promise<void> => {
      const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.connect(scene.address)));
      for (const wire of wires) wire.send(greeting, windowUpdate(0, 0x7fff_ffff));
      await until(() => wires.every(({ ended }) => ended), "they are ended");
      for (const wire of wires) wire.close();
    };
    await scene.attack({ fault: "flow_control", times: 100 }, async () => {
      for (let n = 0; n < 2; n++) await fifty();
    });
    const before = heldMemory();
    await scene.attack({ fault: "flow_control", times: 900 }, async () => {
      for (let n = 0; n < 18; n++) await fifty();
    });
    await scene.leave();
    assert.ok(heldMemory() - before < 4_000_000, `${heldMemory() - before} bytes for 900 connections`);
  });
});

describe("data in the smallest of frames", () => {
  afterEach(() => own.close());

  it("for a call that is looked into holds what it has, and no more", async () => {
    const scene = await Scene.open(own, { route: { key: { from: [{ input: "user_id" }] } } });
    const wire = await scene.attacker();
    const streams = 10;
    const bytes = 20_000;
    const before = heldMemory();
    await scene.attack({}, async () => {
      for (let n = 0; n < streams; n++) {
        wire.send(wire.request(n * 2 + 1, [path]), data(n * 2 + 1, Buffer.from([0, 0, 0x0f, 0, 0])));
      }
      const round = Buffer.concat(Array.from({ length: streams }, (_, n) => data(n * 2 + 1, 1)));
      wire.send(Buffer.concat(Array<Buffer>(bytes).fill(round)));
      const all = streams * (bytes + 5);
      await arrived(scene, all);
      const taken = heldMemory() - before;
      assert.ok(taken < 3_000_000, `${taken} bytes for ${all}`);
    });
    await scene.leave(wire);
  });

  it("of 64 bytes in each read of 64 KiB holds those, and not what came with them", async () => {
    const scene = await Scene.open(own, { route: { key: { from: [{ input: "user_id" }] } } });
    const wire = await scene.attacker();
    const pieces = 500;
    // Frames that nobody knows are read over (RFC 9113, 5.5): they fill the reads, and nothing else.
    const others = Buffer.concat(Array<Buffer>(4).fill(frame(0xfe, 0, 1, Buffer.alloc(16_000))));
    const before = heldMemory();
    await scene.attack({}, async () => {
      wire.send(wire.request(1, [path]), data(1, Buffer.from([0, 0, 0x0f, 0, 0])));
      for (let n = 0; n < pieces; n++) {
        wire.send(data(1, 64), others);
        await turns(2);
      }
      const all = pieces * 64 + 5;
      await arrived(scene, all);
      const taken = heldMemory() - before;
      assert.ok(taken < 3_000_000, `${taken} bytes for ${all}`);
    });
    await scene.leave(wire);
  });

  it("of a hundred thousand empty messages is passed on in full", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const messages = Buffer.concat(Array<Buffer>(100_000).fill(framed("")));
    await scene.attack({}, async () => {
      wire.send(windowUpdate(0, 10_000_000), wire.request(1, [path]), windowUpdate(1, 10_000_000));
      for (let at = 0; at < messages.length; at += 10_000) {
        wire.send(data(1, messages.subarray(at, at + 10_000)));
        await turns(4);
      }
      wire.send(data(1, 0, true));
      await wire.over(1);
      assert.ok(wire.body(1).equals(answerTo(messages).message));
    });
    await scene.leave(wire);
  });
});
