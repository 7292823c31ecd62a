/** Routes in force, from documents, as a store would give them. */
import { type RouteSet, type StoredRoute, storedRoute } from "../../src/control/routes/route-set.ts";
import { routeDocument } from "./route-document.ts";

/** What a route of two variants says, beside what a test is about. */
export const twoVariants = {
  key: { from: [{ metadata: "x-user-id" }] },
  variants: { v41: { address: "10.0.0.1:8500" }, v42: { address: "10.0.0.2:8500" } },
  champion: "v41",
  weights: { v41: 90, v42: 10 },
};

/** @param specs by the names of routes; each is for the model of its name where it says nothing else */
export function routeSet(specs: Readonly<Record<string, object>>, revision = 1): RouteSet {
  const routes = Object.entries(specs).map(([name, spec]): StoredRoute => {
    const text = routeDocument(name, { match: { models: [name] }, ...twoVariants, ...spec });
    const author = { name: "tester", atMs: 0, reason: "" };
    const route = storedRoute(name, { revision, kind: "created", author, text, table: null });
    if (!("spec" in route)) throw new Error(JSON.stringify(route));
    return route;
  });
  return { id: "0123456789ab", revision, routes };
}
