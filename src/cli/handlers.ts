/**
 * What the commands need of the rest of the program. `app.ts` hands it in: the command line knows configuration and how to
 * print, and nothing of sockets or models.
 *
 * A handler returns the exit code, or throws a `ContenderError`, which carries its own.
 */

import type { Address } from "../base/address.ts";
import type { ControlClient } from "../config/control-client.ts";
import type { ControlSettings } from "../config/control-settings.ts";
import type { Settings } from "../config/settings.ts";
import type { Administration } from "../model/administration.ts";
import type { RouteSpec } from "../model/route.ts";

export interface Handlers {
  /** Of the package. */
  readonly version: string;
  /** Runs until it has drained. */
  sidecar(settings: Settings): Promise<number>;
  /** The config service, until it has been told to end. */
  control(settings: ControlSettings): Promise<number>;
  /** A config service to be asked; connections are opened by the first question. */
  administration(client: ControlClient, options: AdministrationOptions): Promise<Administration>;
  /** One of a sidecar's workers, told by its primary what to do. */
  worker(): Promise<number>;
  /** Which variant a key gets, and why; the key is what a person typed. */
  explain(route: RouteSpec, key: string): Explanation;
  /** One request to a running sidecar. @throws ContenderError UPSTREAM_UNREACHABLE after `timeoutMs` of silence. */
  askAdmin(address: Address, method: "GET" | "POST", path: string, timeoutMs: number): Promise<AdminAnswer>;
  init(options: InitOptions): Promise<number>;
  readonly demo: {
    readonly defaults: DemoOptions;
    run(options: DemoOptions): Promise<number>;
  };
}

export interface AdministrationOptions {
  /** Who says that they are asking: USER@HOST. */
  readonly actor: string;
  /** Of each answer. */
  readonly timeoutMs: number;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** As the router explains it. */
export interface Explanation {
  readonly route: string;
  readonly assignment: string;
  readonly salt: string;
  readonly champion: string;
  readonly reason: string;
  /** Undefined where the key is none: each call is then drawn on its own. */
  readonly variant: string | undefined;
  readonly slot: number | undefined;
  /** Shares, 0..1, as written. */
  readonly weights: Readonly<Record<string, number>>;
  /** Shares, 0..1, as the table has them. */
  readonly shares: Readonly<Record<string, number>>;
  readonly shadows: readonly string[];
}

export interface InitOptions {
  /** Of the model server, in the form of `formatAddress`. */
  readonly address: string;
  /** Where the route file goes; `-` is standard output. */
  readonly output: string;
  /** Replace a file that is there. */
  readonly force: boolean;
  /** Name of the route; undefined takes the model's. */
  readonly route: string | undefined;
  /** Which of several models; undefined takes the only one. */
  readonly model: string | undefined;
  /** Calls sent each way to measure the added latency; 0 sends none. */
  readonly calls: number;
  /** Of each request to the model server. */
  readonly timeoutMs: number;
}

export interface DemoOptions {
  /** Stop after `seconds`; else go on until interrupted. */
  readonly once: boolean;
  readonly seconds: number;
  /** One JSON document on standard output, and nothing else there. */
  readonly json: boolean;
  /** Of champion and challenger. */
  readonly weights: readonly [number, number];
  /** Those that one route is given while traffic flows; undefined changes nothing. */
  readonly nextWeights: readonly [number, number] | undefined;
  readonly salt: string | undefined;
  /** Calls a second on each route. */
  readonly rate: number;
}
