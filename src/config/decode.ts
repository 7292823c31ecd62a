/**
 * Strict reading of documents that people write: unknown keys are refused, nothing is coerced, and no problem hides
 * another.
 *
 * A field that can't be read is reported and read as if it were absent, so that decoding goes on to the next one. Values
 * are plain: strings, numbers, booleans, arrays, and Maps, which keep the order of keys such as `10` and `9` where an
 * object would sort them.
 */
import { readDurationMs } from "../base/duration.ts";
import { didYouMean } from "../base/nearest.ts";

export type Path = readonly (string | number)[];

export interface Fault {
  readonly path: Path;
  readonly message: string;
}

export interface NumberRule {
  readonly least?: number;
  readonly most?: number;
  /** Zero itself is refused. */
  readonly positive?: boolean;
  readonly integer?: boolean;
}

export interface TextRule {
  readonly pattern?: RegExp;
  /** What the pattern wants, in words: `want ${wants}, got …`. */
  readonly wants?: string;
  /** What is refused may be a secret, whatever it is called: a problem goes into logs and does not quote it. */
  readonly secret?: true;
}

/** `spec.weights.v42`, `spec.key.from[0]`, `spec.weights["a b"]`. */
export function pathText(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** A value as a message shows it; long texts are cut, since a message is one line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (value instanceof Map) return "a map";
  if (Array.isArray(value)) return "a list";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** One map of a document while it is read. */
export class Fields {
  readonly path: Path;
  readonly #values: ReadonlyMap<unknown, unknown>;
  readonly #faults: Fault[];

  private constructor(values: ReadonlyMap<unknown, unknown>, path: Path, faults: Fault[]) {
    this.#values = values;
    this.path = path;
    this.#faults = faults;
  }

  /** Reads `value` as a map with no keys but `known`; undefined, and a fault, where it is something else. */
  static of(value: unknown, path: Path, known: readonly string[], faults: Fault[]): Fields | undefined {
    const fields = Fields.#map(value, path, faults);
    for (const key of fields === undefined ? [] : fields.names()) {
      if (!known.includes(key)) {
        const hint = didYouMean(key, known) || `, want ${known.join(", ")}`;
        faults.push({ path: [...path, key], message: `unknown key${hint}` });
      }
    }
    return fields;
  }

  static #map(value: unknown, path: Path, faults: Fault[]): Fields | undefined {
    if (value instanceof Map) return new Fields(value, path, faults);
    faults.push({ path, message: `want a map, got ${shown(value)}` });
    return undefined;
  }

  /** The map's keys in the order of the document, numbers among them as text. */
  names(): string[] {
    return [...this.#values.keys()].map(String);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  fail(key: string | undefined, message: string): undefined {
    this.#faults.push({ path: key === undefined ? this.path : [...this.path, key], message });
  }

  /** Reports `key` where it is absent. */
  require(...keys: readonly string[]): void {
    for (const key of keys) if (!this.has(key)) this.fail(key, "is missing");
  }

  text(key: string, rule: TextRule = {}): string | undefined {
    return this.has(key) ? this.#text(this.#values.get(key), [...this.path, key], rule) : undefined;
  }

  /** A text or a whole number, as text: versions and ids are often written without quotes. */
  textOrInteger(key: string): string | undefined {
    return this.has(key) ? this.#textOrInteger(this.#values.get(key), [...this.path, key]) : undefined;
  }

  oneOf<const T extends string>(key: string, words: readonly T[]): T | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values.get(key);
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const hint = typeof value === "string" ? didYouMean(value, words) : "";
    return this.fail(key, `want one of ${words.join(", ")}, got ${shown(value)}${hint}`);
  }

  flag(key: string): boolean | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values.get(key);
    return typeof value === "boolean" ? value : this.fail(key, `want true or false, got ${shown(value)}`);
  }

  number(key: string, rule: NumberRule = {}): number | undefined {
    if (!this.has(key)) return undefined;
    return this.#number(this.#values.get(key), [...this.path, key], rule);
  }

  durationMs(key: string): number | undefined {
    const text = this.text(key, { wants: 'a duration such as "2s"' });
    if (text === undefined) return undefined;
    const reading = readDurationMs(text);
    return reading.ok ? reading.value : this.fail(key, reading.message);
  }

  fields(key: string, known: readonly string[]): Fields | undefined {
    return this.has(key) ? Fields.of(this.#values.get(key), [...this.path, key], known, this.#faults) : undefined;
  }

  /** A map whose keys are names; each is checked by `rule`, and read even where its name is a bad one. */
  named<T>(key: string, rule: TextRule, each: (map: Fields, name: string) => T | undefined): [string, T][] | undefined {
    if (!this.has(key)) return undefined;
    const map = Fields.#map(this.#values.get(key), [...this.path, key], this.#faults);
    if (map === undefined) return undefined;
    // A key written `42:` is a number to YAML; its text is the name.
    const texts = new Fields(new Map([...map.#values].map(([k, v]) => [String(k), v])), map.path, this.#faults);
    if (texts.#values.size < map.#values.size) map.fail(undefined, "two names are the same once they are read as text");
    const read: [string, T][] = [];
    for (const name of texts.names()) {
      this.#text(name, [...texts.path, name], rule, "a name");
      const value = each(texts, name);
      if (value !== undefined) read.push([name, value]);
    }
    return read;
  }

  texts(key: string, rule: TextRule = {}): string[] | undefined {
    return this.#list(key, (value, path) => this.#text(value, path, rule));
  }

  textsOrIntegers(key: string): string[] | undefined {
    return this.#list(key, (value, path) => this.#textOrInteger(value, path, true));
  }

  numbers(key: string): number[] | undefined {
    return this.#list(key, (value, path) => this.#number(value, path, {}));
  }

  maps<T>(key: string, known: readonly string[], each: (fields: Fields) => T | undefined): T[] | undefined {
    return this.#list(key, (value, path) => {
      const fields = Fields.of(value, path, known, this.#faults);
      return fields === undefined ? undefined : each(fields);
    });
  }

  #list<T>(key: string, each: (value: unknown, path: Path) => T | undefined): T[] | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#values.get(key);
    if (!Array.isArray(value)) return this.fail(key, `want a list, got ${shown(value)}`);
    return value.flatMap((item, index) => each(item, [...this.path, key, index]) ?? []);
  }

  #text(value: unknown, path: Path, rule: TextRule, kind = "a text"): string | undefined {
    const good = typeof value === "string" && (rule.pattern === undefined ? value !== "" : rule.pattern.test(value));
    if (good) return value;
    const hidden = rule.secret === true && typeof value !== "object";
    const got = hidden ? `a ${typeof value} that is not shown` : shown(value);
    this.#faults.push({ path, message: `want ${rule.wants ?? kind}, got ${got}` });
    return undefined;
  }

  #textOrInteger(value: unknown, path: Path, empty = false): string | undefined {
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
    if (typeof value === "string" && (empty || value !== "")) return value;
    // Beyond 2^53 the digits are already lost when the document has been parsed.
    const quote = typeof value === "number" ? "; write it in quotes" : "";
    this.#faults.push({ path, message: `want a text or a whole number, got ${shown(value)}${quote}` });
    return undefined;
  }

  #number(value: unknown, path: Path, rule: NumberRule): number | undefined {
    const {
      least = Number.NEGATIVE_INFINITY,
      most = Number.POSITIVE_INFINITY,
      positive = false,
      integer = false,
    } = rule;
    if (typeof value === "number" && Number.isFinite(value) && value >= least && value <= most) {
      if ((!integer || Number.isInteger(value)) && (!positive || value > 0)) return value;
    }
    const bounds = [
      ...(positive ? ["above 0"] : []),
      ...(least > Number.NEGATIVE_INFINITY ? [`at least ${least}`] : []),
      ...(most < Number.POSITIVE_INFINITY ? [`at most ${most}`] : []),
    ];
    const wants = [integer ? "a whole number" : "a number", bounds.join(" and ")]
      .filter((part) => part !== "")
      .join(", ");
    this.#faults.push({ path, message: `want ${wants}, got ${shown(value)}` });
    return undefined;
  }
}
