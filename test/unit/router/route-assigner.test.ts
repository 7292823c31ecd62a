import assert from "node:assert/strict";
import fc from "fast-check";
import type { Chance } from "../../../src/base/chance.ts";
import { keyFromText } from "../../../src/base/hash.ts";
import type { RouteSpec } from "../../../src/model/route.ts";
import { slotCount } from "../../../src/model/slots.ts";
import { md5Place } from "../../../src/router/md5-100.ts";
import { rendezvousTable } from "../../../src/router/rendezvous.ts";
import { Assignment, compileAssigner, type UndrawnReason } from "../../../src/router/route-assigner.ts";
import { assign, saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";
import { routeSpec, shadowSpec, variantSpec } from "../../support/routes.ts";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";

const noChance = new ScriptedChance();
const weights = { v41: 70, v42: 20, v43: 10 };

interface Call {
  readonly key?: string;
  readonly pin?: string;
  readonly undrawn?: UndrawnReason;
}

/** What a route decides for one call, with chance that must not be asked unless it is given. */
function decide(route: RouteSpec, { key, pin, undrawn }: Call, chance: Chance = noChance): Assignment {
  const into = new Assignment();
  parsedValue(compileAssigner(route)).decide(into, key, pin, undrawn, chance);
  return into;
}

const assignment = (given: Partial<Assignment>): Assignment => Object.assign(new Assignment(), given);

describe("a route's assigner", () => {
  it("gives a key the variant of its slot", () => {
    const table = parsedValue(rendezvousTable(["v41", "v42", "v43"], weights, "s"));
    const assigner = parsedValue(compileAssigner(routeSpec({ weights, salt: "s" })));
    const into = new Assignment();
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (key) => {
        assigner.decide(into, key, undefined, undefined, noChance);
        const slot = slotOf(saltSeed("s"), key);
        assert.deepEqual(
          into,
          assignment({ variant: assign(table, saltSeed("s"), key), reason: "weight", slot, keyed: true }),
        );
      }),
    );
  });

  it("gives a key the same variant whatever the order of the variants, by name", () => {
    const names = ["v41", "v42", "v43"];
    const one = parsedValue(compileAssigner(routeSpec({ weights })));
    const other = parsedValue(
      compileAssigner(routeSpec({ weights, variants: [...names].reverse().map((name) => variantSpec(name)) })),
    );
    const [a, b] = [new Assignment(), new Assignment()];
    for (let i = 0; i < 1000; i++) {
      one.decide(a, `user-${i}`, undefined, undefined, noChance);
      other.decide(b, `user-${i}`, undefined, undefined, noChance);
      assert.equal(one.route.variants[a.variant]?.name, other.route.variants[b.variant]?.name);
    }
  });

  it("takes the table that came with a snapshot instead of drawing one", () => {
    const ranges = [
      { from: 0, to: 1, variant: "v43" },
      { from: 1, to: slotCount, variant: "v42" },
    ];
    const assigner = parsedValue(compileAssigner(routeSpec({ weights }), ranges));
    assert.deepEqual([assigner.places[0], assigner.places[1], assigner.places[slotCount - 1]], [2, 1, 1]);
  });

  it("draws over the same table without a key, and says that it did", () => {
    const route = routeSpec({ weights: { v42: 100 } });
    for (const key of [undefined, ""] as const) {
      const given = key === undefined ? {} : { key };
      assert.deepEqual(
        decide(route, given, constantChance(0.5)),
        assignment({ variant: 1, reason: "no_key", slot: 32_768 }),
      );
      assert.equal(decide(route, given, constantChance(1 - 2 ** -53)).slot, slotCount - 1);
    }
  });

  it("draws in proportion to the weights", () => {
    const assigner = parsedValue(compileAssigner(routeSpec({ weights })));
    const into = new Assignment();
    const seen = [0, 0, 0];
    for (let i = 0; i < slotCount; i++) {
      assigner.decide(into, undefined, undefined, undefined, { next: () => i / slotCount });
      seen[into.variant] = (seen[into.variant] ?? 0) + 1;
    }
    assert.deepEqual(seen, parsedValue(rendezvousTable(["v41", "v42", "v43"], weights, "fraud")).counts());
  });

  it("stays within the table even where chance breaks its word", () => {
    assert.equal(decide(routeSpec({ weights }), {}, { next: () => 1 }).slot, 0);
  });

  it("places keys, and draws for those without, by md5-100 where the route says so", () => {
    const route = routeSpec({ weights, assignment: "md5-100" });
    assert.deepEqual(decide(route, {}, constantChance(0.295)), assignment({ variant: 2, reason: "no_key", slot: 29 }));
    assert.deepEqual(decide(route, {}, constantChance(0.305)), assignment({ variant: 0, reason: "no_key", slot: 30 }));
    const place = md5Place("user-1");
    const variant = place < 20 ? 1 : place < 30 ? 2 : 0;
    assert.deepEqual(
      decide(route, { key: "user-1" }),
      assignment({ variant, reason: "weight", slot: place, keyed: true }),
    );
  });

  const pinning = routeSpec({ weights: { v41: 100 }, pin: true });
  const champion = { variant: 0, slot: -1 } as const;
  const rows: { what: string; route: RouteSpec; call: Call; want: Partial<Assignment> }[] = [
    {
      what: "a pin, also to a variant without weight",
      route: pinning,
      call: { key: "k", pin: "v43" },
      want: { variant: 2, reason: "pinned", slot: -1, keyed: true },
    },
    {
      what: "a pin over what forbids a draw",
      route: pinning,
      call: { pin: "v42", undrawn: "peek_limit" },
      want: { variant: 1, reason: "pinned", slot: -1 },
    },
    {
      what: "a hop over a pin",
      route: pinning,
      call: { pin: "v42", undrawn: "hop" },
      want: { ...champion, reason: "hop" },
    },
    {
      what: "what is no prediction over a pin",
      route: pinning,
      call: { pin: "v42", undrawn: "not_prediction" },
      want: { ...champion, reason: "not_prediction" },
    },
    {
      what: "an unknown pin: to be refused",
      route: pinning,
      call: { key: "k", pin: "v99" },
      want: { ...champion, reason: "malformed", keyed: true, unknownPin: true },
    },
    {
      what: "an empty pin: to be refused",
      route: pinning,
      call: { pin: "" },
      want: { ...champion, reason: "malformed", unknownPin: true },
    },
    {
      what: "a pin where the route takes none, by drawing",
      route: routeSpec({ weights: { v41: 100 } }),
      call: { key: "k", pin: "v99" },
      want: { variant: 0, reason: "weight", slot: slotOf(saltSeed("fraud"), "k"), keyed: true },
    },
    ...(["hop", "not_prediction", "multi_key", "no_model", "peek_limit", "compressed", "malformed"] as const).map(
      (undrawn) => ({
        what: `${undrawn}, by the champion even where it has no weight`,
        route: routeSpec({ weights: { v42: 100 } }),
        call: { key: "k", undrawn },
        want: { ...champion, reason: undrawn, keyed: true },
      }),
    ),
  ];
  for (const { what, route, call, want } of rows) {
    it(`decides ${what}`, () => assert.deepEqual(decide(route, call), assignment(want)));
  }

  it("takes a pin by its bytes, where a variant's name is not ASCII", () => {
    const route = routeSpec({ pin: true, variants: [variantSpec("v41"), variantSpec("größer")] });
    assert.equal(decide(route, { pin: keyFromText("größer") }).variant, 1);
  });

  it("sets every field of a used assignment anew", () => {
    const assigner = parsedValue(compileAssigner(pinning));
    const into = new Assignment();
    assigner.decide(into, "k", "v99", undefined, noChance);
    assigner.decide(into, undefined, undefined, "malformed", noChance);
    assert.deepEqual(into, assignment({ ...champion, reason: "malformed" }));
    assigner.decide(into, "k", undefined, undefined, noChance);
    assigner.decide(into, undefined, "v42", undefined, noChance);
    assert.deepEqual(into, assignment({ variant: 1, reason: "pinned", slot: -1 }));
  });

  it("keeps to its outcomes whatever it is given", () => {
    const undrawn = fc.constantFrom(undefined, "hop", "multi_key", "malformed" as const);
    const text = fc.option(fc.string(), { nil: undefined });
    const assigners = (["slots", "md5-100"] as const).map((scheme) =>
      parsedValue(compileAssigner(routeSpec({ weights, pin: true, assignment: scheme }))),
    );
    const into = new Assignment();
    const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...assigners), text, text, undrawn, anyChance, (assigner, key, pin, why, value) => {
        assigner.decide(into, key, pin, why as UndrawnReason | undefined, constantChance(value));
        assert.ok(into.variant >= 0 && into.variant < 3);
        assert.ok(into.slot >= -1 && into.slot < assigner.places.length);
        assert.equal(into.slot >= 0, into.reason === "weight" || into.reason === "no_key");
      }),
    );
  });
});

