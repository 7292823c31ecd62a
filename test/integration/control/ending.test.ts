/** A config service that is told to end while others hold streams and calls open. */
import assert from "node:assert/strict";
import { Client, credentials, status } from "@grpc/grpc-js";
import { method } from "../../../src/api/protos.ts";
import type { Callers } from "../../../src/control/access/callers.ts";
import { listServicesRequest, reflectionPaths } from "../../../src/init/reflection.ts";
import { openCallers, openStore, startControl, startReplicas, type TestControl, unary } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { reportMessage } from "../../support/reports.ts";
import { routeDocument } from "../../support/route-document.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

/** Longer than a test may take: whoever is waited for fails it. */
const graceMs = 60_000;
const document = routeDocument("fraud", { variants: { v1: { address: "local" } }, champion: "v1" });

describe("a config service that ends", () => {
  const owned = new Owned();
  let folder: TempFolder;
  let control: TestControl;
  beforeEach(async () => {
    folder = owned.add(new TempFolder());
    control = await startControl(folder.at("store"), { graceMs });
  });
  afterEach(() => owned.close());

  const apply = () => control.call("AdminService", "ApplyRoutes", { texts: [{ name: "x", text: document }] });
  const isOver = (code: number, details: string): void => {
    assert.equal(code, status.UNAVAILABLE);
    assert.match(details, /this replica of the config service ends/);
  };

  it("tells who waits for sidecars to ask another replica, at once", async () => {
    await apply();
    const watch = control.watch({ instance: "a" });
    await watch.snapshot();
    const waiting = control.call("AdminService", "ListSidecars", {
      route: "fraud",
      waitForRevision: 1,
      waitAtMost: { seconds: 600 },
    });
    const refused = waiting.then(
      () => assert.fail("it was answered"),
      ({ code, details }) => isOver(code, details),
    );
    await control.call("AdminService", "ListRoutes", {});
    await control.close();
    await refused;
  });

  it("sends sidecars elsewhere, also those that have not said yet who they are", async () => {
    await apply();
    const streams = ["a", ""].map((instance) => control.watch(instance === "" ? undefined : { instance }));
    await streams[0]?.snapshot();
    await control.call("AdminService", "ListRoutes", {});
    const ended = streams.map((stream) => stream.status());
    await control.close();
    for (const { code, details } of await Promise.all(ended)) isOver(code, details);
  });

  it("takes nothing for gone that goes elsewhere", async () => {
    const store = await openStore(folder.at("shared"));
    const [one, two] = await startReplicas(store, { graceMs });
    await one.watch({ instance: "a" }).next();
    await until(() => two.control.fleet.get("a") !== undefined, "the other one knows it");
    await one.close();
    assert.equal(two.control.fleet.get("a")?.state, "unrouted");
    await until(() => two.control.leadership.leads, "the other one leads");
    await two.close();
    await store.close();
    await control.close();
  });

  it("ends streams of probes and of people who look around", async () => {
    const client = new Client(control.address, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    const paths = ["/grpc.health.v1.Health/Watch", ...reflectionPaths];
    const streams = paths.map((path, index) => {
      if (index === 0) return client.makeServerStreamRequest(path, same, same, Buffer.alloc(0));
      const stream = client.makeBidiStreamRequest(path, same, same);
      stream.write(listServicesRequest);
      return stream;
    });
    const ended = streams.map((stream) => {
      stream.on("error", () => undefined);
      return new Promise<{ code: number; details: string }>((resolve) => stream.on("status", resolve));
    });
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("data", resolve))));
    await control.close();
    for (const { code, details } of await Promise.all(ended)) isOver(code, details);
    client.close();
  });

  /** A service whose commits wait until they are let go. */
  async function holding(serverClock?: ManualClock) {
    const store = owned.add(await openStore(folder.at("held")));
    const slow = await startControl("", { store, graceMs, ...(serverClock && { serverClock }) });
    const commit = store.commit.bind(store);
    const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    store.commit = async (change) => {
      begun.resolve();
      await held.promise;
      return commit(change);
    };
    const client = owned.add(new Client(slow.address, credentials.createInsecure()));
    const { path, requestSerialize, responseDeserialize } = method<object, { revision: number }>(
      "AdminService",
      "ApplyRoutes",
    );
    const answered = Promise.withResolvers<{ revision: number }>();
    const request = { texts: [{ name: "x", text: document }] };
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (reason, answer) => {
      if (answer === undefined) answered.reject(reason);
      else answered.resolve(answer);
    });
    answered.promise.catch(() => undefined);
    await begun.promise;
    return { slow, call, applying: answered.promise, letGo: held.resolve };
  }

  it("finishes a change that is under way, and answers it", async () => {
    const { slow, applying, letGo } = await holding();
    slow.control.leave();
    let over = false;
    const closing = slow.server.close(graceMs).finally(() => {
      over = true;
    });
    await control.call("AdminService", "ListRoutes", {});
    assert.equal(over, false);
    letGo();
    assert.equal((await applying).revision, 1);
    assert.equal(await closing, true);
    await slow.close();
  });

  it("finishes a change whose caller has gone", async () => {
    const { slow, call, applying, letGo } = await holding();
    call.cancel();
    await assert.rejects(applying, { code: status.CANCELLED });
    const closing = slow.server.close(graceMs);
    await control.call("AdminService", "ListRoutes", {});
    letGo();
    assert.equal(await closing, true);
    assert.equal(slow.control.routes.revision, 1);
    await slow.close();
  });

  it("cuts a change that takes longer than it may, and says so", async () => {
    const clock = new ManualClock();
    const { slow, applying, letGo } = await holding(clock);
    const closing = slow.server.close(graceMs);
    clock.advance(graceMs - 1);
    await control.call("AdminService", "ListRoutes", {});
    clock.advance(1);
    assert.equal(await closing, false);
    await assert.rejects(applying);
    letGo();
    await slow.close();
  });

  it("ends at once, and says so, where it is told to while a change is under way", async () => {
    const { slow, applying, letGo } = await holding();
    const closing = slow.server.close(graceMs);
    slow.server.force();
    assert.equal(await closing, false);
    await assert.rejects(applying);
    letGo();
    await slow.close();
  });

  it("refuses a call whose request is not there yet, and does not wait for it", async () => {
    const client = owned.add(new Client(control.address, credentials.createInsecure()));
    const same = (bytes: Buffer): Buffer => bytes;
    const silent = ["/contender.v1.AdminService/ListRoutes", "/grpc.health.v1.Health/Check"].map((path) => {
      const stream = client.makeBidiStreamRequest(path, same, same);
      stream.on("error", () => undefined).on("data", () => undefined);
      return new Promise<{ code: number; details: string }>((resolve) => stream.on("status", resolve));
    });
    // Over the same connection, behind them.
    await unary(client, "AdminService", "ListRoutes", {});
    assert.equal(await control.server.close(graceMs), true);
    for (const { code, details } of await Promise.all(silent)) isOver(code, details);
    await control.close();
  });

  it("has told the other replicas of a report that was under way before it acknowledges it", async () => {
    const store = owned.add(await openStore(folder.at("shared")));
    let ending: Promise<void> | undefined;
    const callers: Callers = {
      ...openCallers,
      sidecar: (...asked) => {
        ending ??= one.close();
        return openCallers.sidecar(...asked);
      },
    };
    const [one, two] = await startReplicas(store, { graceMs, callers });
    await one.call("ReportService", "Report", reportMessage("a", 1));
    assert.equal(two.control.counts.ids().length, 1);
    await ending;
    await two.close();
    await control.close();
  });
});
