/** A sidecar that is short of time: its event loop really stands still, by a loop that does nothing else for a while. */
import assert from "node:assert/strict";
import { systemMachine } from "../../src/runtime/machine.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict } from "../support/predict.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const health = "/grpc.health.v1.Health/Check";
const body = framed("x");

/** Keeps this process, and with it the sidecar, from doing anything else. */
function standStill(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

async function start(routes: RouteSource, options: SidecarOptions = {}) {
  const sidecar = own.add(await TestSidecar.start(snapshotOf(routes), { machine: systemMachine(0), ...options }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { sidecar, client };
}

async function gauge(sidecar: TestSidecar, name: string, labels: Record<string, string> = {}): Promise<number> {
  return valueAt(await sidecar.exposed(), name, labels) ?? 0;
}

/** Waits until nothing is given up. */
async function recovered(sidecar: TestSidecar): Promise<void> {
  const endMs = performance.now() + 8_000;
  while ((await gauge(sidecar, "contender_overload_level")) > 0) {
    assert.ok(performance.now() < endMs, "it does not recover");
    await turns(5);
  }
}

const codeOf = (stream: PeerStream): string | undefined => stream.value("grpc-status");

describe("after its event loop has stood still for half a second, a sidecar", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  it("refuses new calls by the resource's name, but not health checks, and recovers by itself", async () => {
    const server = own.add(await ServerPeer.answering(body));
    const { sidecar, client } = await start({ variants: { v41: server.address } });
    assert.equal(codeOf(await client.unary(tfPredict, body)), "0");
    standStill(500);
    const refused = await client.unary(tfPredict, body);
    assert.equal(codeOf(refused), "8");
    assert.match(refused.value("grpc-message") ?? "", /^contender: overloaded, the event loop is late/);
    assert.equal(codeOf(await client.unary(health, body)), "0");
    assert.equal(server.streams.length, 2);
    await recovered(sidecar);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "0");
    assert.equal(sidecar.localReplies.overload, 1);
    assert.equal(await gauge(sidecar, "contender_overload_shed_total", { resource: "event_loop" }), 1);
    for (const step of ["shadows_off", "shedding"]) {
      const entered = await gauge(sidecar, "contender_overload_entered_total", { step, resource: "event_loop" });
      assert.ok(entered >= 1, step);
    }
    const stalled = await gauge(sidecar, "contender_overload_stalled_seconds_total");
    assert.ok(stalled >= 0.4, `${stalled} s`);
    assert.ok(sidecar.events.some((event) => event.kind === "overload" && event.step === "shedding"));
  });

  it("makes no copies at first, and makes them again later", async () => {
    const [server, shadow] = [own.add(await ServerPeer.answering(body)), own.add(await ServerPeer.answering(body))];
    const { sidecar, client } = await start(
      { variants: { v41: server.address, v43: shadow.address }, shadows: { v43: { percent: 100 } } },
      { limits: { overload: { shedLagMs: 60_000 } } },
    );
    standStill(500);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "0");
    assert.deepEqual(sidecar.variant("v43").shadowDropped, { overload: 1 });
    await recovered(sidecar);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "0");
    await until(() => sidecar.shadow("v43").requests === 1, "the shadow got its copy");
    assert.equal(shadow.streams.length, 1);
  });

  it("goes on with the calls that were under way", async () => {
    const waiting: PeerStream[] = [];
    const server = own.add(await ServerPeer.start((stream) => waiting.push(stream)));
    const { client } = await start({ variants: { v41: server.address } });
    const calls = Array.from({ length: 20 }, () => client.call(tfPredict, body));
    await until(() => waiting.length === 20, "all calls are there");
    standStill(500);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "8");
    for (const stream of waiting) stream.answer(body);
    for (const call of calls) assert.equal(codeOf(await call.done()), "0");
  });

  const breaker = { minCalls: 2, failurePercent: 1 };

  it("takes answers that were here in time for answers: neither a shadow's breaker nor a challenger's opens", async () => {
    const server = own.add(await ServerPeer.answering(body));
    const answering = (stream: PeerStream) => void stream.done().then(() => stream.answer(body));
    const [challenger, shadow] = [
      own.add(await ServerPeer.start(answering)),
      own.add(await ServerPeer.start(answering)),
    ];
    const { sidecar, client } = await start(
      {
        variants: {
          v41: server.address,
          v42: { address: challenger.address, onFailure: "champion" },
          v43: shadow.address,
        },
        weights: { v41: 50, v42: 50 },
        shadows: { v43: { percent: 100, timeout: "200ms" } },
        maxTimeout: "200ms",
      },
      { limits: { breaker } },
    );
    for (let i = 0; i < 40; i++) client.call(tfPredict, body);
    const answered = (peer: ServerPeer) => peer.streams.filter((stream) => stream.stream.localEnded).length;
    await until(() => answered(challenger) > 2 && answered(shadow) > 2, "there are answers");
    standStill(500);
    const requests = () => sidecar.live("v41").requests + sidecar.live("v42").requests;
    await until(() => requests() === 40, "every call has ended");
    await until(() => sidecar.shadow("v43").requests === shadow.streams.length, "every copy has ended");
    await recovered(sidecar);
    assert.deepEqual(sidecar.live("v42").byCode, { OK: sidecar.live("v42").requests });
    assert.deepEqual(Object.keys(sidecar.shadow("v43").byCode), ["OK"]);
    assert.ok(!sidecar.events.some(({ kind }) => kind === "breaker"));
  });

  it("does not blame a shadow that had no time left by our fault, but one that is silent otherwise", async () => {
    const server = own.add(await ServerPeer.answering(body));
    const shadow = own.add(await ServerPeer.start(() => undefined));
    const { sidecar, client } = await start(
      { variants: { v41: server.address, v43: shadow.address }, shadows: { v43: { percent: 100, timeout: "200ms" } } },
      { limits: { breaker } },
    );
    const copied = async (count: number): Promise<void> => {
      const before = shadow.streams.length;
      for (let i = 0; i < count; i++) client.call(tfPredict, body);
      await until(() => shadow.streams.length === before + count, "the copies are there");
    };
    await copied(10);
    standStill(500);
    await until(() => sidecar.shadow("v43").byCode.DEADLINE_EXCEEDED === 10, "the copies ran out of time");
    assert.ok(!sidecar.events.some(({ kind }) => kind === "breaker"), "by our fault");
    await recovered(sidecar);
    await copied(10);
    await until(() => sidecar.events.some(({ kind }) => kind === "breaker"), "the breaker opens by the shadow's fault");
  });
});

