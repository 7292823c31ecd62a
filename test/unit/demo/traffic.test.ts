import assert from "node:assert/strict";
import type { Answer, PredictClient } from "../../../src/demo/clients.ts";
import { callsDue, rowsOf, Traffic, type TrafficOptions, userSequence } from "../../../src/demo/traffic.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";

const rows = Array.from({ length: 10 }, (_, i) => ({ features: [i], bad: false }));

/** A client that answers when told to. */
class HeldClient implements PredictClient {
  readonly asked: { user: string; rows: readonly (readonly number[])[]; done: (result: Answer) => void }[] = [];

  predict(
    user: string,
    asked: readonly (readonly number[])[],
    done: PredictClient["predict"] extends (u: string, r: never, d: infer D) => void ? D : never,
  ): void {
    this.asked.push({ user, rows: asked, done });
  }

  close(): void {
    this.asked.length = 0;
  }
}

function setUp(more: Partial<TrafficOptions> = {}) {
  const clock = new ManualClock();
  const clients = [new HeldClient(), new HeldClient()] as const;
  const answered: number[] = [];
  const sent: number[] = [];
  const traffic = new Traffic({
    clients,
    rows,
    users: 100,
    callsPerSecond: 100,
    riseMs: 0,
    clock,
    chance: constantChance(0),
    onAnswer: (user, _, sentMs) => {
      answered.push(user);
      sent.push(sentMs);
    },
    onError: () => answered.push(-1),
    ...more,
  });
  return { clock, clients, answered, sent, traffic };
}

describe("traffic", () => {
  it("sends at its pace, over its connections in turn", () => {
    const { clock, clients, traffic } = setUp();
    clock.advance(100);
    assert.equal(traffic.sent, 10);
    assert.deepEqual(
      clients.map(({ asked }) => asked.length),
      [5, 5],
    );
  });

  it("has met all its users when it has sent as many calls", () => {
    const { clock, traffic } = setUp({ users: 5 });
    clock.advance(40);
    assert.equal(traffic.metAll, false);
    clock.advance(10);
    assert.equal(traffic.metAll, true);
  });

  it("does not wait for answers", () => {
    const { clock, traffic } = setUp();
    clock.advance(500);
    assert.equal(traffic.sent, 50);
  });

  it("leaves out what is due while too much is in flight, and does not make up for it", () => {
    const { clock, clients, traffic } = setUp({ maxInFlight: 4 });
    clock.advance(1000);
    assert.equal(traffic.sent, 4);
    for (const { done } of clients.flatMap(({ asked }) => asked)) done({ variant: "v1", rows: 1, scores: [] });
    clock.advance(20);
    assert.equal(traffic.sent, 6);
  });

  it("tells each answer with the user that asked", () => {
    const { clock, clients, answered } = setUp();
    clock.advance(20);
    const [first] = clients[0].asked;
    first?.done({ variant: "v1", rows: 1, scores: [] });
    assert.deepEqual(
      answered.map((user) => `user-${user}`),
      [first?.user],
    );
  });

  it("tells when a call was sent, however late its answer is", () => {
    const { clock, clients, sent } = setUp();
    clock.advance(10);
    clock.advance(70);
    clients[0].asked[0]?.done({ variant: "v1", rows: 1, scores: [] });
    assert.deepEqual(sent, [10]);
  });

  it("stops at once and says when the last answer is there", async () => {
    const { clock, clients, traffic } = setUp();
    clock.advance(20);
    let stopped = false;
    const stopping = traffic.stop().then(() => {
      stopped = true;
    });
    clock.advance(1000);
    assert.equal(traffic.sent, 2);
    assert.equal(clock.pending, 0);
    clients[0].asked[0]?.done({ variant: "v1", rows: 1, scores: [] });
    await Promise.resolve();
    assert.equal(stopped, false);
    clients[1].asked[0]?.done({ variant: "v1", rows: 1, scores: [] });
    await stopping;
  });
});

describe("the pace of the traffic", () => {
  for (const [elapsedMs, due] of [
    [0, 0],
    [1000, 25],
    [2000, 100],
    [3000, 200],
  ] as const) {
    it(`makes ${due} calls due after ${elapsedMs} ms on its way to 100 a second within 2 s`, () => {
      assert.equal(callsDue(elapsedMs, 100, 2000), due);
    });
  }
});

describe("the users of the traffic", () => {
  it("are each met once before any is met again", () => {
    // Steps of the golden ratio: spread over [0, 1) and the same at every run.
    let step = 0;
    const next = userSequence(500, { next: () => (++step * 0.618_033_988_75) % 1 });
    const first = Array.from({ length: 500 }, next);
    assert.deepEqual(
      first.toSorted((a, b) => a - b),
      Array.from({ length: 500 }, (_, i) => i),
    );
    assert.notDeepEqual(
      first.toSorted((a, b) => a - b),
      first,
    );
  });

  it("are drawn from all of them afterwards", () => {
    const next = userSequence(4, new ScriptedChance(0, 0, 0, 0, 0, 0.5, 0.99));
    for (let i = 0; i < 4; i++) next();
    assert.deepEqual([next(), next(), next()], [0, 2, 3]);
  });

  it("send the same one to four rows whenever they come", () => {
    assert.deepEqual(rowsOf(0, rows), [[0]]);
    assert.deepEqual(rowsOf(7, rows), [[7], [8], [9], [0]]);
    assert.deepEqual(rowsOf(7, rows), rowsOf(7, rows));
  });
});
