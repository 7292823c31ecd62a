/**
 * The assignment contract, word for word: what another program that follows it gives for the same keys. The fixture was
 * made by the Python beside it. A change here moves users of every running rollout, so it is never a mere update.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { keyFromText, murmur3Latin1 } from "../../../src/base/hash.ts";
import { md5Place, md5Places } from "../../../src/router/md5-100.ts";
import { drawSeeds, rendezvousTable, slotDraw } from "../../../src/router/rendezvous.ts";
import { ShadowSampling } from "../../../src/router/shadow-sampling.ts";
import { assign, saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { parsedValue } from "../../support/parsed.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";

interface Golden {
  readonly hashes: readonly { salt: string; key: string; hash: number; slot: number; shadow: number }[];
  readonly draws: readonly { salt: string; name: string; slot: number; draw: number }[];
  readonly rendezvous: readonly {
    salt: string;
    weights: Record<string, number>;
    keys: Record<string, string>;
    slots: Record<string, string>;
  }[];
  readonly md5: readonly {
    percents: Record<string, number>;
    champion: string;
    keys: Record<string, [number, string]>;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../fixtures/assignment/golden.json", import.meta.url), "utf8"),
) as Golden;

describe("the assignment contract", () => {
  it("hashes salts and keys as the reference does", () => {
    assert.equal(golden.hashes.length, 60);
    for (const { salt, key, hash, slot, shadow } of golden.hashes) {
      const bytes = keyFromText(key);
      const got = {
        hash: murmur3Latin1(bytes, saltSeed(salt)),
        slot: slotOf(saltSeed(salt), bytes),
        shadow: new ShadowSampling(salt, []).draw(bytes, new ScriptedChance()),
      };
      assert.deepEqual(got, { hash, slot, shadow }, `${salt} ${key}`);
    }
  });

  it("draws 52 bits for each slot and variant as the reference does", () => {
    assert.equal(golden.draws.length, 72);
    for (const { salt, name, slot, draw } of golden.draws) {
      assert.equal(slotDraw(slot, ...drawSeeds(name, saltSeed(salt))), draw, `${salt} ${name} ${slot}`);
    }
  });

  for (const { salt, weights, keys, slots } of golden.rendezvous) {
    it(`gives slots and keys the reference's variants under salt ${JSON.stringify(salt)}, ${JSON.stringify(weights)}`, () => {
      const table = parsedValue(rendezvousTable(Object.keys(weights), weights, salt));
      const bySlot = Object.keys(slots).map((slot) => [slot, table.variants[table.slots[Number(slot)] ?? -1]]);
      const byKey = Object.keys(keys).map((key) => [
        key,
        table.variants[assign(table, saltSeed(salt), keyFromText(key))],
      ]);
      assert.deepEqual(Object.fromEntries(bySlot), slots);
      assert.deepEqual(Object.fromEntries(byKey), keys);
    });
  }

  for (const { percents, champion, keys } of golden.md5) {
    it(`places keys by md5-100 as the reference does, with ${JSON.stringify(percents)}`, () => {
      const names = Object.keys(percents);
      const places = parsedValue(md5Places(names, percents, champion));
      const got = Object.keys(keys).map((key) => {
        const place = md5Place(keyFromText(key));
        return [key, [place, names[places[place] ?? -1]]];
      });
      assert.deepEqual(Object.fromEntries(got), keys);
    });
  }
});
