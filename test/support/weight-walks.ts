/**
 * Long sequences of weights such as people, rollouts and optimisers make, and such as nobody should make: what a table that is
 * derived from its predecessor has to go through without falling to pieces. The same in every run.
 */
import type { SlotRange } from "../../src/model/slots.ts";
import { nextRanges } from "../../src/router/next-table.ts";
import { mixer } from "./mixer.ts";
import { parsedValue } from "./parsed.ts";

export interface WeightWalk {
  readonly what: string;
  /** The weights after these, by variant. */
  next(weights: readonly number[], step: number, draw: () => number): number[];
}

/** Moves weight from one variant, drawn, to another. */
function between(weights: readonly number[], draw: () => number, amount: (has: number) => number): number[] {
  const after = [...weights];
  const from = Math.floor(draw() * after.length);
  const to = Math.floor(draw() * after.length);
  const moved = Math.min(after[from] ?? 0, amount(after[from] ?? 0));
  after[from] = (after[from] ?? 0) - moved;
  after[to] = (after[to] ?? 0) + moved;
  return after;
}

export const weightWalks: readonly WeightWalk[] = [
  { what: "all weights anew", next: (weights, _, draw) => weights.map(() => draw()) },
  { what: "all weights anew, most of them small", next: (weights, _, draw) => weights.map(() => draw() ** 4) },
  { what: "half of them none", next: (weights, _, draw) => weights.map(() => Math.max(0, draw() - 0.5)) },
  {
    what: "one weight anew",
    next: (weights, _, draw) => {
      const place = Math.floor(draw() * weights.length);
      const weight = draw() * 2;
      return weights.map((old, i) => (i === place ? weight : old));
    },
  },
  {
    what: "whole percents anew",
    next: (weights, _, draw) => {
      const percents = weights.map(() => 0);
      for (let i = 0; i < 100; i++) {
        const place = Math.floor(draw() * percents.length);
        percents[place] = (percents[place] ?? 0) + 1;
      }
      return percents;
    },
  },
  {
    what: "all weights a little up or down",
    next: (weights, _, draw) => weights.map((old) => Math.max(0.02, old * (0.975 + draw() * 0.05))),
  },
  {
    what: "a slot or a few from one to another",
    next: (weights, _, draw) => between(weights, draw, () => (1 + Math.floor(draw() * 3)) * (weights.length / 65_536)),
  },
  { what: "part of one to another", next: (weights, _, draw) => between(weights, draw, (has) => has * draw()) },
  { what: "every other one up, then down", next: (weights, step) => weights.map((_, i) => ((i + step) % 2 ? 49 : 51)) },
  {
    what: "round and round, evenly",
    next: (weights, step) => weights.map((_, i) => 1 + ((i + step) % weights.length)),
  },
  {
    what: "round and round, steeply",
    next: (weights, step) => weights.map((_, i) => 1.5 ** -((i + step) % weights.length)),
  },
  {
    what: "one that swings",
    next: (weights, step) => weights.map((_, i) => (i > 0 ? 5 : step % 2 ? 9 * weights.length : weights.length / 10)),
  },
  {
    what: "each that swings in its turn",
    next: (weights, step) =>
      weights.map((_, i) => (i !== Math.floor(step / 2) % weights.length ? 5 : step % 2 ? 9 * weights.length : 0.1)),
  },
  {
    what: "a new one by steps, and never all of it",
    next: (weights, step) =>
      weights.map((_, i) => {
        const age = (Math.floor(step / 6) + i) % weights.length;
        const share = [1, 5, 10, 25, 50, 90][step % 6] ?? 0;
        return age === 0 ? share : age === weights.length - 1 ? 100 - share : 2;
      }),
  },
];

export interface Walked {
  /** The most ranges that any table on the way had. */
  readonly most: number;
  readonly last: number;
}

/** Lets a table go through a walk. */
export function walkTable(walk: WeightWalk, variants: number, steps: number, seed = 1): Walked {
  const names = Array.from({ length: variants }, (_, i) => `v${i}`);
  const draw = mixer(seed);
  let weights = names.map(() => 1);
  let table: readonly SlotRange[] | undefined;
  let most = 0;
  for (let step = 0; step < steps; step++) {
    const next = walk.next(weights, step, draw);
    if (!next.some((weight) => weight > 0)) continue;
    weights = next;
    table = parsedValue(nextRanges(table, names, Object.fromEntries(names.map((name, i) => [name, weights[i] ?? 0]))));
    most = Math.max(most, table.length);
  }
  return { most, last: table?.length ?? 0 };
}

/**
 * A walk by somebody who reads the table: of six changes drawn, each of one pair, always the one that leaves the most ranges.
 */
export function walkAgainst(variants: number, steps: number, seed = 1): Walked {
  const names = Array.from({ length: variants }, (_, i) => `v${i}`);
  const draw = mixer(seed);
  let counts = names.map((_, i) => Math.floor(65_536 / variants) + (i < 65_536 % variants ? 1 : 0));
  const tableOf = (before: readonly SlotRange[] | undefined, slots: readonly number[]) =>
    parsedValue(nextRanges(before, names, Object.fromEntries(names.map((name, i) => [name, slots[i] ?? 0]))));
  let table = tableOf(undefined, counts);
  let most = 0;
  for (let step = 0; step < steps; step++) {
    let worst: { counts: number[]; table: readonly SlotRange[] } | undefined;
    for (let i = 0; i < 6; i++) {
      const name = names[Math.floor(draw() * variants)];
      const sizes = table.filter(({ variant }) => variant === name).map(({ from, to }) => to - from);
      const smallest = sizes.reduce((a, b) => Math.min(a, b), 65_536);
      const some = sizes[Math.floor(draw() * sizes.length)] ?? 0;
      const amounts = [1, smallest - 1, Math.ceil(draw() * some), Math.ceil(draw() ** 2 * 4000)];
      const amount = amounts[Math.floor(draw() * 4)] ?? 0;
      const from = names.indexOf(name ?? "");
      const to = Math.floor(draw() * variants);
      const moved = Math.min(counts[from] ?? 0, amount);
      const after = counts.with(from, (counts[from] ?? 0) - moved);
      after[to] = (after[to] ?? 0) + moved;
      const next = tableOf(table, after);
      if (worst === undefined || next.length > worst.table.length) worst = { counts: after, table: next };
    }
    if (worst !== undefined) ({ counts, table } = worst);
    most = Math.max(most, table.length);
  }
  return { most, last: table.length };
}
