/**
 * What a change of weights did to users, as the callers saw it, held against what the tables say.
 *
 * A user must move where the slot of the user's key changes hands, and must stay where it does not. Only of users that were met both
 * before and after it is known whether they moved.
 */
import type { ToldTable } from "./tables.ts";
import type { Met, Tally } from "./tally.ts";
import { keyOf } from "./traffic.ts";

export interface Moves {
  /** Users met both before the change and after it. */
  readonly met: number;
  /** Of these, those whose slot changed hands. */
  readonly mustMove: number;
  /** Of these, those whom another variant answered than before. */
  readonly moved: number;
  /** Those who moved though their slot did not change hands, or to another variant than has it, or were answered by several. */
  readonly movedOtherwise: number;
  /** Those who stayed though their slot changed hands. */
  readonly stayedOtherwise: number;
}

/** A variant before or after. */
export interface Standing {
  /** Share of live calls that the configuration gives it, 0 to 1. */
  readonly weight: number;
  /** Distinct users it answered. */
  readonly users: number;
  /** Its part of all users, 0 to 1. */
  readonly share: number;
}

export interface RouteChange {
  readonly route: string;
  readonly variants: readonly { readonly name: string; readonly before: Standing; readonly after: Standing }[];
  /** Null where the service told no table. */
  readonly moves: Moves | null;
}

export interface ChangeReport {
  /** As it was typed; null for a change that was made elsewhere. */
  readonly command: string | null;
  /** What the command printed. */
  readonly printed: string | null;
  /** From when the routes before were last seen in force to when those after surely were. */
  readonly tookMs: number;
  /** Answers of calls under way in that time, which count for neither side. */
  readonly leftOut: number;
  readonly routes: readonly RouteChange[];
}

/** Weights of variants by route. */
export type Weights = ReadonlyMap<string, Readonly<Record<string, number>>>;

/** What is told of the routes of a stage. */
export interface Stage {
  readonly version: string;
  readonly tables: ReadonlyMap<string, ToldTable>;
  readonly weights: Weights;
}

export function routeChange(route: string, { before, now }: Tally, was: Stage, is: Stage): RouteChange {
  const [weightsBefore, weightsAfter] = [was, is].map(({ weights }) => weights.get(route) ?? {});
  const [told, tells] = [was.tables.get(route), is.tables.get(route)];
  const names = new Set([weightsBefore, weightsAfter].flatMap((weights) => Object.keys(weights ?? {})));
  for (const name of [...(before?.variants ?? []), ...now.variants]) names.add(name);
  const variants = Array.from(names, (name) => ({
    name,
    before: standing(before, weightsBefore?.[name] ?? 0, name),
    after: standing(now, weightsAfter?.[name] ?? 0, name),
  }));
  return {
    route,
    // Shadows have neither.
    variants: variants.filter(({ before, after }) => before.weight + after.weight + before.users + after.users > 0),
    moves: told === undefined || tells === undefined || before === undefined ? null : moves(before, now, told, tells),
  };
}

export function shareOf(met: Met, variant: string): number {
  return met.all === 0 ? 0 : met.users(variant) / met.all;
}

function standing(met: Met | undefined, weight: number, variant: string): Standing {
  return { weight, users: met?.users(variant) ?? 0, share: met === undefined ? 0 : shareOf(met, variant) };
}

function moves(before: Met, after: Met, told: ToldTable, tells: ToldTable): Moves {
  const counts = { met: 0, mustMove: 0, moved: 0, movedOtherwise: 0, stayedOtherwise: 0 };
  for (const [user, from] of before.byUser) {
    if (!after.byUser.has(user)) continue;
    const to = after.byUser.get(user);
    const [mustFrom, mustTo] = [told.variantOf(keyOf(user)), tells.variantOf(keyOf(user))];
    const must = mustFrom !== mustTo;
    const moved = from !== to || from === undefined;
    counts.met++;
    if (must) counts.mustMove++;
    if (moved) counts.moved++;
    if (moved && !(must && from === mustFrom && to === mustTo)) counts.movedOtherwise++;
    if (!moved && must) counts.stayedOtherwise++;
  }
  return counts;
}

/** Whether every user of whom it is known did what the tables say. */
export function asTold({ routes }: ChangeReport): boolean {
  return routes.every(({ moves }) => moves === null || moves.movedOtherwise + moves.stayedOtherwise === 0);
}
