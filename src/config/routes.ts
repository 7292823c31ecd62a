/** Where a sidecar's routes come from, by its settings: a watched path, or the environment, which never changes. */
import type { Clock } from "../base/clock.ts";
import { environmentSnapshot, routeSettingsBesideFile, surroundings } from "./environment-route.ts";
import type { Settings } from "./settings.ts";
import type { Loaded } from "./snapshot.ts";
import { type Deliver, openFileSource } from "./sources/file.ts";

export interface RouteSource {
  /** What there was at the start; later contents go to `deliver`. */
  readonly first: Loaded;
  close(): Promise<void>;
}

/**
 * Opens the routes that the settings name. `deliver` is told of each later change, good or bad, one after the other.
 *
 * A lone sidecar that starts with bad routes has nothing to serve: whoever calls this ends the process then.
 */
export async function openRoutes(settings: Settings, clock: Clock, deliver: Deliver): Promise<RouteSource> {
  const problems = routeSettingsBesideFile(settings);
  if (problems.length > 0) return fixed({ ok: false, problems, warnings: [] });
  if (settings.config === undefined) return fixed(environmentSnapshot(settings));
  if (settings.config.kind !== "path") throw new Error(`no source for ${settings.config.kind} yet`);
  return await openFileSource({ path: settings.config.path, around: surroundings(settings), clock }, deliver);
}

const fixed = (first: Loaded): RouteSource => ({ first, close: () => Promise.resolve() });
