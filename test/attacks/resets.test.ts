/** Streams begun for nothing: taken back at once, or spoilt so that we reset them; and the honest bursts that look alike. */
import assert from "node:assert/strict";
import { frameType } from "../../src/http2/constants.ts";
import { answerTo } from "../support/bystander.ts";
import { data, frame, headers, priority, rstStream, windowUpdate } from "../support/h2-frames.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import type { Wire } from "../support/wire.ts";

const own = new Owned();
const body = framed(tfRequest({ inputs: { text: ["attacker"] } }));
const path = [":path", tfPredict] as const;

/** Streams that may come to nothing, as shipped. */
const burst = 2_000;

function made(count: number, make: (nth: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, n) => make(n)));
}

interface Kind {
  readonly what: string;
  /** Begins stream `id` and makes it come to nothing. */
  readonly spoil: (wire: Wire, id: number) => Buffer;
  /** Streams that each use takes. Default 1. */
  readonly streams?: number;
}

const begun = (wire: Wire, id: number): Buffer => wire.request(id, [path], true);
const open = (wire: Wire, id: number): Buffer => wire.request(id, [path]);

const kinds: readonly Kind[] = [
  { what: "taken back at once", spoil: (wire, id) => Buffer.concat([begun(wire, id), rstStream(id, 8)]) },
  {
    what: "taken back with part of a message",
    spoil: (wire, id) => Buffer.concat([open(wire, id), data(id, 20), rstStream(id, 8)]),
  },
  { what: "given no more window", spoil: (wire, id) => Buffer.concat([begun(wire, id), windowUpdate(id, 0)]) },
  {
    what: "given more window than there is",
    spoil: (wire, id) => Buffer.concat([begun(wire, id), windowUpdate(id, 0x7fff_ffff)]),
  },
  { what: "sent data after their end", spoil: (wire, id) => Buffer.concat([begun(wire, id), data(id, 5)]) },
  {
    what: "sent a second head after their end",
    spoil: (wire, id) => Buffer.concat([begun(wire, id), begun(wire, id)]),
  },
  { what: "sent a second head before their end", spoil: (wire, id) => Buffer.concat([open(wire, id), open(wire, id)]) },
  {
    what: "sent trailers with a pseudo field",
    spoil: (wire, id) => Buffer.concat([open(wire, id), wire.trailers(id, [[":status", "200"]])]),
  },
  {
    what: "sent an interim answer, as if they were the server's",
    spoil: (wire, id) => Buffer.concat([open(wire, id), headers(id, wire.block([[":status", "103"]]))]),
  },
  {
    what: "sent a PRIORITY of a wrong length",
    spoil: (wire, id) => Buffer.concat([begun(wire, id), frame(frameType.PRIORITY, 0, id, Buffer.alloc(4))]),
  },
  { what: "made to depend on themselves", spoil: (wire, id) => Buffer.concat([begun(wire, id), priority(id, id)]) },
  {
    what: "begun as depending on themselves",
    spoil: (wire, id) => headers(id, wire.block([[":method", "POST"], [":scheme", "http"], path]), { dependsOn: id }),
  },
  {
    what: "shorter than their content-length",
    spoil: (wire, id) => Buffer.concat([wire.request(id, [path, ["content-length", "9"]]), data(id, 5, true)]),
  },
  {
    what: "longer than their content-length",
    spoil: (wire, id) => Buffer.concat([wire.request(id, [path, ["content-length", "3"]]), data(id, 5)]),
  },
  {
    what: "said to have content, and ended",
    spoil: (wire, id) => wire.request(id, [path, ["content-length", "3"]], true),
  },
  { what: "malformed: without a path", spoil: (wire, id) => headers(id, wire.block([[":method", "POST"]])) },
  { what: "malformed: with a connection field", spoil: (wire, id) => wire.request(id, [path, ["connection", "x"]]) },
  { what: "malformed: in upper case", spoil: (wire, id) => wire.request(id, [path, ["X-Upper", "x"]]) },
  {
    what: "taken back at once, beside as many that are refused by their head",
    spoil: (wire, id) =>
      Buffer.concat([wire.request(id, [path, ["grpc-timeout", "-"]], true), begun(wire, id + 2), rstStream(id + 2, 8)]),
    streams: 2,
  },
  {
    what: "taken back at once, beside as many that expire at once",
    spoil: (wire, id) =>
      Buffer.concat([
        wire.request(id, [path, ["grpc-timeout", "1n"]], true),
        begun(wire, id + 2),
        rstStream(id + 2, 8),
      ]),
    streams: 2,
  },
];

