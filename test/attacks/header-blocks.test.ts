/** Header blocks that never end, that are larger than what they say is worth, or that make small bytes into large lists. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ConnectionFault } from "../../src/base/connection-ends.ts";
import { frameType, preface } from "../../src/http2/constants.ts";
import { continuation, frame, headers, ping, settings } from "../support/h2-frames.ts";
import { heldMemory } from "../support/held-memory.ts";
import { hex, inserted, literal, type Pair } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { tfPredict } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { turns, until } from "../support/until.ts";
import { Wire } from "../support/wire.ts";

const own = new Owned();
const path: Pair = [":path", tfPredict];
/** A call that is refused by its head, and so answered without a model. */
const refused: readonly Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  path,
  ["content-type", "application/grpc"],
  ["grpc-timeout", "-"],
];

/** An entry that nearly fills the table, so that a byte says as much as it. */
const largeName = "x-large";
const largeValue = "v".repeat(3_900);

describe("a header block that", () => {
  afterEach(() => own.close());

  const attacks: readonly {
    readonly what: string;
    readonly fault: ConnectionFault;
    readonly code: string;
    /** What is borne, ending with a whole request on stream 1; undefined where nothing like it is. */
    readonly within?: (wire: Wire) => Buffer;
    readonly beyond: (wire: Wire) => Buffer;
  }[] = [
    {
      what: "comes in nine empty pieces",
      fault: "header_flood",
      code: "ENHANCE_YOUR_CALM",
      within: (wire) => {
        const block = wire.block(refused);
        const empty = Array.from({ length: 7 }, () => continuation(1, Buffer.alloc(0), false));
        return Buffer.concat([
          headers(1, Buffer.alloc(0), { last: false, end: true }),
          ...empty,
          continuation(1, block),
        ]);
      },
      beyond: () =>
        Buffer.concat([
          headers(1, Buffer.alloc(0), { last: false }),
          ...Array.from({ length: 9 }, () => continuation(1, Buffer.alloc(0), false)),
        ]),
    },
    {
      what: "goes on beyond 64 KiB",
      fault: "header_flood",
      code: "ENHANCE_YOUR_CALM",
      within: (wire) => {
        const block = wire.block(refused);
        const pad = literal("x-pad", Buffer.alloc(65_536 - block.length - 11, 0x61));
        const whole = Buffer.concat([block, pad]);
        assert.equal(whole.length, 65_536);
        const pieces = [0, 1, 2, 3].map((n) => whole.subarray(n * 16_384, (n + 1) * 16_384));
        return Buffer.concat([
          headers(1, pieces[0] as Buffer, { last: false, end: true }),
          ...pieces.slice(1).map((piece, n) => continuation(1, piece, n === 2)),
        ]);
      },
      beyond: () =>
        Buffer.concat([
          headers(1, Buffer.alloc(16_384), { last: false }),
          ...Array.from({ length: 4 }, () => continuation(1, Buffer.alloc(12_289), false)),
        ]),
    },
    {
      what: "has another frame within",
      fault: "protocol",
      code: "PROTOCOL_ERROR",
      beyond: (wire) => Buffer.concat([headers(1, wire.block([path]), { last: false }), ping()]),
    },
    {
      what: "refers to an entry that is not there",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: () => headers(1, hex("fe")),
    },
    {
      what: "makes the table larger than we allow",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      within: (wire) => headers(1, Buffer.concat([hex("20 3fe11f"), wire.block(refused)]), { end: true }),
      beyond: () => headers(1, hex("3fe21f")),
    },
    {
      what: "changes the table's size in its middle",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: (wire) => headers(1, Buffer.concat([wire.block([path]), hex("20")])),
    },
    {
      what: "has an integer without end",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: () => headers(1, Buffer.concat([hex("ff"), Buffer.alloc(16_000, 0xff)])),
    },
    {
      what: "says of a value that it has 2 GiB",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: () => headers(1, hex("00 01 61 7f 80ffffff07 61")),
    },
    {
      what: "has Huffman code for the end of all text",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: () => headers(1, hex("00 01 61 84 ffffffff")),
    },
    {
      what: "is cut off within a field",
      fault: "compression",
      code: "COMPRESSION_ERROR",
      beyond: () => headers(1, hex("00 05 61")),
    },
    {
      what: "has padding longer than its frame",
      fault: "protocol",
      code: "PROTOCOL_ERROR",
      beyond: () => frame(frameType.HEADERS, 0x0c, 1, Buffer.from([200, 1, 2])),
    },
  ];
  for (const { what, fault, code, within, beyond } of attacks) {
    it(`${what} ends its connection with ${code}, and nobody else's`, async () => {
      const scene = await Scene.open(own);
      const good = await scene.attacker();
      const bad = await scene.attacker();
      const [reason] = what === "goes on beyond 64 KiB" ? (["headers_too_large"] as const) : (["bad_timeout"] as const);
      await scene.attack({ fault, replies: within === undefined ? {} : { [reason]: 1 } }, async () => {
        if (within !== undefined) {
          good.send(within(good));
          assert.deepEqual(await good.over(1), ["HEADERS 1 END_STREAM"]);
        }
        bad.send(beyond(bad));
        await until(() => bad.ended, "the connection is ended");
      });
      assert.deepEqual([bad.goaway, good.goaway], [code, undefined]);
      await scene.leave(good, bad);
    });
  }

  it("is cut off by its connection's end leaves nothing behind, two hundred times", async () => {
    const scene = await Scene.open(own);
    await scene.attack({}, async () => {
      for (let round = 0; round < 20; round++) {
        const wires = await Promise.all(Array.from({ length: 10 }, () => scene.attacker()));
        for (const wire of wires) {
          wire.send(headers(1, Buffer.alloc(16_000), { last: false }), continuation(1, Buffer.alloc(16_000), false));
          if (round % 2 === 0) wire.socket.resetAndDestroy();
          else wire.socket.end();
        }
        for (const wire of wires) if (!wire.socket.destroyed) await once(wire.socket, "close");
      }
    });
    await scene.leave();
  });
});

