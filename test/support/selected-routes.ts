/** Routes by their selectors, for what chooses among them. */
import type { Labels } from "../../src/control/routes/selection.ts";
import type { RouteSpec, SelectorSpec } from "../../src/model/route.ts";
import { routeSpec } from "./routes.ts";

export const nobody: Labels = { namespace: undefined, workload: undefined, pod: undefined };

const selector = (given: Partial<SelectorSpec>): SelectorSpec => ({
  ...nobody,
  first: undefined,
  percent: undefined,
  ...given,
});

export const route = (name: string, given: Partial<SelectorSpec> = {}, more: Partial<RouteSpec> = {}) => ({
  spec: routeSpec({ name, selector: selector(given), ...more }),
});

export const names = (routes: readonly { readonly spec: RouteSpec }[]) => routes.map(({ spec }) => spec.name);

export const models = (...models: string[]) => ({ match: { dialect: undefined, models, services: [] } });
