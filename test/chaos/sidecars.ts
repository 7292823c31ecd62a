/** The sidecars: what each has in force at which time, by what its admin port says ten times a second. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../soak/subject.ts";
import { parseExposition, valueAt } from "../support/exposition.ts";
import { Program } from "./program.ts";

const pollMs = 100;

interface Config {
  readonly version: string;
  readonly service?: { readonly connected: boolean; readonly version?: string; readonly rejected?: readonly unknown[] };
  readonly workers?: readonly { readonly config: string }[];
  readonly routes: readonly { readonly metadata: { readonly name: string }; readonly spec: RouteSpec }[];
}
interface RouteSpec {
  readonly weights: Readonly<Record<string, number>>;
}

/** What was in force, in any of its workers, when it was looked at. */
export interface Seen {
  readonly atMs: number;
  readonly versions: readonly string[];
  readonly weights: readonly (readonly [version: string, weights: Readonly<Record<string, number>>])[];
}

export interface State {
  readonly versions: readonly string[];
  readonly connected: boolean;
  readonly rejected: boolean;
}

const now = (): number => performance.timeOrigin + performance.now();

export class Sidecar {
  readonly index: number;
  /** Of its route too, and of the workload that it says it is. */
  readonly route: string;
  readonly address: string;
  life = -1;
  program: Program | undefined = undefined;
  seen: Seen[] = [];
  state: State | undefined = undefined;
  readonly #admin: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #built: string;
  readonly #kept: string;
  #polling = false;

  private constructor(
    index: number,
    route: string,
    built: string,
    folder: string,
    ports: readonly [number, number],
    env: Readonly<Record<string, string>>,
  ) {
    this.index = index;
    this.route = route;
    this.address = `127.0.0.1:${ports[0]}`;
    this.#admin = `127.0.0.1:${ports[1]}`;
    this.#built = built;
    this.#kept = join(folder, `kept-${index}`);
    this.#env = env;
  }

  static async create(
    index: number,
    route: string,
    built: string,
    folder: string,
    env: Readonly<Record<string, string>>,
  ): Promise<Sidecar> {
    return new Sidecar(index, route, built, folder, [await freePort(), await freePort()], env);
  }

  get pod(): string {
    return `${this.route}-${this.index}-${this.life}`;
  }

  get path(): string {
    return `/${this.route}.Model/Predict`;
  }

  /** @returns the process, at once. */
  spawn(service: string): Program {
    this.life++;
    this.program = new Program(this.#built, "sidecar", {
      CONTENDER_CONTROL: service,
      CONTENDER_LISTEN: this.address,
      CONTENDER_ADMIN: this.#admin,
      CONTENDER_STATE_DIR: this.#kept,
      CONTENDER_WORKLOAD: this.route,
      CONTENDER_POD: this.pod,
      ...this.#env,
    });
    return this.program;
  }

  async start(service: string): Promise<void> {
    await rm(this.#kept, { recursive: true, force: true });
    await this.spawn(service).ready();
    this.#polling = true;
    void this.#poll();
  }

  async #poll(): Promise<void> {
    while (this.#polling) {
      await this.look().catch(() => undefined); // it is being restarted
      await setTimeout(pollMs);
    }
  }

  /** Looks at what is in force now. */
  async look(): Promise<State> {
    const answer = await fetch(`http://${this.#admin}/config`, { signal: AbortSignal.timeout(5_000) });
    const { version, workers, service, routes } = (await answer.json()) as Config;
    const versions = [...new Set([version, ...(workers ?? []).map(({ config }) => config)])];
    const weights = routes
      .filter(({ metadata }) => metadata.name === this.route)
      .map(({ spec }) => [version, spec.weights] as const);
    this.seen.push({ atMs: now(), versions, weights });
    this.state = {
      versions,
      connected: service?.connected === true,
      rejected: (service?.rejected?.length ?? 0) > 0,
    };
    return this.state;
  }

  async metric(name: string): Promise<number | undefined> {
    const answer = await fetch(`http://${this.#admin}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return valueAt(parseExposition(await answer.text()), name);
  }

  async end(): Promise<void> {
    this.#polling = false;
    await this.program?.kill();
  }
}
