/**
 * Routes as JSON, for sidecars that poll by HTTP: in the form of a sidecar's own `/config`.
 *
 * Thousands poll, every few seconds, and what they get changes a few times a day. So a view is written out once for as long as it stands,
 * and a document is read once for as long as it is in force, whatever other routes do.
 */
import { parseDocuments } from "../../config/yaml.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { View } from "../watch/views.ts";
import { rangesOf } from "./records.ts";
import type { RouteSet, StoredRoute } from "./route-set.ts";

/** In UTF-16 units, of texts that are nearly all ASCII. */
const mostKept = 67_108_864;

export class RouteDocuments {
  readonly #bodies = new BoundedMap<View, string>(mostKept, ({ length }) => length);
  readonly #documents = new WeakMap<StoredRoute, object>();

  /** @param set that the view is of */
  of(set: RouteSet, view: View): string {
    const known = this.#bodies.get(view);
    if (known !== undefined) return known;
    const names = new Set(view.routes);
    const chosen = set.routes.filter(({ name }) => names.has(name));
    const body = {
      version: view.version,
      source: "control",
      routes: chosen.map((route) => this.#document(route)),
      tables: Object.fromEntries(chosen.flatMap(({ name, runs }) => (runs === null ? [] : [[name, rangesOf(runs)]]))),
    };
    const text = `${JSON.stringify(body, null, 2)}\n`;
    this.#bodies.set(view, text);
    return text;
  }

  #document(route: StoredRoute): object {
    const known = this.#documents.get(route);
    if (known !== undefined) return known;
    const { spec, ...rest } = plainOf(parseDocuments(route.text)[0]?.value) as Record<string, object>;
    // Who selects has done so.
    const { selector: _, ...own } = spec as Record<string, unknown>;
    const document = { ...rest, spec: own };
    this.#documents.set(route, document);
    return document;
  }
}

/** Maps as objects. Names of digits alone are sorted by that, which matters to md5-100 alone, and is refused there. */
function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, inner]) => [String(key), plainOf(inner)]));
}
