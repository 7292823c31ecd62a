import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { PeerLink, type PeerLinkOptions, type ShareStream } from "../../../../src/control/replicas/peer-link.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { turns } from "../../../support/until.ts";

interface Message {
  readonly number: number;
  readonly is?: string;
  readonly caughtUp?: boolean;
  readonly greeting?: boolean;
}

/** A link, and by hand what it tells of and who listens. */
function setUp(names: readonly string[], options: PeerLinkOptions = {}, perishable: readonly string[] = []) {
  const clock = new ManualClock();
  const facts = new Map(names.map((name) => [name, `${name}1`]));
  const failures: string[] = [];
  const streams: (EventEmitter & { readonly written: Message[] })[] = [];
  const link = new PeerLink(
    {
      clock,
      greeting: { greeting: true },
      dial: () => {
        const written: Message[] = [];
        const stream = Object.assign(new EventEmitter(), {
          written,
          write: (message: Message) => written.push(message),
        });
        streams.push(stream);
        return { stream: stream as unknown as ShareStream, close: () => undefined };
      },
      failed: (why) => void failures.push(why),
      everything: () => names,
      perishable: () => perishable,
      read: (name) => {
        const is = facts.get(name);
        return is === undefined ? undefined : { message: { is }, bytes: 10 };
      },
    },
    options,
  );
  const last = () => streams.at(-1) as (typeof streams)[number];
  return {
    clock,
    facts,
    failures,
    link,
    streams,
    told: (of = last()) => of.written.flatMap(({ is }) => is ?? []),
    /** Acknowledges what was written and is not acknowledged yet. */
    answer(most = Number.POSITIVE_INFINITY, of = last()) {
      for (const { number } of of.written.splice(0, Math.min(most, of.written.length))) of.emit("data", { number });
    },
    break: () => last().emit("error", new Error("cut")),
    settled: async (promise: Promise<void>) => {
      let done = false;
      void promise.then(() => {
        done = true;
      });
      await turns(2);
      return done;
    },
  };
}

const many = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`);

describe("what a replica has to tell another", () => {
  it("is everything, and then that this was all", () => {
    const { link, told, answer, streams } = setUp(["a", "b"]);
    assert.deepEqual(told(), ["a1", "b1"]);
    assert.deepEqual(
      streams[0]?.written.map(({ number, greeting, caughtUp }) => [number, greeting === true, caughtUp === true]),
      [
        [1, true, false],
        [2, false, false],
        [3, false, false],
        [4, false, true],
      ],
    );
    answer(3);
    assert.equal(link.caughtUp, false);
    answer();
    assert.equal(link.caughtUp, true);
  });

  it("is on its way in part only, and goes on with each answer", () => {
    const { told, answer, link } = setUp(many(100), { messages: 4 });
    const heard: string[] = [];
    for (let i = 0; i < 100 && !link.caughtUp; i++) {
      const now = told();
      assert.ok(now.length <= 4);
      heard.push(...now.slice(0, 2));
      answer(2);
    }
    assert.equal(link.caughtUp, true);
    assert.ok(new Set(heard).size >= 98);
  });

  it("is bounded in bytes, too", () => {
    const { told, answer } = setUp(many(100), { bytes: 25 });
    assert.equal(told().length, 3);
    answer();
    assert.equal(told().length, 3);
  });

  it("is told once, as it is by then, however often it changes before", () => {
    const { link, facts, told, answer } = setUp(["a"], { messages: 2 });
    for (let i = 2; i < 100; i++) {
      facts.set("a", `a${i}`);
      void link.tell("a");
    }
    answer();
    assert.deepEqual(told(), ["a99"]);
  });

  it("is known there when the answer to the newest has come, and not to the one before", async () => {
    const { link, facts, answer, settled } = setUp([], { messages: 8 });
    answer();
    facts.set("a", "a1");
    const first = link.tell("a");
    facts.set("a", "a2");
    const second = link.tell("a");
    answer(1);
    assert.deepEqual([await settled(first), await settled(second)], [true, false]);
    answer(1);
    assert.equal(await settled(second), true);
  });

  it("holds nobody up for longer than a second where there is no answer", async () => {
    const { link, facts, clock, settled } = setUp([]);
    facts.set("a", "a1");
    const told = link.tell("a");
    clock.advance(999);
    assert.equal(await settled(told), false);
    clock.advance(1);
    assert.equal(await settled(told), true);
  });

  it("is not held up by all that was to be told before, nor holds that up", () => {
    const { link, facts, told, answer } = setUp(many(1_000), { messages: 4 });
    facts.set("new", "new1");
    void link.tell("new");
    answer();
    assert.ok(told().includes("new1"));
    assert.equal(told().length, 4);
    const fresh = Array.from({ length: 8 }, (_, i) => `fresh${i}`);
    for (const name of fresh) facts.set(name, name);
    for (let i = 0; i < 10; i++) {
      for (const name of fresh) void link.tell(name);
      answer();
      assert.deepEqual([told().length, told().filter((each) => each.startsWith("fresh")).length], [4, 2]);
    }
  });

  it("is not told where there is nothing to tell of it any more", async () => {
    const { link, told, settled, answer } = setUp([]);
    answer();
    assert.equal(await settled(link.tell("gone")), true);
    assert.deepEqual(told(), []);
  });

  it("is told on when the stream has broken, from what was not acknowledged on", () => {
    const { link, told, answer, clock, failures, break: breakIt } = setUp(many(10), { messages: 4 }, ["n0"]);
    answer(4);
    breakIt();
    assert.deepEqual([failures, link.caughtUp], [["cut"], false]);
    clock.advance(1_000);
    const heard: string[] = [];
    for (let i = 0; i < 10 && !link.caughtUp; i++) {
      heard.push(...told());
      answer();
    }
    assert.equal(link.caughtUp, true);
    // The first message was the greeting: three were acknowledged, one of which may have been given up there.
    assert.deepEqual(heard.sort(), ["n01", "n31", "n41", "n51", "n61", "n71", "n81", "n91"]);
  });

  it("arrives in the end, however little of it does before the stream breaks each time", () => {
    const { link, told, answer, clock, failures } = setUp(many(50), { messages: 16 });
    const heard = new Set<string>();
    for (let i = 0; i < 100 && !link.caughtUp; i++) {
      for (const each of told().slice(0, 3)) heard.add(each);
      answer(4);
      clock.advance(31_000);
    }
    assert.equal(heard.size, 50);
    assert.deepEqual(new Set(failures), new Set(["it does not answer"]));
  });

  it("waits for nobody where the other one can't be reached, and is told when it can", async () => {
    const { link, facts, told, clock, settled, break: breakIt } = setUp([]);
    facts.set("a", "a1");
    breakIt();
    assert.equal(await settled(link.tell("a")), true);
    clock.advance(1_000);
    assert.deepEqual(told(), ["a1"]);
  });

  it("leaves no timer when it is closed", () => {
    const { link, facts, clock, break: breakIt } = setUp(["a"]);
    facts.set("b", "b1");
    void link.tell("b");
    link.close();
    breakIt();
    assert.equal(clock.pending, 0);
  });
});