describe("compiling a route's assigner", () => {
  it("refuses a route with every problem at once", () => {
    const route = routeSpec({ weights: { v41: 0, v99: 1 }, champion: "v40", shadows: [shadowSpec("v43", 101)] });
    assert.deepEqual(problemLinesOf(compileAssigner(route)), [
      "shadows.v43.percent: want a number from 0 to 100, got 101",
      "weights.v99: want a variant of the route",
      'champion: want a variant of the route, got "v40"',
    ]);
  });

  it("refuses wrong ranges and wrong weights together", () => {
    const ranges = [{ from: 0, to: 5, variant: "v41" }];
    assert.deepEqual(problemLinesOf(compileAssigner(routeSpec({ weights: { v41: -1 } }), ranges)), [
      "weights.v41: want a finite number of at least 0, got -1",
      "weights: want a weight above 0, got none",
      "slots: want ranges up to 65536, got them up to 5",
    ]);
    const whole = [{ from: 0, to: slotCount, variant: "v41" }];
    assert.deepEqual(problemLinesOf(compileAssigner(routeSpec({ weights: {} }), whole)), [
      "weights: want a weight above 0, got none",
    ]);
  });

  it("names a missing champion once with md5-100 too", () => {
    const route = routeSpec({ champion: "v40", assignment: "md5-100" });
    assert.deepEqual(problemLinesOf(compileAssigner(route)), ['champion: want a variant of the route, got "v40"']);
  });
});
