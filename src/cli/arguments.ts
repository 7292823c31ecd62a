/** Readers of option values: commander prints what they throw, with the option's name in front. */
import { Argument, InvalidArgumentError, Option } from "commander";
import { formatDuration, readDurationMs } from "../base/duration.ts";
import { nameRule } from "../config/route-document.ts";

/** A whole number between its bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Want a whole number from ${least} to ${most}.`);
  };
}

/** `--timeout` with its default, in milliseconds, which help shows in the form that the flag takes. */
export function timeoutOption(about: string, defaultMs: number): Option {
  return new Option("--timeout <DURATION>", about).argParser(durationMs).default(defaultMs, formatDuration(defaultMs));
}

export function durationMs(text: string): number {
  const reading = readDurationMs(text);
  if (!reading.ok) throw new InvalidArgumentError(`W${reading.message.slice(1)}.`);
  if (reading.value === 0) throw new InvalidArgumentError("Want more than no time at all.");
  return reading.value;
}

/** `80/20`: the champion's weight, then the challenger's. */
export function weightPair(text: string): readonly [number, number] {
  const [, champion, challenger] = /^([0-9]{1,6}(?:\.[0-9]+)?)\/([0-9]{1,6}(?:\.[0-9]+)?)$/.exec(text) ?? [];
  const weights = [Number(champion), Number(challenger)] as const;
  if (weights[0] + weights[1] > 0) return weights;
  throw new InvalidArgumentError('Want two weights such as "80/20", not both zero.');
}

/** The same, or `none`. */
export function weightPairOrNone(text: string): readonly [number, number] | "none" {
  return text === "none" ? text : weightPair(text);
}

/** `<NAME>` of a route. */
export function routeNameArgument(): Argument {
  return new Argument("<NAME>", "name of the route").argParser(routeName);
}

export function routeName(text: string): string {
  if (nameRule.pattern.test(text)) return text;
  throw new InvalidArgumentError(`Want ${nameRule.wants}.`);
}
