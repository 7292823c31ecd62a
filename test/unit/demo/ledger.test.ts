import assert from "node:assert/strict";
import { Ledger } from "../../../src/demo/ledger.ts";
import { type ToldRoutes, ToldTable } from "../../../src/demo/tables.ts";
import { Tally } from "../../../src/demo/tally.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const whole = (variant: string) => new ToldTable([{ from: 0, to: 65_536, variant }], "r");
const versions: Record<string, ToldRoutes> = {
  one: { version: "one", tables: new Map([["r", whole("v1")]]) },
  two: { version: "two", tables: new Map([["r", whole("v2")]]) },
};
const ran = { command: "contender route weights r v2=1", printed: "r has new weights" };

/** A sidecar and a service that answer what they are set to; a look takes 2 ms, half of them before the sidecar answers. */
async function setUp() {
  const clock = new ManualClock();
  const world = { sidecar: "one", service: "one", whileAsked: () => undefined as unknown };
  const tally = new Tally();
  const ledger = await Ledger.open({
    clock,
    tallies: new Map([["r", tally]]),
    scrape: async () => {
      clock.advance(1);
      const version = world.sidecar;
      world.whileAsked();
      clock.advance(1);
      return [
        { name: "contender_config_info", labels: { version }, value: 1 },
        {
          name: "contender_route_weight_ratio",
          labels: { route: "r", variant: version === "one" ? "v1" : "v2" },
          value: 1,
        },
      ];
    },
    askRoutes: async () => versions[world.service] ?? assert.fail(),
  });
  /** A call that is sent now and answered at once. */
  const call = (user: number, variant: string, sentMs = clock.nowMs()) =>
    tally.answered(user, { variant, rows: 1, scores: [] }, sentMs, clock.nowMs());
  return { clock, world, ledger, tally, call };
}

describe("the demo's books", () => {
  it("know of no change where there is none", async () => {
    const { ledger, tally, call } = await setUp();
    call(1, "v1");
    await ledger.look();
    assert.deepEqual([ledger.changes, tally.now.all], [[], 1]);
  });

  it("find a change from elsewhere, and leave out what lies between two looks", async () => {
    const { clock, world, ledger, call } = await setUp();
    call(1, "v1");
    call(2, "v1");
    clock.advance(1000);
    await ledger.look();
    clock.advance(500);
    call(1, "v1");
    Object.assign(world, { sidecar: "two", service: "two" });
    clock.advance(500);
    call(1, "v2");
    await ledger.look();
    call(1, "v2");
    clock.advance(1000);
    await ledger.look();
    const [change, none] = ledger.changes;
    assert.equal(none, undefined);
    assert.deepEqual([change?.command, change?.leftOut, change?.tookMs], [null, 2, 1004]);
    assert.deepEqual(change?.routes[0]?.moves, {
      met: 1,
      mustMove: 1,
      moved: 1,
      movedOtherwise: 0,
      stayedOtherwise: 0,
    });
    assert.deepEqual(
      change?.routes[0]?.variants.map(({ name, before, after }) => [name, before.users, after.users, after.weight]),
      [
        ["v1", 2, 0, 0],
        ["v2", 0, 1, 1],
      ],
    );
  });

  it("hold a command to its word: from its end on its tables are in force", async () => {
    const { clock, world, ledger, call } = await setUp();
    call(1, "v1");
    clock.advance(1000);
    const changing = ledger.during(async () => {
      clock.advance(300);
      call(1, "v2");
      Object.assign(world, { sidecar: "two", service: "two" });
      await ledger.look();
      return ran;
    });
    await changing;
    call(1, "v1");
    clock.advance(10);
    await ledger.look();
    const [change, none] = ledger.changes;
    assert.equal(none, undefined);
    assert.deepEqual([change?.command, change?.printed, change?.leftOut], [ran.command, ran.printed, 1]);
    assert.deepEqual(change?.routes[0]?.moves, {
      met: 1,
      mustMove: 1,
      moved: 0,
      movedOtherwise: 0,
      stayedOtherwise: 1,
    });
  });

  it("wait until the sidecar and the service speak of one version", async () => {
    const { clock, world, ledger } = await setUp();
    Object.assign(world, { sidecar: "two" });
    await ledger.look();
    assert.deepEqual(ledger.changes, []);
    Object.assign(world, { service: "two" });
    await ledger.look();
    assert.equal(ledger.changes.length, 1);
    clock.advance(1);
  });

  it("fail where a command says that all have it, and the sidecar has not", async () => {
    const { clock, world, ledger } = await setUp();
    const changing = ledger.during(async () => {
      Object.assign(world, { service: "two" });
      world.whileAsked = () => setImmediate(() => clock.advance(1000));
      return ran;
    });
    await assert.rejects(changing, /the sidecar serves version one, and the config service has two/);
  });

  it("go on as before after a command that failed", async () => {
    const { clock, ledger, tally, call } = await setUp();
    await assert.rejects(
      ledger.during(() => Promise.reject(new Error("no"))),
      /^Error: no$/,
    );
    call(1, "v1");
    clock.advance(1);
    await ledger.look();
    assert.deepEqual([ledger.changes, tally.now.all], [[], 1]);
  });

  it("keep each change as it was when the next one came", async () => {
    const { clock, world, ledger, call } = await setUp();
    for (const version of ["two", "one"]) {
      call(1, version === "two" ? "v1" : "v2");
      clock.advance(1);
      await ledger.look();
      Object.assign(world, { sidecar: version, service: version });
      await ledger.look();
    }
    assert.deepEqual(
      ledger.changes.map(({ routes }) =>
        routes[0]?.variants.map(({ name, before, after }) => [name, before.users, after.users]),
      ),
      [
        [
          ["v1", 1, 0],
          ["v2", 0, 1],
        ],
        [
          ["v2", 1, 0],
          ["v1", 0, 0],
        ],
      ],
    );
  });
});
