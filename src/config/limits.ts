/**
 * Limits of the data plane as settings.
 *
 * The modules that enforce a limit own its default and its reason; here each gets a name in the environment, and a test
 * holds names and defaults of both sides together.
 */
import { type Reading, read, unreadable } from "../base/parsed.ts";
import type { Setting } from "./settings-table.ts";

export interface LimitSetting extends Setting<number> {
  /** The options object it belongs to. */
  readonly group: LimitGroup;
  /** Its key in there. */
  readonly option: string;
}

export const limitGroups = ["http2"] as const;
export type LimitGroup = (typeof limitGroups)[number];

/** Only what was set: `resolveHttp2Options(limits.http2)` fills in the rest. */
export type LimitValues = Readonly<Record<LimitGroup, Readonly<Record<string, number>>>>;

export const limitSettings: readonly LimitSetting[] = [];

/** Sorts the limits that are set into the options objects of the modules that own them. */
export function limitsOf(
  set: Readonly<Record<string, string>>,
  values: Readonly<Record<string, unknown>>,
): LimitValues {
  const groups = Object.fromEntries(limitGroups.map((group) => [group, {} as Record<string, number>]));
  for (const { env, group, option } of limitSettings) {
    const options = groups[group];
    if (set[env] !== undefined && options !== undefined) options[option] = Number(values[env]);
  }
  return groups as LimitValues;
}

/** A whole number between its bounds. */
export function wholeNumber(least: number, most: number): (text: string) => Reading<number> {
  return (text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return read(value);
    return unreadable(`want a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  };
}
