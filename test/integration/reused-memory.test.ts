import assert from "node:assert/strict";
import { ClientPeer, type PeerCall, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { mixer } from "../support/mixer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();

/** A request that no other is like, in any part: its number all the way, after the key that it is assigned by. */
function requestOf(number: number, length: number): Buffer {
  const blob = `${number}.`.repeat(Math.ceil(length / 4)).slice(0, length);
  return framed(tfRequest({ inputs: { user: [`user-${number}`], zz_blob: [blob] } }));
}

const numberOf = (stream: PeerStream): number => Number(stream.value("x-call"));

describe("socket reads that go over each other's memory", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("leave every request, copy, second try and answer as it was sent", async () => {
    const random = mixer(7);
    const echo = (stream: PeerStream): void => void stream.done().then(() => stream.answer(stream.body));
    const champion = own.add(await ServerPeer.start(echo));
    const failing = own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.refuse(14))));
    const shadow = own.add(await ServerPeer.start(echo));
    const snapshot = snapshotOf({
      key: { from: [{ input: "user" }] },
      variants: {
        v41: champion.address,
        v42: { address: failing.address, onFailure: "champion" },
        v43: shadow.address,
      },
      weights: { v41: 80, v42: 20 },
      shadows: { v43: { percent: 50, maxInFlight: 1_000 } },
    });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const clients: ClientPeer[] = [];
    for (let i = 0; i < 4; i++) clients.push(own.add(await ClientPeer.connect(sidecar.address)));

    const requests: Buffer[] = [];
    const calls: PeerCall[] = [];
    const unsent: { call: PeerCall; bytes: Buffer; at: number }[] = [];
    for (let number = 0; number < 300; number++) {
      // Most are short, some take several reads; a few sizes lie around those at which ways part.
      const length = [100, 500, 8_100, 8_200, 16_300, 40_000, 150_000][Math.floor(random() ** 2 * 7)] as number;
      const bytes = requestOf(number, length + Math.floor(random() * 100));
      requests.push(bytes);
      const client = clients[number % clients.length] as ClientPeer;
      const call = client.open(tfPredict, [["x-call", String(number)]]);
      calls.push(call);
      unsent.push({ call, bytes, at: 0 });
      while (unsent.length > 10) {
        const pick = Math.floor(random() * unsent.length);
        const next = unsent[pick] as (typeof unsent)[number];
        const end = Math.min(next.bytes.length, next.at + 1 + Math.floor(random() * 60_000));
        next.call.data(next.bytes.subarray(next.at, end), end === next.bytes.length);
        next.at = end;
        if (end === next.bytes.length) unsent.splice(pick, 1);
        if (random() < 0.3) await turns(1);
      }
    }
    for (const { call, bytes, at } of unsent) call.data(bytes.subarray(at), true);

    for (const [number, call] of calls.entries()) {
      const answer = await call.done();
      assert.equal(answer.value("grpc-status"), "0", `call ${number}`);
      assert.ok(answer.body.equals(requests[number] as Buffer), `the answer to call ${number}`);
    }
    await until(() => shadow.streams.every(({ over }) => over), "the copies are complete");
    for (const [name, server] of Object.entries({ champion, failing, shadow })) {
      for (const stream of server.streams) {
        assert.ok(stream.body.equals(requests[numberOf(stream)] as Buffer), `call ${numberOf(stream)} at ${name}`);
      }
      assert.ok(server.streams.length >= 20, `${server.streams.length} calls at ${name}`);
    }
  });

  it("leave the copies of calls that come in one burst, several reads in one turn, as they were sent", async () => {
    const champion = own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.refuse(0))));
    const shadow = own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.refuse(0))));
    const snapshot = snapshotOf({
      variants: { v41: champion.address, v43: shadow.address },
      shadows: { v43: { maxInFlight: 1_000 } },
    });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const requests = Array.from({ length: 220 }, (_, number) => requestOf(number, 900));
    client.socket.cork();
    const calls = requests.map((bytes, number) => {
      const call = client.call(tfPredict, bytes, [["x-call", String(number)]]);
      if (number % 3 === 0) call.cancel(); // what it held is free before its copy is sent
      return call;
    });
    await turns(2);
    client.socket.uncork();
    for (const call of calls.filter((_, number) => number % 3 !== 0)) {
      assert.equal((await call.done()).value("grpc-status"), "0");
    }
    await until(() => shadow.streams.length === 220 && shadow.streams.every(({ over }) => over), "all are copied");
    for (const stream of shadow.streams) {
      assert.ok(stream.body.equals(requests[numberOf(stream)] as Buffer), `the copy of call ${numberOf(stream)}`);
    }
  });
});