describe("a limit on all calls", () => {
  afterEach(() => own.close());

  it("refuses those beyond it, whichever connection they come by, until others have ended", async () => {
    const waiting: PeerStream[] = [];
    const server = own.add(await ServerPeer.start((stream) => waiting.push(stream)));
    const { sidecar, client } = await start(
      { variants: { v41: server.address } },
      { limits: { proxy: { maxCalls: 5 } } },
    );
    const other = own.add(await ClientPeer.connect(sidecar.address));
    const calls = Array.from({ length: 5 }, () => client.call(tfPredict, body));
    await until(() => waiting.length === 5, "all calls are there");
    const refused = await other.unary(tfPredict, body);
    assert.equal(codeOf(refused), "8");
    assert.match(refused.value("grpc-message") ?? "", /too many calls are in flight/);
    calls[0]?.cancel();
    for (const stream of waiting.slice(1)) stream.answer(body);
    for (const call of calls.slice(1)) assert.equal(codeOf(await call.done()), "0");
    const late = other.call(tfPredict, body);
    await until(() => waiting.length === 6, "there is room again");
    waiting[5]?.answer(body);
    assert.equal(codeOf(await late.done()), "0");
    assert.equal(await gauge(sidecar, "contender_overload_shed_total", { resource: "calls" }), 1);
  });

  it("tells a call whose request is still coming to stop, and its connection goes on", async () => {
    const server = own.add(await ServerPeer.start(() => undefined));
    const { client } = await start({ variants: { v41: server.address } }, { limits: { proxy: { maxCalls: 1 } } });
    client.call(tfPredict, body);
    await until(() => server.streams.length === 1, "the first call is there");
    const call = client.open(tfPredict);
    call.data(framed(Buffer.alloc(200_000)));
    await until(() => call.answer?.ended === true, "it is refused");
    assert.equal(call.answer?.value("grpc-status"), "8");
    call.data(Buffer.alloc(100_000), true);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "8");
  });
});

describe("a request that is no call", () => {
  afterEach(() => own.close());

  it("counts among the calls in flight, and is refused by HTTP's status beyond them", async () => {
    const waiting: PeerStream[] = [];
    const server = own.add(await ServerPeer.start((stream) => waiting.push(stream)));
    const { sidecar, client } = await start(
      { variants: { v41: server.address } },
      { nonGrpc: "forward", limits: { proxy: { maxCalls: 2 } } },
    );
    const get = () => client.open("/healthz", [[":method", "GET"]], { end: true });
    const first = get();
    const second = client.call(tfPredict, body);
    await until(() => waiting.length === 2, "both are there");
    const third = get();
    await until(() => third.answer?.ended === true, "the third is refused");
    assert.equal(third.answer?.value(":status"), "503");
    assert.match(third.answer?.body.toString() ?? "", /^contender: overloaded, too many calls are in flight/);
    for (const each of [first, second]) each.cancel();
    const late = get();
    await until(() => waiting.length === 3, "there is room again");
    late.cancel();
    assert.equal(await gauge(sidecar, "contender_overload_shed_total", { resource: "calls" }), 1);
  });
});

