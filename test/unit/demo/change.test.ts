import assert from "node:assert/strict";
import { asTold, type ChangeReport, routeChange, type Stage } from "../../../src/demo/change.ts";
import { formatChanges, movesText } from "../../../src/demo/change-report.ts";
import { ToldTable } from "../../../src/demo/tables.ts";
import { Tally } from "../../../src/demo/tally.ts";
import { keyOf } from "../../../src/demo/traffic.ts";

const half = (variants: readonly [string, string]) =>
  new ToldTable(
    variants.map((variant, i) => ({ from: i * 32_768, to: (i + 1) * 32_768, variant })),
    "r",
  );
/** The first half of the slots changes hands. */
const was = half(["v1", "v2"]);
const is = half(["v3", "v2"]);

const everybody = Array.from({ length: 200 }, (_, i) => i);
const mover = everybody.find((user) => was.variantOf(keyOf(user)) === "v1") ?? assert.fail();
const stayer = everybody.find((user) => was.variantOf(keyOf(user)) === "v2") ?? assert.fail();

const stage = (table: ToldTable | undefined, weights: Record<string, number>): Stage => ({
  version: "x",
  tables: new Map(table === undefined ? [] : [["r", table]]),
  weights: new Map([["r", weights]]),
});
const before = stage(was, { v1: 0.5, v2: 0.5, v4: 0 });
const after = stage(is, { v2: 0.5, v3: 0.5, v4: 0 });

/** Whom which variants answered before and after. */
type Seen = readonly (readonly [user: number, before: readonly string[], after: readonly string[]])[];

function tallyOf(seen: Seen): Tally {
  const tally = new Tally();
  const come = (user: number, variants: readonly string[], ms: number) => {
    for (const variant of variants) tally.answered(user, { variant, rows: 1, scores: [] }, ms, ms);
    tally.confirm(ms);
  };
  for (const [user, variants] of seen) come(user, variants, 1);
  tally.turn(2);
  for (const [user, , variants] of seen) come(user, variants, 3);
  return tally;
}

const asTheTablesSay: Seen = everybody.map((user) => [user, [was.variantOf(keyOf(user))], [is.variantOf(keyOf(user))]]);

const cases: { what: string; seen: Seen; is: readonly number[] }[] = [
  { what: "a user moves who must", seen: [[mover, ["v1"], ["v3"]]], is: [1, 1, 1, 0, 0] },
  { what: "a user stays who must", seen: [[stayer, ["v2"], ["v2"]]], is: [1, 0, 0, 0, 0] },
  { what: "a user moves who must not", seen: [[stayer, ["v2"], ["v3"]]], is: [1, 0, 1, 1, 0] },
  { what: "a user stays who must move", seen: [[mover, ["v1"], ["v1"]]], is: [1, 1, 0, 0, 1] },
  { what: "a user moves to another than has the slot", seen: [[mover, ["v1"], ["v2"]]], is: [1, 1, 1, 1, 0] },
  { what: "a user moves from another than had the slot", seen: [[mover, ["v2"], ["v3"]]], is: [1, 1, 1, 1, 0] },
  { what: "several answer a user before", seen: [[stayer, ["v1", "v2"], ["v2"]]], is: [1, 0, 1, 1, 0] },
  { what: "several answer a user on both sides", seen: [[mover, ["v1", "v3"], ["v1", "v3"]]], is: [1, 1, 1, 1, 0] },
  {
    what: "users are met on one side only",
    seen: [
      [mover, ["v1"], []],
      [stayer, [], ["v3"]],
    ],
    is: [0, 0, 0, 0, 0],
  },
];

describe("the users that a change moves", () => {
  for (const { what, seen, is } of cases) {
    it(`are counted where ${what}`, () => {
      const { moves } = routeChange("r", tallyOf(seen), before, after);
      assert.ok(moves !== null);
      const { met, mustMove, moved, movedOtherwise, stayedOtherwise } = moves;
      assert.deepEqual([met, mustMove, moved, movedOtherwise, stayedOtherwise], is);
    });
  }

  it("are those whose slot changed hands, of all users", () => {
    const { moves } = routeChange("r", tallyOf(asTheTablesSay), before, after);
    const must = everybody.filter((user) => was.variantOf(keyOf(user)) === "v1").length;
    assert.deepEqual(moves, { met: 200, mustMove: must, moved: must, movedOtherwise: 0, stayedOtherwise: 0 });
  });

  it("are not judged where the service tells no table", () => {
    assert.equal(routeChange("r", tallyOf(asTheTablesSay), before, stage(undefined, {})).moves, null);
  });

  it("are seen in the shares before and after, of variants that have any", () => {
    const change = routeChange(
      "r",
      tallyOf([
        [1, ["v1"], ["v3"]],
        [2, ["v2"], []],
      ]),
      before,
      after,
    );
    assert.deepEqual(change.variants, [
      { name: "v1", before: { weight: 0.5, users: 1, share: 0.5 }, after: { weight: 0, users: 0, share: 0 } },
      { name: "v2", before: { weight: 0.5, users: 1, share: 0.5 }, after: { weight: 0.5, users: 0, share: 0 } },
      { name: "v3", before: { weight: 0, users: 0, share: 0 }, after: { weight: 0.5, users: 1, share: 1 } },
    ]);
  });
});

const report = (seen: Seen, more: Partial<ChangeReport> = {}): ChangeReport => ({
  command: "contender route weights r v2=50,v3=50",
  printed: "r has new weights, revision 2\napplied by the one sidecar",
  tookMs: 640,
  leftOut: 1234,
  routes: [routeChange("r", tallyOf(seen), before, after)],
  ...more,
});
const right: Seen = [
  [mover, ["v1"], ["v3"]],
  [stayer, ["v2"], ["v2"]],
];

describe("the report of a change", () => {
  it("has the command, its words, the shares, and who moved", () => {
    assert.equal(
      formatChanges([report(right)]),
      `$ contender route weights r v2=50,v3=50
r has new weights, revision 2
applied by the one sidecar

  route  variant  weight before  share  users  weight after  share  users
  r      v1               50.0%  50.0%      1          0.0%   0.0%      0
  r      v2               50.0%  50.0%      1         50.0%  50.0%      1
  r      v3                0.0%   0.0%      0         50.0%  50.0%      1

  r: of 2 users met before and after, 1 moved, as the tables say; moved otherwise: 0, stayed otherwise: 0
  1,234 answers came within the 0.6 s between, and count for neither side
`,
    );
  });

  it("says of one from another terminal that it is", () => {
    const text = formatChanges([report(right, { command: null, printed: null })]);
    assert.match(text, /^the routes were changed from elsewhere\n\n {2}route/);
  });

  it("shows the last five of many", () => {
    const text = formatChanges(Array.from({ length: 7 }, () => report(right)));
    assert.match(text, /^\(2 earlier changes\)\n/);
    assert.equal(text.split("$ contender").length - 1, 5);
  });

  it("does not say that all is as told where it is not", () => {
    const wrong = report([
      [mover, ["v1"], ["v1"]],
      [stayer, ["v2"], ["v3"]],
    ]);
    assert.deepEqual([asTold(report(right)), asTold(wrong)], [true, false]);
    const text = wrong.routes.map(movesText).join();
    assert.equal(
      text,
      "r: of 2 users met before and after, 1 moved, which the tables say of 1; moved otherwise: 1, stayed otherwise: 1",
    );
    assert.equal(movesText({ route: "r", variants: [], moves: null }), "r: no table says who must move");
  });
});
