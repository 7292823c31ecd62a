/** What a setting is, and the readers that several tables of them share. */
import { type Reading, read, unreadable } from "../base/parsed.ts";

export interface Setting<T> {
  readonly env: string;
  /** In the words of the environment; "" where nothing is set. */
  readonly default: string;
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  readonly doc: string;
  /** Shapes the route made from the environment: refused beside a route file, which says it itself. */
  readonly shapesRoute?: true;
  /** Every text that it takes, where those are a few words: what a shell offers. */
  readonly words?: readonly string[];
  read(text: string): Reading<T>;
}

export const setting = <T>(declared: Setting<T>): Setting<T> => declared;

export function optional<T>(reader: (text: string) => Reading<T>): (text: string) => Reading<T | undefined> {
  return (text) => (text === "" ? read(undefined) : reader(text));
}

export function oneOf<const T extends string>(...words: readonly T[]): (text: string) => Reading<T> {
  return (text) => {
    const found = words.find((word) => word === text);
    return found === undefined
      ? unreadable(`want one of ${words.join(", ")}, got ${JSON.stringify(text)}`)
      : read(found);
  };
}

export function readBoolean(text: string): Reading<boolean> {
  if (text === "true" || text === "1") return read(true);
  if (text === "false" || text === "0") return read(false);
  return unreadable(`want true or false, got ${JSON.stringify(text)}`);
}