/** What the sidecar answers by itself meanwhile, by the kind. */
const replies = (what: string, calls: number) =>
  what.endsWith("by their head") ? { bad_timeout: calls } : what.endsWith("expire at once") ? { deadline: calls } : {};

describe("streams that come to nothing because they are", () => {
  afterEach(() => own.close());

  for (const { what, spoil, streams = 1 } of kinds) {
    it(`${what}: ${burst} are borne, one more ends the connection and nobody else's`, async () => {
      const scene = await Scene.open(own);
      const within = await scene.attacker();
      const beyond = await scene.attacker();
      const id = (nth: number): number => nth * 2 * streams + 1;
      await scene.attack({ fault: "reset_flood", replies: replies(what, burst * 2 + 1) }, async () => {
        within.send(made(burst, (nth) => spoil(within, id(nth))));
        const last = id(burst);
        within.send(within.call(last, body, [path]));
        await within.over(last);
        assert.ok(within.body(last).equals(answerTo(body).message), "its own call is answered");
        beyond.send(made(burst + 1, (nth) => spoil(beyond, id(nth))));
        await until(() => beyond.ended, "the connection is ended");
      });
      assert.deepEqual([beyond.goaway, within.goaway], ["ENHANCE_YOUR_CALM", undefined]);
      await scene.leave(within, beyond);
    });
  }

  it("more than may be open at once: those are refused, and as many more as are free end the connection", async () => {
    const scene = await Scene.open(own, { route: { key: { from: [{ input: "user_id" }] } } });
    const within = await scene.attacker();
    const beyond = await scene.attacker();
    const all = (wire: Wire, count: number): Buffer => made(count, (nth) => open(wire, nth * 2 + 1));
    await scene.attack({ fault: "reset_flood" }, async () => {
      within.send(all(within, 1_000 + burst), data(1, body, true));
      await within.over(1);
      assert.ok(within.body(1).equals(answerTo(body).message), "an open stream goes on");
      assert.deepEqual(await within.over(2_001), ["RST_STREAM 2001 REFUSED_STREAM"]);
      beyond.send(all(beyond, 1_000 + burst + 1));
      await until(() => beyond.ended, "the connection is ended");
    });
    assert.equal(beyond.goaway, "ENHANCE_YOUR_CALM");
    const refused = { side: "downstream", fault: "too_many_streams" };
    assert.equal(await scene.gauge("contender_stream_faults_total", refused), 2 * burst + 1);
    await scene.leave(within, beyond);
  });

  it("taken back for ever by somebody who lets as many others come to their end", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    await scene.attack({}, async () => {
      for (let round = 0; round < 8; round++) {
        const first = round * 4_000 + 1;
        wire.send(
          made(500, (nth) =>
            Buffer.concat([
              wire.call(first + nth * 4, framed("x"), [path]),
              begun(wire, first + nth * 4 + 2),
              rstStream(first + nth * 4 + 2, 8),
              windowUpdate(0, 1_000),
            ]),
          ),
        );
        await wire.over(first + 499 * 4);
      }
    });
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });
});

describe("calls that expire at once", () => {
  afterEach(() => own.close());

  it("by the ten thousand reach no model, and cost nobody anything", async () => {
    const scene = await Scene.open(own);
    const wire = await scene.attacker();
    const calls = 10_000;
    const lastStream = (): number => scene.model.peers[0]?.connection.lastPeerStreamId ?? 0;
    const before = lastStream();
    const took = await scene.attack({ replies: { deadline: calls } }, async () => {
      wire.send(made(calls, (nth) => wire.request(nth * 2 + 1, [path, ["grpc-timeout", `${nth % 10}n`]], true)));
      await wire.over(calls * 2 - 1);
    });
    // Each of somebody else's calls is a stream of the model's, and nothing else is.
    const upstreamStreams = (lastStream() - before) / 2;
    assert.ok(upstreamStreams <= took.calls + 3 + 3, `${upstreamStreams} streams for ${took.calls} calls`);
    assert.equal(wire.goaway, undefined);
    await scene.leave(wire);
  });
});
