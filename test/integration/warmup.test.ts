/** A challenger that has just come: its connections and its model are warm before the first user is there. */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const warmup = { copies: 3, timeout: "10s" };

interface Given {
  /** Of v42. */
  readonly weight?: number;
  readonly route?: Partial<RouteSource>;
  readonly v42?: Readonly<Record<string, unknown>>;
  readonly onStream?: (stream: PeerStream) => void;
}

const answerAll = (stream: PeerStream): void =>
  void stream.done().then(() => stream.answer(framed(tfResponse([0.75], "42"))));

/** A champion v41 and a challenger v42 with a warm-up of three copies. */
async function between({ weight = 0, route = {}, v42 = {}, onStream = answerAll }: Given = {}) {
  const clock = new ManualClock();
  const champion = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
  const challenger = own.add(await ServerPeer.start(onStream));
  const snapshot = (share: number, more: Partial<RouteSource> = {}) =>
    snapshotOf({
      weights: { v41: 100 - share, v42: share },
      ...route,
      ...more,
      variants: { v41: champion.address, v42: { address: challenger.address, warmup, ...v42 } },
    });
  const sidecar = own.add(await TestSidecar.start(snapshot(weight), { clock }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  const call = async (fields: Fields = []): Promise<string> => {
    const answer = await client.unary(tfPredict, message, fields);
    return answer.value("x-contender-variant") ?? "none";
  };
  const warm = async (count: number): Promise<void> => {
    await until(() => sidecar.warmup("v42").requests === count, `${count} copies have ended`);
  };
  const left = async (): Promise<number | undefined> =>
    valueAt(await sidecar.exposed(), "contender_warmup_remaining_copies", { variant: "v42" });
  const ends = (): string[] =>
    sidecar.events.flatMap((event) => (event.kind === "warmup" ? [`${event.variant} ${event.end} ${event.left}`] : []));
  return { clock, champion, challenger, sidecar, client, snapshot, call, warm, left, ends };
}

describe("a variant's warm-up", () => {
  afterEach(() => own.close());

  it("copies live calls as soon as the variant is known, so many and no more", async () => {
    const { challenger, sidecar, call, warm, left, ends } = await between();
    assert.equal(await left(), 3);
    for (let i = 1; i <= 3; i++) {
      assert.equal(await call(), "v41");
      await warm(i);
    }
    assert.deepEqual(ends(), ["v42 warm 0"]);
    for (let i = 0; i < 5; i++) await call();
    await turns();
    assert.equal(challenger.streams.length, 3);
    assert.equal(await left(), 0);
    assert.deepEqual(sidecar.warmup("v42").byCode, { OK: 3 });
    assert.deepEqual([sidecar.live("v42").requests, sidecar.shadow("v42").requests], [0, 0]);
  });

  it("begins anew for another model at the same address, with users or without", async () => {
    for (const weight of [0, 100]) {
      const { sidecar, call, warm, left, snapshot } = await between({ weight, v42: { model: { name: "a" } } });
      for (let i = 1; i <= 3; i++) {
        assert.equal(await call(), "v41");
        await warm(i);
      }
      const next = snapshot(weight);
      const [route] = next.routes;
      assert.ok(route);
      const variants = route.variants.map((each) =>
        each.model === undefined ? each : { ...each, model: { ...each.model, name: "b" } },
      );
      sidecar.apply({ ...next, version: "2", routes: [{ ...route, variants }] });
      assert.equal(await left(), 3);
      const pools = () => sidecar.sidecar.generation?.routes[0]?.copies[0]?.variant.pool;
      await until(() => pools()?.ready === true, "a connection for its copies is there");
      for (let i = 4; i <= 6; i++) {
        assert.equal(await call(), "v41");
        await warm(i);
      }
      assert.equal(await left(), 0);
      assert.equal(await call(), weight === 0 ? "v41" : "v42");
    }
  });

  it("goes on for another model, whatever becomes of copies that the model before still has", async () => {
    const { challenger, sidecar, call, warm, left, ends, snapshot } = await between({
      v42: { model: { name: "a" }, warmup: { copies: 1, timeout: "10s" } },
      onStream: () => undefined,
    });
    await call();
    const old = await challenger.stream();
    const next = snapshot(0);
    const [route] = next.routes;
    assert.ok(route);
    const variants = route.variants.map((each) =>
      each.model === undefined ? each : { ...each, model: { ...each.model, name: "b" } },
    );
    sidecar.apply({ ...next, version: "2", routes: [{ ...route, variants }] });
    old.answer(framed(tfResponse([0.75], "41")));
    await warm(1);
    assert.deepEqual([await left(), ends()], [1, []]);
    await call();
    (await challenger.stream(1)).answer(framed(tfResponse([0.75], "42")));
    await warm(2);
    assert.deepEqual([await left(), ends()], [0, ["v42 warm 0"]]);
  });

  it("sends the call as it was, with its credentials, marked as what it is", async () => {
    const { challenger, call } = await between();
    await call([["authorization", "Bearer secret"]]);
    const copy = await (await challenger.stream()).done();
    assert.deepEqual(copy.values("x-contender-traffic"), ["warmup"]);
    assert.deepEqual(copy.values("x-contender-hop"), ["fraud"]);
    assert.deepEqual(copy.values("authorization"), ["Bearer secret"]);
    assert.deepEqual(copy.body, message);
  });

  it("lets the champion answer the variant's users until enough copies are, outside what gates compare", async () => {
    const { sidecar, call, warm } = await between({ weight: 100 });
    for (let i = 1; i <= 3; i++) {
      assert.equal(await call(), "v41");
      await warm(i);
    }
    assert.equal(await call(), "v42");
    assert.equal(await call(), "v42");
    assert.deepEqual(sidecar.variant("v41").assignments, { warming: 3 });
    assert.deepEqual(sidecar.variant("v42").assignments, { no_key: 2 });
  });

  it("takes no longer than its timeout from the weight on, whether anything was copied or not", async () => {
    const { clock, sidecar, client, snapshot, call, ends } = await between({ onStream: () => undefined });
    clock.advance(60_000);
    sidecar.apply(snapshot(100));
    assert.equal(await call(), "v41");
    clock.advance(9_999);
    assert.equal(await call(), "v41");
    clock.advance(1);
    client.call(tfPredict, message);
    await until(() => sidecar.variant("v42").assignments.no_key === 1, "a user is the variant's");
    assert.deepEqual(ends(), ["v42 timed_out 3"]);
  });

  it("is over where the weight comes after enough copies: the first user is the variant's at once", async () => {
    const { sidecar, snapshot, call, warm } = await between();
    for (let i = 1; i <= 3; i++) {
      await call();
      await warm(i);
    }
    sidecar.apply(snapshot(100));
    assert.equal(await call(), "v42");
  });

  it("is not begun again by another configuration, nor by a connection that was lost", async () => {
    const { challenger, sidecar, snapshot, call, warm, clock } = await between();
    await call();
    await warm(1);
    sidecar.apply(snapshot(0, { salt: "another" }));
    for (let i = 2; i <= 3; i++) {
      await call();
      await warm(i);
    }
    sidecar.apply(snapshot(100, { salt: "again" }));
    const live = () => sidecar.sidecar.generation?.routes[0]?.variants[1]?.pool.ready === true;
    clock.advance(2_000);
    for (const peer of challenger.peers) peer.close();
    await until(() => !live(), "the connection is lost");
    await until(live, "there is another");
    assert.equal(await call(), "v42");
    assert.equal(challenger.streams.length, 4);
  });

  it("does not put users back that a configuration before had given to the variant", async () => {
    const { sidecar, snapshot, call, left } = await between({ weight: 100, v42: { warmup: undefined } });
    assert.equal(await call(), "v42");
    const [route] = snapshot(100).routes;
    assert.ok(route);
    const variants = route.variants.map((each) =>
      each.name === "v42" ? { ...each, warmup: { copies: 3, timeoutMs: 10_000 } } : each,
    );
    sidecar.apply({ ...snapshot(100), version: "2", routes: [{ ...route, variants }] });
    assert.equal(await call(), "v42");
    assert.equal(await left(), 0);
  });

  it("is not held up by copies under way to the server that had the variant's name before", async () => {
    const clock = new ManualClock();
    const champion = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
    const hangs = own.add(await ServerPeer.start());
    const healthy = own.add(await ServerPeer.answering(framed(tfResponse([0.75]))));
    const snapshot = (address: string) =>
      snapshotOf({ variants: { v41: champion.address, v42: { address, warmup: { copies: 3 } } }, weights: { v41: 1 } });
    const sidecar = own.add(await TestSidecar.start(snapshot(hangs.address), { clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 5; i++) await client.unary(tfPredict, framed(tfRequest()));
    await until(() => hangs.streams.length === 3, "three copies hang");
    sidecar.apply(snapshot(healthy.address));
    await sidecar.connected();
    const warm = () =>
      sidecar.events.flatMap((event) => (event.kind === "warmup" ? [`${event.end} ${event.left}`] : []));
    for (let i = 0; i < 3; i++) {
      await client.unary(tfPredict, framed(tfRequest()));
      await until(() => healthy.streams.length === i + 1, "a copy is with the new server");
    }
    await until(() => warm().length > 0, "the warm-up is over");
    assert.deepEqual(warm(), ["warm 0"]);
  });

  it("leaves a pin its say", async () => {
    const { call } = await between({ weight: 50, route: { pin: true } });
    assert.equal(await call([["x-contender-pin", "v42"]]), "v42");
  });

  for (const [what, code, onStream] of [
    ["answers with errors", "FAILED_PRECONDITION", (stream: PeerStream) => stream.refuse(9)],
    ["refuses its copies", "UNAVAILABLE", (stream: PeerStream) => stream.stream.reset(7)],
  ] as const) {
    it(`goes on while the model ${what}, and gives up in the end`, async () => {
      const { sidecar, call, warm, ends, challenger } = await between({ onStream });
      for (let i = 1; i <= 12; i++) {
        assert.equal(await call(), "v41");
        await warm(i);
      }
      await call();
      await turns();
      assert.equal(challenger.streams.length, 12);
      assert.deepEqual(ends(), ["v42 gave_up 3"]);
      assert.deepEqual(sidecar.warmup("v42").byCode, { [code]: 12 });
    });
  }

  it("costs the caller nothing where the variant never answers: so many copies are under way, and no more", async () => {
    const { challenger, sidecar, call } = await between({ onStream: () => undefined });
    for (let i = 0; i < 20; i++) assert.equal(await call(), "v41");
    await until(() => challenger.streams.length === 3, "the copies are there");
    await turns();
    assert.equal(challenger.streams.length, 3);
    assert.deepEqual(sidecar.variant("v42").shadowDropped, {});
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 20 });
  });

  it("makes no more copies than are wanted of calls that come together", async () => {
    const { client, challenger, sidecar } = await between({ onStream: () => undefined });
    const calls = Array.from({ length: 20 }, () => client.open(tfPredict));
    await turns();
    for (const call of calls) call.data(message, true);
    for (const call of calls) await call.done();
    await until(() => challenger.streams.length >= 3, "the copies are there");
    await turns();
    assert.deepEqual([challenger.streams.length, sidecar.live("v41").requests], [3, 20]);
  });

  it("copies no streams", async () => {
    const { client, challenger } = await between();
    await client.unary(oipStream, message);
    await turns();
    assert.equal(challenger.streams.length, 0);
  });

  it("is done by a shadow's own copies where the variant is one", async () => {
    const { challenger, sidecar, snapshot, call } = await between({
      route: { shadows: { v42: {} }, weights: { v41: 100 } },
    });
    for (let i = 1; i <= 3; i++) {
      await call();
      await until(() => sidecar.shadow("v42").requests === i, `copy ${i} has ended`);
    }
    assert.deepEqual([challenger.streams.length, sidecar.warmup("v42").requests], [3, 0]);
    sidecar.apply(snapshot(100, { shadows: {}, weights: { v42: 100 } }));
    await until(() => sidecar.sidecar.generation?.routes[0]?.variants[1]?.pool.ready === true, "v42 is connected");
    assert.equal(await call(), "v42");
  });

  it("keeps no connection of its own once it is over", async () => {
    const { challenger, call, warm } = await between();
    const open = () => challenger.peers.filter(({ gone }) => !gone).length;
    assert.equal(open(), 2);
    for (let i = 1; i <= 3; i++) {
      await call();
      await warm(i);
    }
    await until(() => open() === 1, "the live connection alone is left");
  });
});

describe("a challenger without a warm-up", () => {
  afterEach(() => own.close());

  it("gets its first user once its first connection is there", async () => {
    const { sidecar, snapshot, call } = await between({ v42: { warmup: undefined } });
    // Accepts, and says nothing yet.
    let greet = (): void => undefined;
    const late = own.add(await ServerPeer.answering(framed(tfResponse([0.75], "42"))));
    const gate = createServer((socket) => {
      greet = () => {
        const through = connect(late.port, "127.0.0.1");
        own.add({ close: () => through.destroy() });
        socket.pipe(through).pipe(socket);
      };
      own.add({ close: () => socket.destroy() });
    });
    gate.listen(0, "127.0.0.1");
    await until(() => gate.listening, "the gate is open");
    own.add({ close: () => gate.close() });
    const { port } = gate.address() as { port: number };
    const [route] = snapshot(100).routes;
    assert.ok(route);
    const variants = route.variants.map((each) =>
      each.name === "v42" ? { ...each, address: `127.0.0.1:${port}` } : each,
    );
    sidecar.apply({ ...snapshot(100), version: "2", routes: [{ ...route, variants }] });
    assert.equal(await call(), "v41");
    greet();
    await until(() => sidecar.sidecar.generation?.routes[0]?.variants[1]?.pool.ready === true, "v42 is connected");
    assert.equal(await call(), "v42");
    assert.deepEqual(sidecar.variant("v41").assignments, { warming: 1 });
  });

  it("is asked, and fails, once its first connection has been refused", async () => {
    const { sidecar, snapshot, client } = await between({ v42: { warmup: undefined } });
    const [route] = snapshot(100).routes;
    assert.ok(route);
    const variants = route.variants.map((each) => (each.name === "v42" ? { ...each, address: "127.0.0.1:1" } : each));
    sidecar.apply({ ...snapshot(100), version: "2", routes: [{ ...route, variants }] });
    await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the connection is refused");
    assert.equal((await client.unary(tfPredict, message)).value("grpc-status"), "14");
  });
});
