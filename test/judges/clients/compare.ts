/** The same calls made twice, directly and through the sidecar: what the caller sees must be the same. */
import { isDeepStrictEqual } from "node:util";
import type { Table } from "../lib/table.ts";

/** What a client has to say of one kind of call; clients in other languages print it as a line of JSON. */
export interface Seen {
  readonly name: string;
  /** Why it did not go as a call of this kind must; "" where it did. */
  readonly problem: string;
  readonly detail: string;
  /** What must not depend on who stands in between. Metadata is a list of pairs, under `initial`, `trailing` or `heard`. */
  readonly seen: unknown;
}

/** What a sidecar adds or sets itself: who answered, which route the call took, and the upstream's name. */
const sidecarsOwn: unknown[] = ["x-contender-variant", "x-contender-hop", ":authority"];

interface Stripped {
  readonly value: unknown;
  readonly removed: readonly unknown[];
}

/** Takes the pairs that are the sidecar's own out of a value, however deep they are. */
function strip(value: unknown): Stripped {
  const removed: unknown[] = [];
  const isOwn = (each: unknown) => Array.isArray(each) && each.length === 2 && sidecarsOwn.includes(each[0]);
  const walk = (each: unknown): unknown => {
    if (Array.isArray(each)) {
      removed.push(...each.filter(isOwn).map(([name]) => name));
      return each.filter((item) => !isOwn(item)).map(walk);
    }
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([name, item]) => [name, walk(item)]));
  };
  return { value: walk(value), removed };
}

/** Every answer tells the variant, and every call that is passed on its route. */
function unmarked({ seen }: Seen, { removed }: Stripped): string {
  const text = JSON.stringify(seen) ?? "";
  if (text.includes('"initial":') && !removed.includes("x-contender-variant"))
    return "does not say which variant answered";
  if (text.includes('"heard":') && !removed.includes("x-contender-hop")) return "does not say which route was taken";
  return "";
}

function problemOf(direct: Seen, through: Seen | undefined): string {
  if (direct.problem !== "") return `directly, without the sidecar: ${direct.problem}`;
  if (through === undefined) return "was not tried through the sidecar";
  if (through.problem !== "") return through.problem;
  const [own, passed] = [strip(direct.seen), strip(through.seen)];
  if (own.removed.some((name) => name !== ":authority")) return "the direct call went through a sidecar";
  if (isDeepStrictEqual(own.value, passed.value)) return unmarked(through, passed);
  return `differs\ndirect:  ${JSON.stringify(own.value)}\nthrough: ${JSON.stringify(passed.value)}`;
}

/** A row for every kind of call that a client made. */
export function compare(table: Table, client: string, direct: readonly Seen[], through: readonly Seen[]): void {
  if (direct.length === 0) table.row(client, "made no calls", "");
  for (const each of direct) {
    const other = through.find(({ name }) => name === each.name);
    table.row(`${client}: ${each.name}`, problemOf(each, other), other?.detail ?? "");
  }
}