describe("a limit on header bytes of calls in flight", () => {
  afterEach(() => own.close());

  it("refuses calls while too many are kept, and counts them off when their calls end", async () => {
    const waiting: PeerStream[] = [];
    const server = own.add(await ServerPeer.start((stream) => waiting.push(stream)));
    const { sidecar, client } = await start(
      { variants: { v41: server.address } },
      { limits: { proxy: { headerBytes: 65_536 } } },
    );
    const calls = Array.from({ length: 4 }, () => client.call(tfPredict, body, [["x-long", "l".repeat(20_000)]]));
    await until(() => waiting.length === 4, "all calls are there");
    const held = await gauge(sidecar, "contender_buffered_bytes", { kind: "headers" });
    assert.ok(held > 80_000 && held < 82_000, String(held));
    const refused = await client.unary(tfPredict, body);
    assert.match(refused.value("grpc-message") ?? "", /bytes of headers/);
    for (const stream of waiting) stream.answer(body);
    for (const call of calls) await call.done();
    assert.equal(await gauge(sidecar, "contender_buffered_bytes", { kind: "headers" }), 0);
    const late = client.call(tfPredict, body);
    await until(() => waiting.length === 5, "there is room again");
    late.cancel();
  });
});

describe("a connection that leaves its answers unread", () => {
  afterEach(() => own.close());

  it("loses the calls beyond its limit, and others lose nothing", async () => {
    const large = framed(Buffer.alloc(200_000, "large"));
    const server = own.add(await ServerPeer.answering(large));
    const { sidecar, client } = await start(
      { variants: { v41: server.address } },
      { limits: { proxy: { connectionUnreadBytes: 1_000_000 } } },
    );
    await client.unary(tfPredict, body);
    client.socket.pause();
    const calls = Array.from({ length: 100 }, () => client.call(tfPredict, body));
    await until(() => server.streams.length === 101, "all calls are there");
    const ended = () => sidecar.live("v41").byCode.CANCELLED ?? 0;
    await until(() => ended() > 0 && sidecar.live("v41").requests === 101, "the calls have ended");
    assert.ok((await gauge(sidecar, "contender_buffered_bytes", { kind: "streams" })) <= 1_000_000);
    const other = own.add(await ClientPeer.connect(sidecar.address));
    assert.equal((await other.unary(tfPredict, body)).bytes, large.length);
    assert.equal(await gauge(sidecar, "contender_overload_shed_total", { resource: "connection" }), ended());
    client.socket.resume();
    await until(() => calls.every(({ answer, reset }) => answer?.over === true || reset !== undefined), "it knows");
    const resets = calls.flatMap(({ answer, reset }) => (reset ?? answer?.reset)?.code ?? []);
    assert.deepEqual(new Set(resets), new Set([11]));
    assert.equal(resets.length, ended());
    assert.equal((await client.unary(tfPredict, body)).bytes, large.length);
  });
});

describe("a connection that reads its answers in small windows", () => {
  afterEach(() => own.close());

  it("is never taken for one that leaves them unread, however much has waited for it in all", async () => {
    const large = framed(Buffer.alloc(200_000, "large"));
    const server = own.add(await ServerPeer.answering(large));
    const limits = { proxy: { connectionUnreadBytes: 1_000_000 } };
    const { sidecar } = await start({ variants: { v41: server.address } }, { limits });
    const client = own.add(await ClientPeer.connect(sidecar.address, { streamWindowBytes: 16_384 }));
    for (let i = 0; i < 20; i++) assert.equal((await client.unary(tfPredict, body)).bytes, large.length);
    assert.equal(await gauge(sidecar, "contender_overload_shed_total", { resource: "connection" }), 0);
  });
});

describe("too few file descriptors for the connections allowed", () => {
  afterEach(() => own.close());

  it("are kept for upstreams and logs: callers' connections beyond half of them are closed and counted", async () => {
    const server = own.add(await ServerPeer.answering(body));
    const { sidecar, client } = await start({ variants: { v41: server.address } }, { descriptors: 20 });
    assert.deepEqual(
      sidecar.events.filter(({ kind }) => kind === "connections_limited"),
      [{ kind: "connections_limited", limit: 10, descriptors: 20 }],
    );
    const others = await Promise.all(Array.from({ length: 9 }, () => ClientPeer.connect(sidecar.address)));
    for (const other of others) own.add(other);
    await assert.rejects(ClientPeer.connect(sidecar.address));
    assert.equal(await gauge(sidecar, "contender_connections_refused_total"), 1);
    assert.equal(codeOf(await client.unary(tfPredict, body)), "0");
    others[0]?.close();
    await until(() => others[0]?.gone === true, "one has gone");
    let again: ClientPeer | undefined;
    while (again === undefined) again = await ClientPeer.connect(sidecar.address).catch(() => undefined);
    assert.equal(codeOf(await own.add(again).unary(tfPredict, body)), "0");
  });
});
