import assert from "node:assert/strict";
import { samplesOf } from "../support/exposition.ts";
import { answerHead, ClientPeer, type Fields, type PeerCall, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { mixer } from "../support/mixer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const calls = 1_000;

const good = framed(tfResponse([0.5]));
const long = Buffer.alloc(400_000, "long");

/** A model server in a bad mood: a call in two is answered, the others end in every way there is. */
function moody(random: () => number, server: () => ServerPeer): (stream: PeerStream) => void {
  const crash = (stream: PeerStream): void => {
    for (const peer of server().peers) if (peer.streams.includes(stream)) peer.close();
  };
  const goaway = (stream: PeerStream): void => {
    for (const peer of server().peers)
      if (peer.streams.includes(stream)) peer.goaway(Math.max(0, stream.stream.id - 2));
  };
  const moods: readonly (readonly [share: number, act: (stream: PeerStream) => void])[] = [
    [0.5, (stream) => void stream.done().then(() => stream.answer(good))],
    [0.6, (stream) => stream.answer(framed(long))],
    [0.7, (stream) => stream.refuse(14)],
    [0.75, ({ stream }) => stream.reset(7)],
    [0.8, ({ stream }) => stream.reset(2)],
    [
      0.88,
      (stream) => {
        stream.headers(answerHead);
        stream.data(good);
        stream.stream.reset(2);
      },
    ],
    [0.98, () => undefined], // never
    [0.997, goaway],
    [1, crash],
  ];
  return (stream) => {
    const draw = random();
    moods.find(([share]) => draw < share)?.[1](stream);
  };
}

/** Returns when the sidecar has seen everything that was sent before on this connection. */
async function fence(client: ClientPeer): Promise<void> {
  await client.unary(tfPredict, good, [["grpc-timeout", "-"]]);
}

describe("after a storm of calls that end in every way there is", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  for (const seed of [1, 2]) {
    it(`every call is counted once and nothing is left: seed ${seed}`, async () => {
      const random = mixer(seed);
      const servers: ServerPeer[] = [];
      for (let i = 0; i < 3; i++) {
        const server: ServerPeer = own.add(
          await ServerPeer.start(
            moody(random, () => server),
            { maxConcurrentStreams: 40 },
          ),
        );
        servers.push(server);
      }
      const [v41, v42, v43] = servers.map(({ address }) => address);
      const snapshot = snapshotOf({
        variants: { v41: v41 ?? "", v42: { address: v42, onFailure: "champion" }, v43: v43 ?? "" },
        weights: { v41: 60, v42: 40 },
        shadows: { v43: { timeout: "100ms" } },
        maxTimeout: "400ms",
        score: { output: "scores" },
      });
      // Back at once after each crash, and never given up: else most calls would meet nobody.
      const limits = { transport: { backoffInitialMs: 1, backoffMaxMs: 1 }, breaker: { failurePercent: 99 } };
      const sidecar = own.add(await TestSidecar.start(snapshot, { limits }));

      const open: PeerCall[] = [];
      let client = own.add(await ClientPeer.connect(sidecar.address));
      for (let i = 0; i < calls; i++) {
        const fields: Fields = random() < 0.3 ? [["grpc-timeout", `${Math.ceil(random() * 200)}m`]] : [];
        const body = framed(tfRequest({ inputs: { text: ["x".repeat(random() < 0.1 ? 150_000 : 50)] } }));
        const call = client.open(tfPredict, fields, { reading: random() < 0.9 });
        const cut = Math.floor(random() * body.length);
        call.data(body.subarray(0, cut));
        open.push(call);
        if (random() < 0.9) call.data(body.subarray(cut), true);
        if (random() < 0.1) call.cancel();
        if (random() < 0.3) await turns(1);
        if (random() < 0.01) {
          await fence(client);
          client.close();
          client = own.add(await ClientPeer.connect(sidecar.address));
        }
      }

      await fence(client);

      const assigned = () => {
        const all = ["v41", "v42", "v43"].map((name) => sidecar.variant(name));
        return sum(all.map(({ assignments }) => sum(Object.values(assignments))));
      };
      const counted = () => sum(["v41", "v42", "v43"].map((name) => sidecar.live(name).requests));
      await until(() => counted() === calls && assigned() === calls, "every call is assigned and counted once");
      for (const call of open) if (call.answer !== undefined && !call.answer.ended) call.cancel();
      const { assignments } = sidecar.variant("v41");
      const shadow = () => sidecar.shadow("v43").requests + sum(Object.values(sidecar.variant("v43").shadowDropped));
      await until(() => shadow() === (assignments.no_key ?? 0), "every call to copy was copied or dropped");

      const left = async (): Promise<string[]> => {
        const metrics = await sidecar.exposed();
        const gauges = ["contender_streams_active", "contender_queue_calls", "contender_buffered_bytes"];
        const samples = gauges.flatMap((name) => samplesOf(metrics, name));
        return samples
          .filter(({ labels, value }) => value !== 0 && labels.kind !== "read_memory")
          .map(({ name, labels, value }) => `${name} ${JSON.stringify(labels)} ${value}`);
      };
      for (let i = 0; i < 500 && (await left()).length > 0; i++) await turns(5);
      assert.deepEqual(await left(), []);
      assert.ok((sidecar.live("v41").byCode.OK ?? 0) > calls / 8, JSON.stringify(sidecar.live("v41").byCode));
    });
  }
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
