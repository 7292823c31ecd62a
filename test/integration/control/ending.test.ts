/** A config service that is told to end while others hold streams and calls open. */
import assert from "node:assert/strict";
import { Client, credentials, status } from "@grpc/grpc-js";
import { listServicesRequest, reflectionPaths } from "../../../src/init/reflection.ts";
import { openStore, startControl, startReplicas, type TestControl } from "../../support/control.ts";
import { Owned } from "../../support/owned.ts";
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
});
