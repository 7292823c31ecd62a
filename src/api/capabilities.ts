/**
 * What a sidecar must be able to do to serve a route rightly. Fields that a sidecar doesn't know are ignored on the wire, and for
 * most that is well: what it ignores was not there before. These are the ones where it is not: a sidecar that ignored them would
 * send users to another model, or their data in plain text. A new feature of that kind gets a name here, and so does every new word in
 * a field of a few words: it is not ignored, but refused, and every other route with it.
 */
import type { RouteDraft } from "../config/route-draft.ts";
import { tlsScheme } from "../config/route-rules.ts";

interface Capability {
  readonly name: string;
  /** Whether a route needs it. */
  needed(route: RouteDraft): boolean;
}

const someVariant =
  (test: (variant: RouteDraft["variants"][number][1]) => boolean) =>
  ({ variants }: RouteDraft): boolean =>
    variants.some(([, variant]) => test(variant));

const table: readonly Capability[] = [
  { name: "md5-100", needed: ({ assignment }) => assignment === "md5-100" },
  { name: "model-override", needed: someVariant(({ model }) => model !== undefined) },
  {
    name: "upstream-tls",
    needed: someVariant(({ tls, address }) => tls !== undefined || address?.startsWith(tlsScheme) === true),
  },
  { name: "insured", needed: someVariant(({ onFailure }) => onFailure === "champion") },
  { name: "warmup", needed: someVariant(({ warmup }) => warmup !== undefined) },
  { name: "ttl", needed: ({ ttlMs }) => ttlMs !== undefined },
];

/** Everything that this release can do. */
export const ownCapabilities: readonly string[] = table.map(({ name }) => name);

/** What a route needs. */
export function capabilitiesOf(route: RouteDraft): string[] {
  return table.filter(({ needed }) => needed(route)).map(({ name }) => name);
}
