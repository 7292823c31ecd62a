/**
 * Limits of the data plane as settings.
 *
 * The modules that enforce a limit own its default, its bounds and the reason for them, and `config` may not import them;
 * here each gets a name in the environment, and a test holds both sides together.
 */
import { formatDuration, readDurationMs } from "../base/duration.ts";
import { type Reading, read, unreadable } from "../base/parsed.ts";
import { type LimitDeclaration, type LimitGroup, limitTable } from "./limit-table.ts";
import type { Setting } from "./setting.ts";

export interface LimitSetting extends Setting<number> {
  readonly group: LimitGroup;
  /** Its key in the options of the module that owns it. */
  readonly option: string;
}

/** Options of each module, by its name; only what was set: `resolveHttp2Options(limits.http2)` fills in the rest. */
export type LimitValues = Readonly<Record<LimitGroup, Readonly<Record<string, number>>>>;

/** What stands in a name for its group. */
const groupWords: Readonly<Partial<Record<LimitGroup, string>>> = { breaker: "LIMIT_BREAKER", overload: "OVERLOAD" };

export const limitSettings: readonly LimitSetting[] = Object.entries(limitTable).flatMap(([group, declarations]) =>
  Object.entries(declarations).map(([option, declared]) => settingOf(group as LimitGroup, option, declared)),
);

/** Sorts the limits that are set into the options of the modules that own them. */
export function limitsOf(
  set: Readonly<Record<string, string>>,
  values: Readonly<Record<string, unknown>>,
): LimitValues {
  const groups = Object.fromEntries(Object.keys(limitTable).map((group) => [group, {} as Record<string, number>]));
  for (const { env, group, option } of limitSettings) {
    const options = groups[group];
    if (set[env] !== undefined && options !== undefined) options[option] = Number(values[env]);
  }
  return groups as LimitValues;
}

/**
 * `streamWindowBytes` is `CONTENDER_LIMIT_STREAM_WINDOW_BYTES`; of `connectTimeoutMs` the unit goes, a duration has its
 * own. A breaker's options say nothing without their group in front, and the marks of an overload are no limits.
 */
function settingOf(group: LimitGroup, option: string, declared: LimitDeclaration): LimitSetting {
  const duration = option.endsWith("Ms");
  const words = (duration ? option.slice(0, -2) : option).replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return {
    env: `CONTENDER_${groupWords[group] ?? "LIMIT"}_${words}`,
    default: duration ? formatDuration(declared.default) : String(declared.default),
    placeholder: duration ? "DURATION" : option.endsWith("Bytes") ? "BYTES" : "NUMBER",
    doc: declared.doc,
    group,
    option,
    read: duration ? readDuration(declared) : readNumber(declared),
  };
}

function readDuration({ least, most }: LimitDeclaration): (text: string) => Reading<number> {
  return (text) => {
    const reading = readDurationMs(text);
    if (!reading.ok || (reading.value >= least && reading.value <= most)) return reading;
    return unreadable(`want ${formatDuration(least)} to ${formatDuration(most)}, got ${JSON.stringify(text)}`);
  };
}

function readNumber({ least, most, fraction = false }: LimitDeclaration): (text: string) => Reading<number> {
  const pattern = fraction ? /^[0-9]{1,16}(\.[0-9]{1,16})?$/ : /^[0-9]{1,16}$/;
  return (text) => {
    const value = pattern.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return read(value);
    return unreadable(`want a ${fraction ? "" : "whole "}number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  };
}
