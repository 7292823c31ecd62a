import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { status } from "@grpc/grpc-js";
import type { FetchResponse } from "../../../../src/api/messages.ts";
import { messageType } from "../../../../src/api/protos.ts";
import type { Callers } from "../../../../src/control/access/callers.ts";
import { Fleet } from "../../../../src/control/fleet/fleet.ts";
import { pushbackKey, type Refusal } from "../../../../src/control/ports/refusal.ts";
import { fetchRate, WatchService } from "../../../../src/control/watch/watch-service.ts";
import { openCallers } from "../../../support/control.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { routeSet } from "../../../support/route-set.ts";

const heartbeatMs = 30_000;

/** A stream by hand: when it was written to. */
class Stream extends EventEmitter {
  readonly times: number[] = [];
  ended = false;
  readonly writableLength = 0;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    super();
    this.#clock = clock;
  }

  write(): boolean {
    this.times.push(this.#clock.nowMs());
    return true;
  }

  /** Its peer reads nothing: that it has ended is seen much later. */
  end(): void {
    this.ended = true;
  }
}

function setUp(identity = "") {
  const clock = new ManualClock();
  const set = routeSet({});
  const fleet = new Fleet({ clock, storeId: () => set.id, news: () => undefined, reordered: () => undefined });
  const callers: Callers = { ...openCallers, sidecar: (...asked) => ({ ...openCallers.sidecar(...asked), identity }) };
  const ports = { clock, callers, fleet, heartbeatMs, ahead: () => undefined, counted: () => undefined };
  const service = new WatchService(ports, set);
  const join = (instance: string): Stream => {
    const stream = new Stream(clock);
    service.watch(stream as unknown as Parameters<typeof service.watch>[0]);
    const node = {
      instance,
      startedAt: null,
      namespace: "",
      workload: "",
      pod: instance,
      release: "1",
      capabilities: [],
    };
    stream.emit("data", { node, version: "", nonce: "", problems: [] });
    return stream;
  };
  /** What it is refused with, or what it is told. */
  const fetched = () =>
    new Promise<Refusal | FetchResponse>((resolve) => {
      service.fetch({ request: { node: null } } as Parameters<typeof service.fetch>[0], (refused, bytes) =>
        resolve(bytes ? messageType<FetchResponse>("FetchResponse").decode(bytes) : (refused as unknown as Refusal)),
      );
    });
  return { clock, join, fetched };
}

describe("streams of sidecars", () => {
  it("hear of us once in a heartbeat while others leave and come", () => {
    const { clock, join } = setUp();
    const leaving = Array.from({ length: 50 }, (_, i) => join(`leaving-${i}`));
    const stay = Array.from({ length: 50 }, (_, i) => join(`stay-${i}`));
    for (let tick = 0; tick < 60; tick++) {
      leaving.shift()?.emit("close");
      leaving.push(join(`new-${tick}`));
      clock.advance(heartbeatMs / 10);
    }
    const longest = stay.map(({ times }) => Math.max(...times.map((time, index) => time - (times[index - 1] ?? 0))));
    assert.ok(Math.max(...longest) <= heartbeatMs, `one heard nothing for ${Math.max(...longest)} ms`);
    assert.deepEqual([...new Set(stay.map(({ times }) => times.length))], [7]);
  });

  it("hear nothing more when they have ended, or another stream of the same process has come", () => {
    const { clock, join } = setUp();
    const [gone, old] = [join("gone"), join("twice")];
    const next = join("twice");
    gone.emit("close");
    clock.advance(3 * heartbeatMs);
    assert.deepEqual(
      [gone, old, next].map(({ times }) => times.length),
      [1, 1, 4],
    );
    assert.ok(old.ended);
  });
});

describe("what a sidecar would get", () => {
  const { perSecond, burst } = fetchRate;

  it("is told so often to one identity, which hears when it may ask again", async () => {
    const { clock, fetched } = setUp("somebody");
    for (let i = 0; i < burst; i++) assert.match(((await fetched()) as FetchResponse).version, /^[0-9a-f]{12}-/);
    const { code, details, metadata } = (await fetched()) as Refusal;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /10 calls of Fetch a second are answered to one identity/);
    assert.deepEqual(metadata.get(pushbackKey), [String(1_000 / perSecond)]);
    clock.advance(1_000 / perSecond);
    assert.ok("version" in (await fetched()));
  });

  it("is told as often as anybody asks where nobody proves anything", async () => {
    const { fetched } = setUp();
    for (let i = 0; i <= burst; i++) assert.ok("version" in (await fetched()));
  });
});
