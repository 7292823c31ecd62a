import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { valueAt } from "../support/exposition.ts";
import { answerHead, ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { rawServer } from "../support/raw-server.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();

/** Calls of each run; more than the copies that may be in flight. */
const calls = 200;

async function peer(onStream: (stream: PeerStream) => void): Promise<string> {
  return own.add(await ServerPeer.start(onStream)).address;
}

/** Every way of being bad that a shadow has been seen in, and what its copies come to. */
const hostile: readonly { what: string; sign: string; start: () => Promise<string> }[] = [
  {
    what: "dead: it accepts and never reads",
    sign: "not_connected",
    start: () => rawServer(own, (socket) => socket.pause()),
  },
  {
    what: "deaf: it greets, then never reads",
    sign: "DEADLINE_EXCEEDED",
    start: async () => {
      const server = own.add(await ServerPeer.start());
      const stop = setInterval(() => {
        for (const { socket, connection } of server.peers) if (connection.ready) socket.pause();
      }, 1);
      own.add({ close: () => clearInterval(stop) });
      return server.address;
    },
  },
  { what: "slow: it never answers", sign: "DEADLINE_EXCEEDED", start: () => peer(() => undefined) },
  {
    what: "flooding: its answers have no end",
    sign: "UNKNOWN",
    start: () =>
      peer((stream) => {
        stream.headers(answerHead);
        stream.data(Buffer.alloc(1_000_000));
      }),
  },
  { what: "resetting: it resets every call", sign: "INTERNAL", start: () => peer(({ stream }) => stream.reset(2)) },
  {
    what: "taking back: it refuses what it has begun to answer",
    sign: "UNAVAILABLE",
    start: () =>
      peer((stream) => {
        stream.headers(answerHead);
        stream.data(Buffer.alloc(50_000));
        setImmediate(() => stream.stream.reset(7));
      }),
  },
  {
    what: "leaving: it begins answers, and says GOAWAY below all of them",
    sign: "not_connected",
    start: async () => {
      const server: ServerPeer = own.add(
        await ServerPeer.start((stream) => {
          stream.headers(answerHead);
          stream.data(Buffer.alloc(50_000));
          setImmediate(() => {
            for (const each of server.peers) if (!each.gone) each.goaway(0);
          });
        }),
      );
      return server.address;
    },
  },
  {
    what: "crashing: it drops every connection that calls",
    sign: "UNAVAILABLE",
    start: async () => {
      const server: ServerPeer = own.add(
        await ServerPeer.start(() => {
          for (const each of server.peers) each.close();
        }),
      );
      return server.address;
    },
  },
  {
    what: "hanging up: it closes whatever connects",
    sign: "not_connected",
    start: () => rawServer(own, (socket) => socket.destroy()),
  },
  {
    what: "babbling: it speaks no HTTP/2",
    sign: "not_connected",
    start: () => rawServer(own, (socket) => void socket.write("HTTP/1.1 200 OK\r\n\r\nhello".repeat(100))),
  },
];

/** A model's answer that depends on all bytes of the request. */
function answerTo(request: Buffer): { message: Buffer; trailers: Fields } {
  const digest = createHash("sha256").update(request).digest();
  const failed = digest[0] !== undefined && digest[0] < 25;
  const trailers: Fields = failed
    ? [
        ["grpc-status", "9"],
        ["grpc-message", "on purpose"],
      ]
    : [["grpc-status", "0"]];
  const message = framed(Buffer.concat([tfResponse([(digest[1] ?? 0) / 256]), digest]));
  return { message, trailers: [...trailers, ["x-digest-bin", digest.toString("base64")]] };
}

/** What the same 200 callers get, and the champion sees, with a shadow at this address or without any. */
async function run(shadow: string | undefined, timeout = "10s") {
  const champion = own.add(
    await ServerPeer.start(
      (stream) =>
        void stream.done().then(() => {
          const { message, trailers } = answerTo(stream.body);
          stream.answer(message, trailers);
        }),
    ),
  );
  const variants = { v41: { address: champion.address, authority: "champion.test" } };
  const shadowed = { ...variants, v43: { address: shadow ?? "" } };
  const snapshot = snapshotOf({
    score: { output: "scores", index: 1 },
    ...(shadow === undefined ? { variants } : { variants: shadowed, shadows: { v43: { timeout } } }),
  });
  const limits = { proxy: { shadowAnswerBytes: 300_000 } };
  const sidecar = own.add(await TestSidecar.listen(snapshot, { limits }));
  const { routes } = sidecar.sidecar.generation ?? assert.fail();
  await until(() => routes[0]?.champion.pool.ready === true, "the champion is connected");
  const client = own.add(await ClientPeer.connect(sidecar.address));
  const answers: string[] = [];
  for (let i = 0; i < calls; i += 20) {
    const batch = Array.from({ length: 20 }, (_, k) => {
      const size = (i + k) % 50 === 0 ? 200_000 : 100 * k;
      const request = framed(tfRequest({ inputs: { text: [`${i + k}`.padEnd(size, "x")] } }));
      return client.call(tfPredict, request, [["x-request-id", `r${i + k}`]]);
    });
    for (const call of batch) {
      const { head, body, trailers } = await call.done();
      answers.push(JSON.stringify([head, body.toString("latin1"), trailers]));
    }
  }
  const requests = champion.streams.map(({ head, body }) => JSON.stringify([head, body.toString("latin1")])).sort();
  return { answers, requests, sidecar };
}

describe("calls beside a shadow", function () {
  this.timeout(20_000);
  let alone: Awaited<ReturnType<typeof run>>;

  before(async () => {
    alone = await run(undefined);
    await own.close();
  });
  afterEach(() => own.close());

  for (const { what, sign, start } of hostile) {
    it(`fault 29: that is ${what}: answers, requests and counts are those without a shadow, to the byte`, async () => {
      const { answers, requests, sidecar } = await run(
        await start(),
        sign === "DEADLINE_EXCEEDED" ? "300ms" : undefined,
      );
      assert.equal(answers.length, calls);
      assert.deepEqual(answers, alone.answers);
      assert.deepEqual(requests, alone.requests);
      const { byCode, score } = sidecar.live("v41");
      const before = alone.sidecar.live("v41");
      assert.deepEqual([byCode, score?.sum, sidecar.localReplies], [before.byCode, before.score?.sum, {}]);

      // Every copy is accounted for, and in the end nothing is held for any.
      const copies = () => sidecar.shadow("v43").requests + sum(sidecar.variant("v43").shadowDropped);
      await until(() => copies() === calls, "every copy is counted once");
      const metrics = await sidecar.exposed();
      for (const kind of ["shadow_copies", "streams"]) {
        assert.equal(valueAt(metrics, "contender_buffered_bytes", { kind }), 0, kind);
      }
      const ends = { ...sidecar.shadow("v43").byCode, ...sidecar.variant("v43").shadowDropped };
      assert.ok((ends[sign] ?? 0) > 0 && ends.OK === undefined, JSON.stringify(ends));
    });
  }
});

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
