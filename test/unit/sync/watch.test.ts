import assert from "node:assert/strict";
import type { NodeMessage } from "../../../src/api/messages.ts";
import type { Problem } from "../../../src/base/parsed.ts";
import { type SourceEvent, SourceStatus } from "../../../src/config/source-status.ts";
import type { Received } from "../../../src/sync/judge.ts";
import { type Request, type StreamListener, Watch } from "../../../src/sync/watch.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answer, received, sentRoute } from "../../support/snapshots.ts";
import { turns } from "../../support/until.ts";

const node = { instance: "i", pod: "p" } as NodeMessage;
const good = answer(1, [sentRoute()]);
const heartbeat = received({ version: good.version, nonce: "", heartbeat: { seconds: 5, nanos: 0 } });

class Stream {
  readonly sent: Request[] = [];
  readonly listener: StreamListener;
  cancelled = false;

  constructor(listener: StreamListener) {
    this.listener = listener;
  }
}

function world(chance = 0.5) {
  const clock = new ManualClock();
  const events: SourceEvent[] = [];
  const streams: Stream[] = [];
  const taken: Received[] = [];
  const state = {
    version: undefined as string | undefined,
    problems: [] as readonly Problem[],
    refuses: undefined as Error | undefined,
    gate: Promise.resolve(),
  };
  const status = new SourceStatus("service", clock, (event) => events.push(event));
  const watch = new Watch({
    clock,
    chance: { next: () => chance },
    status,
    node,
    open: (listener) => {
      if (state.refuses !== undefined) throw state.refuses;
      const stream = new Stream(listener);
      streams.push(stream);
      return {
        send: (request) => void stream.sent.push(request),
        cancel: () => {
          stream.cancelled = true;
        },
      };
    },
    version: () => state.version,
    heard: () => undefined,
    take: async (message) => {
      taken.push(message);
      await state.gate;
      return state.problems;
    },
  });
  const stream = (index: number): Stream => {
    const found = streams[index];
    if (found === undefined) throw new Error(`no stream ${index}`);
    return found;
  };
  return { clock, events, streams, stream, taken, state, status, watch };
}

const gone = { reason: "unreachable", detail: "gone" } as const;

