/**
 * What the config service says of who gets which variant, for the check of who moved. Read from its HTTP port, where it hands
 * out the routes of a version with their tables: what sidecars are told, and not what the demo's own sidecar makes of it.
 */
import { keyFromText } from "../base/hash.ts";
import { effectiveRoutes } from "../config/effective-routes.ts";
import type { SlotRange } from "../model/slots.ts";
import { SlotTable, saltSeed, slotOf } from "../router/slot-table.ts";
import { readPage } from "./page.ts";

/** Routes of one version. */
export interface ToldRoutes {
  readonly version: string;
  /** By route; none for one without a table. */
  readonly tables: ReadonlyMap<string, ToldTable>;
}

/** One route's table, with the salt that keys are hashed with. */
export class ToldTable {
  readonly #table: SlotTable;
  readonly #seed: number;

  /** Throws where the ranges are no table. */
  constructor(ranges: readonly SlotRange[], salt: string) {
    const table = SlotTable.fromRanges([...new Set(ranges.map(({ variant }) => variant))], ranges);
    if (!table.ok) throw new Error(table.problems.map(({ path, message }) => `${path}: ${message}`).join("; "));
    this.#table = table.value;
    this.#seed = saltSeed(salt);
  }

  /** Name of the variant that the key gets. */
  variantOf(key: string): string {
    const { slots, variants } = this.#table;
    return variants[slots[slotOf(this.#seed, keyFromText(key))] ?? 0] ?? "";
  }
}

/** A question that takes longer has failed: the service is on this machine. */
const timeoutMs = 5000;

/** Asks `HOST:PORT`. Rejects where there is no answer or another than routes. */
export async function askRoutes(service: string): Promise<ToldRoutes> {
  return readRoutes(await readPage(`http://${service}/v1/routes`, timeoutMs));
}

/** Throws where the text is another than routes. */
export function readRoutes(text: string): ToldRoutes {
  const told = effectiveRoutes(text);
  if (told?.version === undefined) throw new Error(`the config service answers ${JSON.stringify(text.slice(0, 200))}`);
  const tables = Object.entries(told.tables).map(([name, ranges]) => {
    return [name, new ToldTable(ranges as readonly SlotRange[], saltOf(told.routes, name))] as const;
  });
  return { version: told.version, tables: new Map(tables) };
}

/** A route that says no salt has its name for one. */
function saltOf(routes: readonly unknown[], name: string): string {
  const documents = routes as readonly { metadata: { name: string }; spec: { salt?: string } }[];
  return documents.find(({ metadata }) => metadata.name === name)?.spec.salt ?? name;
}
