/** `contender control` as a process that is told to end, and commands that had to do with it. */
import assert from "node:assert/strict";
import { Client, credentials, type StatusObject, status } from "@grpc/grpc-js";
import type { WatchResponse } from "../../src/api/messages.ts";
import { method } from "../../src/api/protos.ts";
import { type Running, start } from "../support/command.ts";
import { ControlProcess } from "../support/control-process.ts";
import { Owned } from "../support/owned.ts";
import { routeDocument } from "../support/route-document.ts";
import { until } from "../support/until.ts";

/** Streams of so many sidecars, over as many connections as they fit into. */
const watches = 2_000;
const perConnection = 100;
/** Of `CONTENDER_GRACE_PERIOD` it takes nothing: that is for calls under way. */
const gracePeriod = "60s";
const document = routeDocument("fraud", { variants: { v1: { address: "local" } }, champion: "v1" });

describe("a config service's process", function () {
  this.timeout(60_000);
  const owned = new Owned();
  afterEach(() => owned.close());

  const begin = async () => owned.add(await ControlProcess.start({ CONTENDER_GRACE_PERIOD: gracePeriod }));
  const asking = (control: ControlProcess, ...argv: readonly string[]): Running =>
    start(argv, { CONTENDER_CONTROL: control.grpc });

  /** A sidecar that never answers what it is sent. */
  function watch(client: Client, instance: string) {
    const { path, requestSerialize, responseDeserialize } = method<object, WatchResponse>("ConfigService", "Watch");
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on("error", () => undefined);
    const ended = new Promise<StatusObject>((resolve) => stream.on("status", resolve));
    const begun = new Promise((resolve) => stream.once("data", resolve));
    stream.write({ node: { instance } });
    return { begun, ended };
  }

  it(`ends within seconds with ${watches} streams open, and each is sent elsewhere`, async () => {
    const control = await begin();
    assert.equal(
      (await start(["route", "apply", "-f", "-"], { CONTENDER_CONTROL: control.grpc }, document).ended()).code,
      0,
    );
    const clients = Array.from({ length: watches / perConnection }, () => {
      const client = new Client(control.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
      owned.add(client);
      return client;
    });
    const streams = clients.flatMap((client, each) =>
      Array.from({ length: perConnection }, (_, n) => watch(client, `i-${each}-${n}`)),
    );
    await Promise.all(streams.map(({ begun }) => begun));
    const sinceMs = performance.now();
    control.signal("SIGTERM");
    assert.equal(await control.ended(), 0);
    const tookMs = performance.now() - sinceMs;
    const codes = new Set((await Promise.all(streams.map(({ ended }) => ended))).map(({ code }) => code));
    assert.deepEqual([...codes], [status.UNAVAILABLE]);
    assert.ok(tookMs < 8_000, `${tookMs} ms`);
    assert.equal(control.lines.at(-1)?.clean, true);
  });

  it("does not wait for who waits for sidecars, who tells what is known", async () => {
    const control = await begin();
    await start(["route", "apply", "-f", "-"], { CONTENDER_CONTROL: control.grpc }, document).ended();
    const client = owned.add(new Client(control.grpc, credentials.createInsecure()));
    await watch(client, "i-1").begun;
    const waiting = asking(control, "route", "weights", "fraud", "v1=1", "--wait=3s");
    waiting.child.stdout?.once("data", () => control.signal("SIGTERM"));
    assert.equal(await control.ended(), 0);
    const { code, err } = await waiting.ended();
    assert.equal(code, 69);
    assert.match(err, /revision 2 is made and stays, and which sidecars have applied it is not known/);
  });

  it("tells who would drain it as a sidecar what to do instead", async () => {
    const control = await begin();
    const { code, err } = await start(["drain", "--admin", control.http], {}).ended();
    assert.equal(code, 69);
    assert.match(err, /this is a config service, and SIGTERM is its drain: .* without a preStop hook\n$/);
    assert.equal(control.exit, undefined);
    await until(() => control.lines.some(({ event }) => event === "ready"), "it runs on");
  });
});