describe("a sidecar's stream to the config service", () => {
  it("begins with who it is and what it has", async () => {
    const { state, stream, watch } = world();
    state.version = "v";
    watch.start();
    await turns(1);
    assert.deepEqual(stream(0).sent, [{ node, version: "v" }]);
  });

  it("is opened anew, with nothing in force, where what it said or acknowledged is not any more", async () => {
    const { clock, state, stream, streams, status, watch } = world();
    watch.start();
    await turns(1);
    const said = (index: number) => stream(index).sent[0]?.version;
    stream(0).listener.received(heartbeat);
    watch.recant();
    assert.deepEqual([said(0), stream(0).cancelled], ["", false]);
    stream(0).listener.received(received(good));
    await turns(1);
    state.version = good.version;
    watch.recant();
    watch.recant();
    assert.equal(stream(0).cancelled, true);
    clock.advance(999);
    assert.equal(streams.length, 1);
    clock.advance(1);
    await turns(1);
    assert.equal(said(1), "");
    stream(1).listener.ended(gone);
    clock.advance(10_000);
    await turns(1);
    // Nothing was heard of this one yet.
    watch.recant();
    assert.deepEqual([said(2), stream(2).cancelled, streams.length], [good.version, false, 3]);
    stream(2).listener.received(heartbeat);
    watch.recant();
    assert.deepEqual([stream(2).cancelled, status.connected, status.failures.get("garbage")], [true, false, undefined]);
    watch.close();
    assert.equal(clock.pending, 0);
  });

  it("acknowledges routes once they are in force, and not before", async () => {
    const { state, stream, watch } = world();
    const gate = Promise.withResolvers<void>();
    state.gate = gate.promise;
    watch.start();
    await turns(1);
    stream(0).listener.received(received(good));
    await turns();
    assert.equal(stream(0).sent.length, 1);
    gate.resolve();
    await turns(1);
    assert.deepEqual(stream(0).sent[1], { nonce: "n1" });
  });

  it("answers routes that it refuses with every problem", async () => {
    const { state, stream, watch } = world();
    state.problems = [
      { path: "a", message: "x", where: "w" },
      { path: "b", message: "y" },
    ];
    watch.start();
    await turns(1);
    stream(0).listener.received(received(good));
    await turns(1);
    assert.deepEqual(stream(0).sent[1], {
      nonce: "n1",
      problems: [
        { path: "a", message: "x", where: "w" },
        { path: "b", message: "y", where: "" },
      ],
    });
  });

  it("does not answer a heartbeat", async () => {
    const { stream, taken, watch } = world();
    watch.start();
    await turns(1);
    stream(0).listener.received(heartbeat);
    await turns(1);
    assert.deepEqual([stream(0).sent.length, taken.length], [1, 0]);
  });

  it("is dead after three of the heartbeats that were told, and another is opened", async () => {
    const { clock, status, stream, streams, watch } = world();
    watch.start();
    await turns(1);
    stream(0).listener.received(heartbeat);
    clock.advance(14_999);
    assert.equal(status.connected, true);
    stream(0).listener.received(heartbeat);
    clock.advance(14_999);
    assert.equal(stream(0).cancelled, false);
    clock.advance(1);
    assert.deepEqual([stream(0).cancelled, status.connected, status.failures.get("silent")], [true, false, 1]);
    clock.advance(1_000);
    assert.equal(streams.length, 2);
  });

  it("is dead after ten seconds without any answer", async () => {
    const { clock, stream, watch } = world();
    watch.start();
    await turns(1);
    clock.advance(9_999);
    assert.equal(stream(0).cancelled, false);
    clock.advance(1);
    assert.equal(stream(0).cancelled, true);
  });

  it("that ends for its age is followed by another within two seconds, and nobody is told", async () => {
    const { clock, events, state, status, stream, streams, watch } = world(0.999);
    watch.start();
    await turns(1);
    stream(0).listener.received(heartbeat);
    state.version = "v2";
    stream(0).listener.ended("normal");
    assert.equal(status.connected, false);
    clock.advance(2_000);
    await turns(1);
    assert.deepEqual(stream(1).sent, [{ node, version: "v2" }]);
    stream(1).listener.received(heartbeat);
    assert.deepEqual([streams.length, status.failures.size, status.connected], [2, 0, true]);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["config_source_connected"],
    );
  });

  it("tells once that the service is away, however often it asks, and once that it is back", async () => {
    const { clock, events, status, stream, streams, watch } = world();
    watch.start();
    await turns(1);
    stream(0).listener.received(heartbeat);
    for (let i = 0; i < 5; i++) {
      stream(i).listener.ended(gone);
      while (streams.length === i + 1) clock.advance(100);
      await turns(1);
    }
    stream(5).listener.received(heartbeat);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["config_source_connected", "config_source_lost", "config_source_connected"],
    );
    // The first was the end of a stream that lived.
    assert.equal(status.failures.get("unreachable"), 4);
  });

  it("waits longer each time that nothing comes, and starts over after an answer", async () => {
    const { clock, stream, streams, watch } = world(1 - 1e-9);
    watch.start();
    const waits: number[] = [];
    const next = async (index: number): Promise<void> => {
      await turns(1);
      stream(index).listener.ended(gone);
      const before = clock.nowMs();
      while (streams.length === index + 1) clock.advance(100);
      waits.push(clock.nowMs() - before);
    };
    for (let i = 0; i < 4; i++) await next(i);
    stream(4).listener.received(heartbeat);
    await next(4);
    await next(5);
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 2_000, 1_000]);
  });

  it("is not heard any more once it was given up", async () => {
    const { clock, stream, taken, watch } = world();
    watch.start();
    await turns(1);
    clock.advance(10_000);
    stream(0).listener.received(received(good));
    stream(0).listener.ended("normal");
    assert.equal(taken.length, 0);
  });

  it("that ended while routes were put in force is not answered", async () => {
    const { clock, state, stream, watch } = world();
    const gate = Promise.withResolvers<void>();
    state.gate = gate.promise;
    watch.start();
    await turns(1);
    stream(0).listener.received(received(good));
    stream(0).listener.ended(gone);
    clock.advance(2_000);
    gate.resolve();
    await turns();
    assert.deepEqual([stream(0).sent.length, stream(1).sent.length], [1, 1]);
  });

  it("that can't be opened for files of ours is tried again", async () => {
    const { clock, events, state, stream, watch } = world();
    state.refuses = new Error("no token");
    watch.start();
    await turns(1);
    assert.deepEqual(events[0], {
      kind: "config_source_lost",
      address: "service",
      reason: "settings",
      detail: "no token",
    });
    state.refuses = undefined;
    clock.advance(1_000);
    await turns(1);
    assert.equal(stream(0).sent.length, 1);
  });

  it("ends with its sidecar, and leaves no timer", async () => {
    const { clock, stream, watch } = world();
    watch.start();
    await turns(1);
    watch.close();
    assert.deepEqual([stream(0).cancelled, clock.pending], [true, 0]);
    watch.start();
    assert.equal(clock.pending, 0);
  });
});
