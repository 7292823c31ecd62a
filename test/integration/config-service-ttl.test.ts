/** Routes that hold only as long as their config service is heard, over real connections and real files. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { ConfigService, type WatchStream } from "../support/config-service.ts";
import { startControl } from "../support/control.ts";
import { Follower, type FollowerOptions } from "../support/followed-service.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { routeDocument } from "../support/route-document.ts";
import { answer, type RouteOptions, sentRoute } from "../support/snapshots.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { turns, until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const weighted = (v2: number, more: RouteOptions = {}) => sentRoute({ weights: { v1: 100 - v2, v2 }, ...more });
const mortal = (v2: number) => weighted(v2, { spec: { ttl: "1m", shadows: {} } });
const heartbeat = { seconds: 100, nanos: 0 };

/** A sidecar that has these routes in force, by revision 5. */
async function following(route = mortal(10), more: Partial<FollowerOptions> = {}) {
  const service = owned.add(await ConfigService.open());
  const sidecar = owned.add(new Follower({ address: service.address, ...more }));
  const opened = sidecar.source.open();
  const stream = await service.stream(0);
  stream.send(answer(5, [route], { heartbeat }));
  await opened;
  sidecar.source.begin();
  await stream.request(1);
  return { service, sidecar, stream };
}

/** A heartbeat, heard. */
async function beat(sidecar: Follower, stream: WatchStream, version: string): Promise<void> {
  const before = sidecar.status.contactWallMs;
  stream.send({ version, nonce: "", heartbeat });
  await until(() => sidecar.status.contactWallMs !== before, "the heartbeat came");
  await turns();
}

