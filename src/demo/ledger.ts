/**
 * Keeps the callers' books by the routes that were in force: which version the sidecar says it serves, which tables the config
 * service says that version has, and so which stage an answer belongs to.
 *
 * Changes are made by the demo's own command or from another terminal. Of the first it is known to the millisecond from when on they
 * must hold, since the command returns when every sidecar has applied them; the others are found at the next look.
 */
import type { Clock } from "../base/clock.ts";
import { type ChangeReport, routeChange, type Stage, type Weights } from "./change.ts";
import type { RanCommand } from "./commands.ts";
import { type MetricSample, select } from "./exposition.ts";
import type { ToldRoutes } from "./tables.ts";
import type { Tally } from "./tally.ts";

export interface LedgerPorts {
  readonly clock: Clock;
  /** By route. */
  readonly tallies: ReadonlyMap<string, Tally>;
  /** The sidecar's metrics. */
  readonly scrape: () => Promise<MetricSample[]>;
  /** The config service's routes. */
  readonly askRoutes: () => Promise<ToldRoutes>;
}

/** How long the sidecar and the service may differ after a command that waited for all sidecars. */
const agreeMs = 5000;
const pollMs = 50;

export class Ledger {
  readonly #ports: LedgerPorts;
  #stage: Stage;
  /** When this stage was last known to be in force. */
  #seenMs: number;
  /** While a command of the demo changes something: nothing is concluded. */
  #held = false;
  /** The stage before, and how it came to this one. */
  #last: { readonly was: Stage; readonly ran: RanCommand | undefined; readonly tookMs: number } | undefined;
  readonly #closed: ChangeReport[] = [];

  private constructor(ports: LedgerPorts, stage: Stage) {
    this.#ports = ports;
    this.#stage = stage;
    this.#seenMs = ports.clock.nowMs();
  }

  /** Before the first call is sent. */
  static async open(ports: LedgerPorts): Promise<Ledger> {
    return new Ledger(ports, await agreed(ports));
  }

  /** What the sidecar says now, with the books kept by it. */
  async look(): Promise<MetricSample[]> {
    const { clock, scrape, askRoutes } = this.#ports;
    const stage = this.#stage;
    const askedMs = clock.nowMs();
    const samples = await scrape();
    const answeredMs = clock.nowMs();
    const version = versionIn(samples);
    const told = version === stage.version ? undefined : await askRoutes();
    // Another look or a command may have been faster.
    if (this.#held || stage !== this.#stage) return samples;
    if (told === undefined) this.#seen(askedMs);
    else if (told.version === version) this.#turn({ ...told, weights: weightsIn(samples) }, answeredMs, undefined);
    return samples;
  }

  /** Runs a command after which, where it succeeds, other routes are in force. */
  async during(command: () => Promise<RanCommand>): Promise<void> {
    await this.look();
    this.#held = true;
    try {
      const ran = await command();
      const sinceMs = this.#ports.clock.nowMs();
      this.#turn(await agreed(this.#ports), sinceMs, ran);
    } finally {
      this.#held = false;
    }
  }

  /** Every change so far, the last one as far as it is known. */
  get changes(): readonly ChangeReport[] {
    const last = this.#lastChange();
    return last === undefined ? this.#closed : [...this.#closed, last];
  }

  #seen(seenMs: number): void {
    this.#seenMs = seenMs;
    for (const tally of this.#ports.tallies.values()) tally.confirm(seenMs);
  }

  #turn(stage: Stage, sinceMs: number, ran: RanCommand | undefined): void {
    const last = this.#lastChange();
    if (last !== undefined) this.#closed.push(last);
    this.#last = { was: this.#stage, ran, tookMs: Math.round(sinceMs - this.#seenMs) };
    this.#stage = stage;
    for (const tally of this.#ports.tallies.values()) tally.turn(sinceMs);
  }

  #lastChange(): ChangeReport | undefined {
    if (this.#last === undefined) return undefined;
    const { was, ran, tookMs } = this.#last;
    const tallies = [...this.#ports.tallies];
    return {
      command: ran?.command ?? null,
      printed: ran?.printed ?? null,
      tookMs,
      leftOut: tallies.reduce((sum, [, { leftOut }]) => sum + leftOut, 0),
      routes: tallies.map(([route, tally]) => routeChange(route, tally, was, this.#stage)),
    };
  }
}

/** The routes that sidecar and service agree on. Rejects where they don't in time. */
async function agreed({ clock, scrape, askRoutes }: LedgerPorts): Promise<Stage> {
  const untilMs = clock.nowMs() + agreeMs;
  for (;;) {
    const told = await askRoutes();
    const samples = await scrape();
    const version = versionIn(samples);
    if (told.version === version) return { ...told, weights: weightsIn(samples) };
    if (clock.nowMs() >= untilMs) {
      throw new Error(`the sidecar serves version ${version}, and the config service has ${told.version}`);
    }
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}

function versionIn(samples: readonly MetricSample[]): string {
  return select(samples, "contender_config_info")[0]?.labels.version ?? "";
}

function weightsIn(samples: readonly MetricSample[]): Weights {
  const weights = new Map<string, Record<string, number>>();
  for (const { labels, value } of select(samples, "contender_route_weight_ratio")) {
    const { route = "", variant = "" } = labels;
    weights.set(route, { ...weights.get(route), [variant]: value });
  }
  return weights;
}
