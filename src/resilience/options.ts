/**
 * Options with their default and range in one place each. A misspelt or senseless option is refused where the thing is
 * made: a breaker that silently kept its default would be found out in an outage.
 */

/** A number's default and the range it must lie in. */
export interface Rule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Whether fractions are refused. */
  readonly whole: boolean;
}

/**
 * The given options with defaults for the rest, frozen.
 * @param what names them in messages: `breaker`.
 * @throws RangeError that names every unknown key and every value out of its range.
 */
export function resolveOptions<K extends string>(
  what: string,
  rules: Readonly<Record<K, Rule>>,
  given: Readonly<Partial<Record<K, number>>>,
): Readonly<Record<K, number>> {
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(rules, name)) problems.push(`unknown ${what} option "${name}"`);
  }
  const names = Object.keys(rules) as K[];
  const resolved = names.map((name): [K, number] => {
    const { default: byDefault, min, max, whole } = rules[name];
    const own = Object.hasOwn(given, name) ? given[name] : undefined;
    const value = own === undefined ? byDefault : own;
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
      const kind = whole ? "a whole number" : "a number";
      problems.push(`${what} option "${name}": want ${kind} from ${min} to ${max}, got ${value}`);
    }
    return [name, value];
  });
  if (problems.length > 0) throw new RangeError(problems.join("; "));
  return Object.freeze(Object.fromEntries(resolved) as Record<K, number>);
}