describe("a route with a ttl", () => {
  it("is its champion's once the service is not heard for so long, and itself at the first word", async () => {
    const { sidecar, stream } = await following();
    sidecar.clock.advance(59_999);
    await turns();
    assert.equal(sidecar.weight, 10);
    sidecar.clock.advance(1);
    await until(() => sidecar.weight === 0, "the champion has all");
    assert.deepEqual(sidecar.status.state.expired, ["fraud"]);
    const { version } = answer(5, [mortal(10)]);
    stream.send({ version, nonce: "" });
    await until(() => sidecar.weight === 10, "it is itself again");
    assert.equal(sidecar.status.state.expired, undefined);
    assert.equal(sidecar.inForce?.version, version);
    assert.deepEqual(sidecar.kinds().slice(-2), ["config_expired", "config_unexpired"]);
  });

  it("is over at the start already where the service was heard too long ago", async () => {
    const folder = owned.add(new TempFolder());
    const clock = new ManualClock({ wallMs: Date.now() });
    const { service, sidecar } = await following(mortal(10), { directory: folder.path, clock });
    await sidecar.close();
    const late = new ManualClock({ wallMs: clock.wallMs() + 60_000 });
    const again = owned.add(new Follower({ address: service.address, directory: folder.path, clock: late }));
    assert.deepEqual(await again.source.open(), []);
    assert.deepEqual([again.weight, again.status.expired], [0, ["fraud"]]);
  });

  it("goes on where the service is heard, and one without a ttl goes on for ever", async () => {
    const { sidecar, stream } = await following(weighted(10));
    stream.send(answer(6, [mortal(20)]));
    await stream.request(2);
    for (let i = 0; i < 10; i++) {
      sidecar.clock.advance(20_000);
      const before = sidecar.status.contactWallMs;
      stream.send({ version: answer(6, [mortal(20)]).version, nonce: "", heartbeat: { seconds: 10, nanos: 0 } });
      await until(() => sidecar.status.contactWallMs !== before, "the heartbeat came");
    }
    assert.equal(sidecar.weight, 20);
    stream.send(answer(7, [weighted(30)]));
    await stream.request(3);
    sidecar.clock.advance(86_400_000);
    await turns();
    assert.equal(sidecar.weight, 30);
  });

  describe("that can't be put back", () => {
    const problem = { path: "fraud.variants.v2.tls.ca", message: "there is no such file" };
    const { version } = answer(5, [mortal(10)]);
    const renamed = answer(6, [mortal(10)]).version;

    /** Silent for too long, and with a file gone meanwhile. */
    async function expired() {
      const { service, sidecar, stream } = await following();
      sidecar.clock.advance(60_000);
      await until(() => sidecar.weight === 0, "the champion has all");
      sidecar.problems = [problem];
      return { service, sidecar, stream };
    }

    /** And heard again, by a service that takes it for served until another stream says otherwise. */
    async function recanted() {
      const { service, sidecar, stream } = await expired();
      stream.send({ version, nonce: "", heartbeat });
      await stream.closed();
      sidecar.clock.advance(0);
      const next = await service.stream(1);
      assert.equal((await next.request(0)).version, "");
      return { service, sidecar, stream: next };
    }

    it("is not acknowledged by another name, nor by its own", async () => {
      const { sidecar, stream } = await recanted();
      stream.send({ version: renamed, nonce: "a", heartbeat });
      const paths = (await stream.request(1)).problems.map(({ path }) => path);
      assert.deepEqual([paths, sidecar.inForce?.version], [[problem.path], `${version}+expired`]);
      const { service, expired: over } = sidecar.status.state;
      assert.deepEqual(
        [service.version, service.rejected?.map(({ path }) => path), over],
        [version, [problem.path], ["fraud"]],
      );
      stream.send({ ...answer(5, [mortal(10)]), nonce: "b" });
      assert.equal((await stream.request(2)).problems.length, 1);
      sidecar.problems = [];
      stream.send({ version: renamed, nonce: "c", heartbeat });
      assert.deepEqual((await stream.request(3)).problems, []);
      assert.deepEqual([sidecar.weight, sidecar.inForce?.version], [10, renamed]);
      assert.deepEqual([sidecar.status.version, sidecar.status.expired, sidecar.status.rejected], [renamed, [], []]);
    });

    it("is shown with the reason, and tried again at each word of the service", async () => {
      const { sidecar, stream } = await recanted();
      await until(() => sidecar.status.rejected.length === 1, "it is shown");
      assert.equal(sidecar.weight, 0);
      sidecar.problems = [];
      sidecar.clock.advance(1);
      await beat(sidecar, stream, version);
      await until(() => sidecar.weight === 10, "it is itself again");
      assert.deepEqual(sidecar.status.rejected, []);
    });

    it("takes another stream to say so, once for each that said that it is in force", async () => {
      const { service, sidecar, stream } = await recanted();
      const tried = (): number => sidecar.applied.length;
      for (let i = 0; i < 3; i++) {
        const before = tried();
        sidecar.clock.advance(1);
        await beat(sidecar, stream, version);
        await until(() => tried() > before, "it is tried again");
      }
      assert.deepEqual([service.streams.length, stream.ended], [2, false]);
      stream.end();
      await until(() => !sidecar.status.connected, "the stream is over");
      sidecar.clock.advance(0);
      const third = await service.stream(2);
      assert.equal((await third.request(0)).version, version);
      third.send({ version, nonce: "", heartbeat });
      await third.closed();
      sidecar.clock.advance(0);
      assert.equal((await (await service.stream(3)).request(0)).version, "");
    });

    it("is no longer counted as served by the config service, which is told why", async () => {
      const control = await startControl(owned.add(new TempFolder()).path, { heartbeatMs: 50 });
      owned.add(control);
      const text = routeDocument("fraud", {
        match: { models: ["fraud"] },
        ttl: "1m",
        variants: { v1: { address: "10.0.0.1:1" }, v2: { address: "10.0.0.2:1" } },
        champion: "v1",
        weights: { v1: 90, v2: 10 },
      });
      await control.call("AdminService", "ApplyRoutes", { texts: [{ name: "x", text }] });
      const sidecar = owned.add(new Follower({ address: control.address }));
      await sidecar.source.open();
      sidecar.source.begin();
      const shown = () => control.control.fleet.list()[0];
      await until(() => shown()?.state === "current", "it is in force");
      // From the moment on that the champion has all: the service is heard again at any time.
      Object.defineProperty(sidecar, "problems", { get: () => (sidecar.weight === 0 ? [problem] : []) });
      sidecar.clock.advance(60_000);
      await until(() => {
        sidecar.clock.advance(100);
        return shown()?.state === "rejected";
      }, "it is refused");
      assert.deepEqual([shown()?.problems.map(({ path }) => path), shown()?.version], [[problem.path], ""]);
    });
  });

  describe("and a restart", () => {
    const { version } = answer(5, [mortal(10)]);

    it("has as much of its time left as there was, to a quarter of it", async () => {
      const folder = owned.add(new TempFolder());
      const clock = new ManualClock({ wallMs: Date.now() });
      const { sidecar, stream } = await following(mortal(10), { directory: folder.path, clock });
      await until(() => sidecar.status.writes.get("written") === 1, "it is on disk");
      const file = folder.at("last-good.json");
      const times: number[] = [];
      for (let s = 0; s < 60; s += 5) {
        clock.advance(5_000);
        await beat(sidecar, stream, version);
        await until(() => clock.wallMs() - statSync(file).mtimeMs < 15_000, "the file knows it");
        times.push(statSync(file).mtimeMs);
      }
      // Not with every heartbeat.
      assert.ok(new Set(times).size <= 5, `${new Set(times).size} changes`);
    });

    it("has exactly as much left after an end in order", async () => {
      const folder = owned.add(new TempFolder());
      const clock = new ManualClock({ wallMs: Date.now() });
      const { service, sidecar, stream } = await following(mortal(10), { directory: folder.path, clock });
      clock.advance(14_000);
      await beat(sidecar, stream, version);
      clock.advance(1_000);
      await beat(sidecar, stream, version);
      const heardMs = clock.wallMs();
      clock.advance(3_000);
      await sidecar.close();
      const late = new ManualClock({ wallMs: heardMs + 59_000 });
      const again = owned.add(new Follower({ address: service.address, directory: folder.path, clock: late }));
      await again.source.open();
      assert.equal(again.weight, 10);
      late.advance(1_001);
      await until(() => again.weight === 0, "its time is over");
    });

    it("costs no change of the file where no route has a ttl", async () => {
      const folder = owned.add(new TempFolder());
      const clock = new ManualClock({ wallMs: Date.now() });
      const { sidecar, stream } = await following(weighted(10), { directory: folder.path, clock });
      await until(() => sidecar.status.writes.get("written") === 1, "it is on disk");
      const before = statSync(folder.at("last-good.json")).mtimeMs;
      for (let i = 0; i < 5; i++) {
        clock.advance(90_000);
        await beat(sidecar, stream, answer(5, [weighted(10)]).version);
      }
      await sidecar.close();
      assert.equal(statSync(folder.at("last-good.json")).mtimeMs, before);
    });
  });
});
