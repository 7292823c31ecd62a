/** Strangers and sidecars in wrong hands against a config service: what each does costs its own connection, and nobody else's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { Client, credentials, status } from "@grpc/grpc-js";
import { watchBounds } from "../../src/control/watch/watch-bounds.ts";
import { applyFraud, startControl, type TestControl, type TestWatch } from "../support/control.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

describe("a config service under attack", function () {
  this.timeout(30_000);
  const own = new Owned();
  let control: TestControl;
  let honest: TestWatch;
  afterEach(() => own.close());

  async function scene(options: Parameters<typeof startControl>[1] = {}): Promise<void> {
    control = own.add(await startControl(own.add(new TempFolder()).at("store"), options));
    honest = control.watch({ instance: "honest" });
    honest.nack(await honest.snapshot(), []);
    await setWeights(10);
  }

  /** A change reaches the honest sidecar, in time. */
  async function setWeights(share: number): Promise<void> {
    const begunMs = performance.now();
    await applyFraud(control, share);
    honest.ack(await honest.snapshot());
    const tookMs = performance.now() - begunMs;
    assert.ok(tookMs < 2_000, `a change took ${Math.round(tookMs)} ms`);
    assert.equal(honest.ended, undefined);
  }

  const refused = async (watch: TestWatch, text: RegExp, code: number = status.INVALID_ARGUMENT): Promise<void> => {
    const ended = await watch.status();
    assert.deepEqual([ended.code, text.test(ended.details)], [code, true], ended.details);
    await setWeights(20);
  };

  const nodes: readonly [string, object, RegExp][] = [
    ["says nothing of itself", {}, /which instance it is/],
    [
      "has a label of a quarter of a megabyte",
      { instance: "i", pod: "p".repeat(250_000) },
      /^contender: pod has 250000 char/,
    ],
    ["has an endless name", { instance: "i".repeat(1_000) }, /^contender: instance has 1000 char/],
    [
      "can do a thousand things",
      { instance: "i", capabilities: Array.from({ length: 1_000 }, () => "x") },
      /^contender: 1000 capabilities, want at most 256/,
    ],
    [
      "can do a hundred thousand things",
      { instance: "i", capabilities: Array.from({ length: 100_000 }, () => "x") },
      /^contender: a message of 100001 parts, want at most 1024/,
    ],
    ["can do one thing of many words", { instance: "i", capabilities: ["x".repeat(65)] }, /a capability of 65 char/],
    ["has two megabytes to say", { instance: "i", capabilities: ["x".repeat(2e6)] }, /a message of 20000.. bytes/],
  ];
  for (const [name, node, text] of nodes) {
    it(`refuses a sidecar that ${name}, and says why`, async () => {
      await scene();
      await refused(control.watch(node), text);
      assert.equal(control.control.fleet.list().length, 1);
    });
  }

  it("refuses a message of more than four megabytes before it is read", async () => {
    await scene();
    await refused(
      control.watch({ instance: "i", capabilities: ["x".repeat(5e6)] }),
      /larger/,
      status.RESOURCE_EXHAUSTED,
    );
  });

  it("ends the stream of a sidecar that acknowledges what it was not sent, and believes none of it", async () => {
    await scene();
    const liar = control.watch({ instance: "liar" });
    const sent = await liar.snapshot();
    for (let i = 0; i <= watchBounds.strayAnswers; i++) liar.ack({ ...sent, nonce: `a1b2c3d4e5f6-${i}-01234567` });
    await refused(liar, /answers to what was not sent/);
    assert.equal(control.control.fleet.get("liar")?.version, "");
  });

  it("keeps a part of a refusal with a thousand long problems", async () => {
    await scene();
    const watch = control.watch({ instance: "wordy" });
    const problems = Array.from({ length: 200 }, (_, i) => ({ path: `p${i}`, message: "x".repeat(2_000) }));
    watch.nack(await watch.snapshot(), problems);
    await until(() => control.control.fleet.get("wordy")?.state === "rejected", "the refusal was taken in");
    const kept = control.control.fleet.get("wordy")?.problems ?? [];
    const bytes = kept.reduce((sum, { path, message }) => sum + path.length + message.length, 0);
    assert.ok(bytes > watchBounds.problemBytes / 2 && bytes <= watchBounds.problemBytes, `${bytes} bytes`);
    assert.equal(kept[0]?.message.length, watchBounds.problemLength);
    assert.match(kept.at(-1)?.message ?? "", /\b\d+ more\b/);
    await setWeights(30);
  });

  it("sends a sidecar that never answers one snapshot, whatever changes", async () => {
    await scene();
    const mute = control.watch({ instance: "mute" });
    await mute.snapshot();
    for (let share = 20; share < 40; share++) await setWeights(share);
    assert.equal(mute.received.filter(({ nonce }) => nonce !== "").length, 1);
    assert.equal(control.control.fleet.get("mute")?.state, "pending");
  });

  it("answers whoever asks for a name that is too long to quote, wherever a sign of it is cut", async () => {
    await scene();
    for (let more = 0; more < 2; more++) {
      const name = `${"x".repeat(900 + more)}${"😀".repeat(4_000)}`;
      const reason = await control.call("AdminService", "GetRoute", { name }).catch(({ code }) => code);
      assert.equal(reason, status.NOT_FOUND);
    }
    await setWeights(20);
  });

  it("refuses a report of a million series, and says why", async () => {
    await scene();
    const series = Array.from({ length: 1_000_000 }, () => ({}));
    const report = control.call("ReportService", "Report", { instance: "i", series });
    await assert.rejects(report, { code: status.INVALID_ARGUMENT, details: /1000000 series, want at most 20000$/ });
    await setWeights(20);
  });

  it("refuses a report under an endless name", async () => {
    await scene();
    const report = control.call("ReportService", "Report", { instance: "i".repeat(1_000) });
    await assert.rejects(report, { code: status.INVALID_ARGUMENT });
  });

  it("serves so many calls over one connection at a time, and others meanwhile", async () => {
    await scene();
    const session = own.add(connectHttp2(`http://${control.address}`));
    session.on("error", () => undefined);
    await once(session, "remoteSettings");
    assert.equal(session.remoteSettings.maxConcurrentStreams, 100);
    let refusedStreams = 0;
    for (let i = 0; i < 10_000; i++) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/contender.v1.ConfigService/Watch",
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => refusedStreams++);
      if (i % 1_000 === 0) await setTimeout(0);
    }
    await setWeights(40);
    session.destroy(undefined, constants.NGHTTP2_CANCEL);
    await setWeights(50);
    assert.equal(control.control.fleet.connected, 1);
  });

  it("ends a stream whose first message does not come", async () => {
    const clock = new ManualClock();
    await scene({ clock });
    const client = own.add(new Client(control.address, credentials.createInsecure()));
    const same = (bytes: Buffer): Buffer => bytes;
    const stream = client.makeBidiStreamRequest("/contender.v1.ConfigService/Watch", same, same);
    stream.on("error", () => undefined);
    let ended: number | undefined;
    stream.on("status", ({ code }) => {
      ended = code;
    });
    await setWeights(15);
    clock.advance(watchBounds.firstMessageMs - 1);
    await setWeights(20);
    assert.equal(ended, undefined);
    await until(() => {
      clock.advance(100);
      return ended === status.DEADLINE_EXCEEDED;
    }, "it was ended");
    await setWeights(25);
  });

  it("ends the stream of a sidecar that takes no messages", async () => {
    await scene({ heartbeatMs: 10 });
    const session = own.add(connectHttp2(`http://${control.address}`, { settings: { initialWindowSize: 0 } }));
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": "/contender.v1.ConfigService/Watch",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    // WatchRequest { node: { instance: "deaf" } }
    const message = Buffer.from([0x0a, 6, 0x0a, 4, ...Buffer.from("deaf")]);
    stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
    await until(() => control.control.fleet.get("deaf")?.state === "pending", "it is there");
    await until(() => control.control.fleet.get("deaf")?.state === "gone", "it is gone", 15_000);
    await setWeights(60);
  });

  it("takes so many connections, a part of them from one address, and closes the others at once", async () => {
    await scene({ connections: { connections: 20, perAddress: 10 } });
    const sockets = Array.from({ length: 15 }, () => tried(control.address));
    await until(() => sockets.filter(({ closed }) => closed).length >= 6, "those beyond are closed");
    assert.equal(sockets.filter(({ closed }) => !closed).length, 9);
    const elsewhere = tried(control.address, "127.0.0.2");
    await setWeights(70);
    assert.equal(elsewhere.closed, false);
    for (const { socket } of sockets) socket.destroy();
    await until(() => tried(control.address).socket.connecting, "a new one is tried");
    await setWeights(80);
  });

  function tried(address: string, localAddress = "127.0.0.1"): { socket: Socket; closed: boolean } {
    const [host, port] = address.split(":");
    const socket = connect({ host, port: Number(port), localAddress });
    own.add({ close: () => socket.destroy() });
    const state = { socket, closed: false };
    socket.on("error", () => undefined).on("close", () => Object.assign(state, { closed: true }));
    socket.resume();
    return state;
  }
});
