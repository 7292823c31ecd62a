/** What becomes of sidecars' word that a store was put back. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ContenderError } from "../../../../src/base/errors.ts";
import { type Claimant, Claims, type Seen } from "../../../../src/control/watch/claims.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const by = (instance: string): Claimant => ({ instance, identity: "sidecars" });

/** A store at revision 5 of whichever id it has; it is given `s2`, `s3`, ... */
function world({ alone = false } = {}) {
  const clock = new ManualClock();
  const told: string[] = [];
  const asked: Seen[] = [];
  const counts = { restored: 0, waits: 0, refused: 0 };
  const state = { id: "s1", ids: 1, away: false, given: alone ? "s1" : "" };
  const claims: Claims = new Claims({
    clock,
    knowsAll: (id) => id === state.given,
    restored: async (seen) => {
      asked.push(seen);
      await setImmediate();
      if (state.away) throw new ContenderError("STORE_UNAVAILABLE", "away");
      if (seen.store !== state.id || seen.revision <= 5) return false;
      state.id = `s${++state.ids}`;
      claims.renamed();
      return true;
    },
    failed: (why) => void told.push(why),
    told: (outcome, { revision }, { instance }, more) => void told.push(`${outcome} ${revision} ${instance} ${more}`),
    counted: (outcome) => {
      counts[outcome]++;
    },
  });
  const passed = async (ms = 0) => {
    clock.advance(ms);
    for (let i = 0; i < 5; i++) await setImmediate();
  };
  const said = (revision: number, instance = "a") => claims.said({ store: state.id, revision }, by(instance));
  return { claims, clock, told, asked, state, counts, passed, said };
}

describe("sidecars that say they have seen more of a store than there is", () => {
  it("have it renamed at once, and asked once for all of them", async () => {
    const { said, passed, state, asked, told } = world();
    for (const instance of ["a", "b", "c"]) said(9, instance);
    await passed();
    assert.equal(state.id, "s2");
    assert.deepEqual(told, ["restored 9 a 0"]);
    assert.equal(asked.filter(({ store }) => store === "s1").length, 1);
  });

  it("have it renamed once in a minute, however many they are", async () => {
    const { said, passed, state, counts, told } = world();
    for (let second = 0; second < 180; second++) {
      for (let i = 0; i < 10; i++) said(9 + i, `a${i}`);
      await passed(1_000);
    }
    assert.equal(state.id, "s4");
    assert.deepEqual([counts.restored, counts.refused], [3, 0]);
    assert.ok(told.length < 60, `${told.length} lines`);
  });

  it("are heard when the minute is over, also where they said it once", async () => {
    const { said, passed, state, told } = world();
    said(9, "a");
    await passed();
    said(8, "b");
    said(7, "c");
    await passed(59_999);
    assert.equal(state.id, "s2");
    await passed(1);
    assert.equal(state.id, "s3");
    assert.deepEqual(told, ["restored 9 a 0", "waits 8 b 0", "restored 8 b 0"]);
  });

  it("wait also where another replica gave the new id, and are forgotten where they meant an older one", async () => {
    const { claims, said, passed, state, asked, told } = world();
    claims.renamed();
    said(9);
    state.id = "s9";
    await passed(60_000);
    assert.deepEqual([asked, told], [[{ store: "s1", revision: 9, by: by("a") }], ["waits 9 a 0"]]);
    assert.equal(state.id, "s9");
  });

  it("don't keep a service from what it has seen itself", async () => {
    const { claims, said, passed, state } = world();
    said(9);
    await passed();
    said(9);
    claims.saw({ store: "s2", revision: 6 });
    await passed();
    assert.equal(state.id, "s3");
  });

  it("are refused where every revision went through this service", async () => {
    const { said, passed, state, told, counts, asked } = world({ alone: true });
    for (let i = 0; i < 20; i++) said(9, `a${i}`);
    await passed(120_000);
    said(9, "z");
    assert.deepEqual(told, ["refused 9 a0 0", "refused 9 z 19"]);
    assert.deepEqual([state.id, counts.refused, asked.length], ["s1", 21, 0]);
  });

  it("are asked about again where the store did not answer", async () => {
    const { said, passed, state, told } = world();
    state.away = true;
    said(9);
    await passed();
    state.away = false;
    await passed(1_000);
    assert.equal(state.id, "s2");
    assert.deepEqual(told, ["ContenderError: [STORE_UNAVAILABLE] away", "restored 9 a 0"]);
  });

  it("are not heard any more once the service ends", async () => {
    const { claims, said, passed, state, clock } = world();
    said(9);
    await passed();
    said(9);
    claims.close();
    assert.equal(clock.pending, 0);
    await passed(60_000);
    assert.equal(state.id, "s2");
  });
});