describe("a header list", () => {
  afterEach(() => own.close());

  it("of 32 KiB is borne and one byte more is refused, its stream alone, also before our SETTINGS are known", async () => {
    const scene = await Scene.open(own);
    const wire = own.add(await Wire.connect(scene.address));
    const size = refused.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const room = 32_768 - size - "x-pad".length - 32;
    const head = (id: number, bytes: number): Buffer => {
      const whole = Buffer.concat([wire.block(refused), literal("x-pad", Buffer.alloc(bytes, 0x61))]);
      const pieces = [whole.subarray(0, 16_000), whole.subarray(16_000, 32_000), whole.subarray(32_000)];
      return Buffer.concat([
        headers(id, pieces[0] as Buffer, { last: false, end: true }),
        continuation(id, pieces[1] as Buffer, false),
        continuation(id, pieces[2] as Buffer),
      ]);
    };
    await scene.attack({ replies: { bad_timeout: 2, headers_too_large: 1 } }, async () => {
      wire.send(
        preface,
        settings(),
        head(1, room),
        head(3, room + 1),
        wire.request(5, [path, ["grpc-timeout", "-"]], true),
      );
      await wire.over(5);
    });
    const codes = [...wire.lists()].map(([id, fields]) => [id, fields.find(([name]) => name === "grpc-status")?.[1]]);
    assert.deepEqual(codes, [
      [1, "13"],
      [3, "8"],
      [5, "13"],
    ]);
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("made of one-byte references to a large entry costs as much as its bytes, not as much as it says", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const large = wire.block([[":method", "POST"], [":scheme", "http"], path, [largeName, largeValue]]);
    // The newest entry is the first of the dynamic table.
    const bomb = Buffer.concat([large, Buffer.alloc(12_000, 0xbe)]);
    const again = Buffer.concat([
      wire.block([[":method", "POST"], [":scheme", "http"], path]),
      Buffer.alloc(16_000, 0xbe),
    ]);
    const calls = 300; // 19 GB by their own account
    const before = heldMemory();
    await scene.attack({ replies: { headers_too_large: calls } }, async () => {
      wire.send(headers(1, bomb, { end: true }));
      for (let n = 1; n < calls; n++) wire.send(headers(n * 2 + 1, again, { end: true }));
      await wire.over(calls * 2 - 1);
      assert.ok(heldMemory() - before < 16_000_000, `${heldMemory() - before} bytes held`);
    });
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("kept small by references is passed on, as large as it says at most", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const first = wire.block([
      [":method", "POST"],
      [":scheme", "http"],
      path,
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      [largeName, largeValue],
    ]);
    await scene.attack({}, async () => {
      // Eight of 3,939 bytes each: within the 32 KiB, and 29 KiB on each stream towards the model.
      wire.send(headers(1, Buffer.concat([first, Buffer.alloc(6, 0xbe)]), { end: true }));
      await wire.over(1);
    });
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("whose table is made and unmade with each block costs its connection alone", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const calls = 2_000;
    await scene.attack({ replies: { bad_timeout: calls } }, async () => {
      for (let n = 0; n < calls; n++) {
        const plain = Buffer.concat(refused.map(([name, value]) => literal(name, value)));
        const insert = inserted(largeName, largeValue);
        wire.send(settings({ HEADER_TABLE_SIZE: n % 2 === 0 ? 0 : 4_096 }));
        wire.send(headers(n * 2 + 1, Buffer.concat([hex("20 3fe11f"), plain, insert]), { end: true }));
      }
      await wire.over(calls * 2 - 1);
    });
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });

  it("of 20 KB on each of a thousand calls that never go on costs what came, and is gone with its connection", async () => {
    const scene = await Scene.open(own, { route: { key: { from: [{ input: "user_id" }] } } });
    const wire = await scene.attacker();
    wire.deaf();
    const fields: readonly Pair[] = [...refused.slice(0, 4)];
    const before = heldMemory();
    await scene.attack({}, async () => {
      for (let n = 0; n < 1_000; n++) {
        const whole = Buffer.concat([wire.block(fields), literal("x-pad", Buffer.alloc(20_000, 0x61))]);
        wire.send(
          headers(n * 2 + 1, whole.subarray(0, 16_000), { last: false }),
          continuation(n * 2 + 1, whole.subarray(16_000)),
        );
      }
      const open = () => scene.gauge("contender_streams_active", { side: "downstream" });
      for (let tries = 0; (await open()) < 1_000; tries++) {
        assert.ok(tries < 500, `${await open()} streams are open`);
        await turns(5);
      }
      // The limits on streams and on lists bound it: 32 MiB for a connection.
      assert.ok(heldMemory() - before < 30_000_000, `${heldMemory() - before} bytes held`);
    });
    await scene.leave(wire);
    assert.ok(heldMemory() - before < 8_000_000, `${heldMemory() - before} bytes left`);
  });
});
