/** What is legal in a route but most likely not meant. Nothing here stops a route from being served. */
import { isSecretHeader } from "../base/redact.ts";
import type { RouteSpec, VariantSpec } from "../model/route.ts";
import type { Fault } from "./decode.ts";
import type { RouteDraft } from "./route-draft.ts";

/** Slots of a route's table: a share below one of them rounds to nothing. */
const slots = 65_536;

const roles = new Set(["champion", "challenger", "canary", "shadow", "primary", "baseline", "control", "stable"]);

/** @param draft tells what was written from what was filled in. */
export function warnings(route: RouteSpec, draft: RouteDraft): Fault[] {
  return [...aboutWeights(route, draft), ...aboutShadows(route), ...aboutVariants(route, draft), ...aboutGates(draft)];
}

/** Whether two variants are reached at the same place: `dns:///` in front makes no difference to that. */
export function sameAddress(a: VariantSpec, b: VariantSpec): boolean {
  const plain = (variant: VariantSpec): string => variant.address.replace(/^dns:\/\/\//, "");
  return plain(a) === plain(b) && (a.authority ?? "") === (b.authority ?? "");
}

function aboutWeights(route: RouteSpec, draft: RouteDraft): Fault[] {
  const found: Fault[] = [];
  const weights = Object.entries(route.weights);
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  if (weights.length > 1 && route.key.from.length === 0) {
    found.push({
      path: ["spec", "key"],
      message: "there is no key, so every call is drawn anew: a user meets both models in turn",
    });
  }
  for (const [name, weight] of weights) {
    if (route.assignment === "slots" && weight / sum < 1 / slots) {
      found.push({ path: ["spec", "weights", name], message: `a share below 1 in ${slots} gets no calls` });
    }
  }
  if (draft.weights === undefined && draft.variants.length - draft.shadows.length > 1) {
    found.push({
      path: ["spec"],
      message: `there are no weights, so ${JSON.stringify(route.champion)} gets every call`,
    });
  }
  return found;
}

function aboutShadows(route: RouteSpec): Fault[] {
  const champion = route.variants.find(({ name }) => name === route.champion);
  return route.shadows.flatMap(({ variant }) => {
    const shadow = route.variants.find(({ name }) => name === variant);
    if (champion === undefined || shadow === undefined || !sameAddress(champion, shadow)) return [];
    return [
      {
        path: ["spec", "shadows", variant],
        message: `the shadow shares the champion's address, ${champion.address}: its copies take that server's time from live calls`,
      },
    ];
  });
}

function aboutVariants(route: RouteSpec, draft: RouteDraft): Fault[] {
  const found: Fault[] = [];
  const used = new Set([
    route.champion,
    ...(draft.weights ?? []).map(([name]) => name),
    ...draft.shadows.map(([name]) => name),
  ]);
  for (const { name, metadata } of route.variants) {
    const path = ["spec", "variants", name];
    if (draft.namesMeant !== true && roles.has(name)) {
      found.push({
        path,
        message: "named after a role: promotion moves the role on, and the name then lies (v41 does not)",
      });
    }
    if (draft.weights !== undefined && !used.has(name)) {
      found.push({ path, message: "neither champion, weighted nor a shadow: it gets no calls" });
    }
    for (const [header] of metadata) {
      if (isSecretHeader(header)) {
        found.push({ path: [...path, "metadata", header], message: "a secret in plain text, if it is one" });
      }
    }
  }
  return found;
}

function aboutGates(draft: RouteDraft): Fault[] {
  if (draft.gates === undefined) return [];
  return [{ path: ["spec", "gates"], message: "are recorded, but this version does not act on them" }];
}
