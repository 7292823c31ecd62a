/** Where a sidecar's routes come from, by its settings, where no config service is asked. */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";
import { type ConfigLocation, locationName } from "./config-location.ts";
import { environmentSnapshot, routeSettingsBesideFile, surroundings } from "./environment-route.ts";
import type { Apply, RouteSource } from "./route-source.ts";
import type { Settings } from "./settings.ts";
import type { Loaded } from "./snapshot.ts";
import { type SourceEvent, SourceStatus } from "./source-status.ts";
import { type FileSource, openFileSource } from "./sources/file.ts";

export interface RoutePorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly apply: Apply;
  onEvent(event: SourceEvent): void;
}

/** Sources that are asked over a network: built elsewhere, for they take what only their builder may load. */
export type AskedRoutes = (
  location: Exclude<ConfigLocation, { readonly kind: "path" }>,
  ports: RoutePorts & { readonly status: SourceStatus; readonly name: string },
) => RouteSource;

/** The routes that the settings name beside a config service, or in its absence. */
export function routesOf(settings: Settings, ports: RoutePorts, asked: AskedRoutes): RouteSource {
  const { config } = settings;
  const problems = routeSettingsBesideFile(settings);
  if (problems.length > 0) return new FixedRoutes({ ok: false, problems, warnings: [] }, ports.apply);
  if (config === undefined) return new FixedRoutes(environmentSnapshot(settings), ports.apply);
  if (config.kind === "path") return new FileRoutes(config.path, settings, ports);
  const name = locationName(config);
  const status = new SourceStatus(name, ports.clock, (event) => ports.onEvent(event));
  return asked(config, { ...ports, status, name });
}

/** Routes that never change. */
class FixedRoutes implements RouteSource {
  readonly status = undefined;
  readonly #loaded: Loaded;
  readonly #apply: Apply;

  constructor(loaded: Loaded, apply: Apply) {
    this.#loaded = loaded;
    this.#apply = apply;
  }

  async open(): Promise<readonly Problem[]> {
    return await this.#apply(this.#loaded, true);
  }

  begin(): void {
    // Nothing comes after the first.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class FileRoutes implements RouteSource {
  readonly status = undefined;
  readonly #path: string;
  readonly #settings: Settings;
  readonly #ports: RoutePorts;
  #source: FileSource | undefined = undefined;

  constructor(path: string, settings: Settings, ports: RoutePorts) {
    this.#path = path;
    this.#settings = settings;
    this.#ports = ports;
  }

  async open(): Promise<readonly Problem[]> {
    const { apply, clock } = this.#ports;
    const options = { path: this.#path, around: surroundings(this.#settings), clock };
    this.#source = await openFileSource(options, async (loaded) => (await apply(loaded, false)).length === 0);
    return await apply(this.#source.first, true);
  }

  begin(): void {
    // It is watched already.
  }

  async close(): Promise<void> {
    await this.#source?.close();
  }
}
