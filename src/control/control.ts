/**
 * A config service, put together: the registry follows the store, streams are told what it has, people change it, replicas share what
 * they hear. Nothing here listens: `server.ts` does.
 */
import type { ServerInterceptor, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { type ServiceName, serviceDefinition } from "../api/protos.ts";
import type { Version } from "../api/version.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { admission } from "./access/admission.ts";
import type { Callers } from "./access/callers.ts";
import { adminService } from "./admin-service.ts";
import { Counts } from "./counts/counts.ts";
import { EndedCounts } from "./counts/ended-counts.ts";
import { Ending } from "./counts/ending.ts";
import { type LeftOut, OwnSeries } from "./counts/own-series.ts";
import { type Received, reportService } from "./counts/report-service.ts";
import { Fleet } from "./fleet/fleet.ts";
import { Leadership, type LeadershipState, type SelfReplica } from "./replicas/leadership.ts";
import { Peers, type PeersPorts } from "./replicas/peers.ts";
import { Administration } from "./routes/administration.ts";
import { History } from "./routes/history.ts";
import { Registry } from "./routes/registry.ts";
import type { RouteSet } from "./routes/route-set.ts";
import type { Store } from "./store.ts";
import { type Claimant, type ClaimOutcome, Claims } from "./watch/claims.ts";
import { WatchService } from "./watch/watch-service.ts";

export interface ControlOptions {
  /** Changes of a route that are kept, and bytes of them. */
  readonly historyLimit: number;
  readonly historyRouteBytes: number;
  /** Of all routes. */
  readonly historyBytes: number;
  /** Routes that were deleted, whose history is kept. */
  readonly historyDeleted: number;
  readonly heartbeatMs: number;
  readonly reportIntervalMs: number;
  readonly leaseMs: number;
}

export type ControlEvent =
  | { readonly kind: "routes"; readonly revision: number; readonly routes: number; readonly store: string }
  | { readonly kind: "store_damaged"; readonly problems: readonly string[] }
  | { readonly kind: "store_well" }
  | { readonly kind: "store_reread"; readonly why: string }
  | { readonly kind: "store_restored"; readonly store: string }
  | {
      readonly kind: "store_claimed";
      readonly outcome: ClaimOutcome;
      /** A sidecar, which says that it has this revision of the store. */
      readonly instance: string;
      readonly identity: string;
      readonly claimed: number;
      readonly revision: number;
      readonly more: number;
    }
  | {
      readonly kind: "leadership";
      readonly leads: boolean;
      readonly leader: string | undefined;
      readonly replicas: number;
    }
  | { readonly kind: "lease_failed"; readonly why: string }
  | { readonly kind: "replica_failed"; readonly replica: string; readonly why: string }
  | { readonly kind: "counts_failed"; readonly why: string }
  | {
      readonly kind: "counts_left_out";
      readonly who: string;
      readonly instance: string;
      readonly route: string;
      readonly more: number;
    };

export interface ControlPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly callers: Callers;
  /** Its address is asked for when it joins. */
  readonly self: SelfReplica;
  readonly dial: PeersPorts["dial"];
  onEvent(event: ControlEvent): void;
}

/** What happened so far, for the metrics. */
export interface ControlFigures {
  snapshots: number;
  labels: number;
  acks: number;
  nacks: number;
  readonly reports: Record<Received, number>;
  readonly claims: Record<ClaimOutcome, number>;
  readonly leftOut: Record<LeftOut, number>;
}

export class Control {
  readonly figures: ControlFigures = {
    snapshots: 0,
    labels: 0,
    acks: 0,
    nacks: 0,
    reports: { new: 0, old: 0, forgotten: 0, full: 0, limited: 0 },
    claims: { restored: 0, waits: 0, refused: 0 },
    leftOut: { foreign: 0, unknown: 0 },
  };
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly counts: Counts;
  readonly #ports: ControlPorts;
  readonly #options: ControlOptions;
  readonly #claims: Claims;
  readonly #history: History;
  readonly #administration: Administration;
  readonly #peers: Peers;
  readonly #ended: EndedCounts;
  readonly #ending: Ending;
  readonly #leadership: Leadership;
  #watching: WatchService | undefined = undefined;
  #damaged = false;
  #leaving: Promise<void> | undefined = undefined;
  /** Of the routes in force. */
  #storeId: string | undefined = undefined;
  /** Those that wait to be told everything look again. */
  readonly #uninformed = new Set<() => void>();

  constructor(ports: ControlPorts, options: ControlOptions) {
    const { store, clock, chance, callers, self, dial, onEvent } = ports;
    this.#ports = ports;
    this.#options = options;
    this.registry = new Registry({
      store,
      clock,
      chance,
      changed: (routes) => this.#changed(routes),
      damaged: (problems) => this.#tellDamage(problems),
      reread: (why) => onEvent({ kind: "store_reread", why }),
      wentBack: (from) => this.#claims.saw(from),
    });
    this.#claims = new Claims({
      clock,
      knowsAll: (id) => this.registry.knowsAll(id),
      restored: (seen) => this.registry.restored(seen),
      failed: (why) => onEvent({ kind: "store_reread", why }),
      told: (outcome, { revision: claimed }, by, more) => {
        const { revision } = this.registry.routes;
        onEvent({ kind: "store_claimed", outcome, ...by, claimed, revision, more });
      },
      counted: (outcome) => void this.figures.claims[outcome]++,
    });
    const bounds = {
      entries: options.historyLimit,
      routeBytes: options.historyRouteBytes,
      bytes: options.historyBytes,
      deleted: options.historyDeleted,
    };
    this.#history = new History({ store, clock, bounds });
    this.#administration = new Administration({ registry: this.registry, clock, history: this.#history });
    const failed = (why: string): void => onEvent({ kind: "counts_failed", why });
    this.#ended = new EndedCounts({ store, clock, ended: (ids) => this.counts.forget(ids), failed });
    this.counts = new Counts({ clock, ended: this.#ended });
    const whole = (): boolean => this.untold.length === 0;
    this.#ending = new Ending({ clock, counts: this.counts, ended: this.#ended, whole, failed });
    this.fleet = new Fleet({
      clock,
      storeId: () => this.registry.routes.id,
      news: (instance) => this.#peers.news(instance),
      reordered: () => this.#watching?.reorder(),
    });
    this.#peers = new Peers({
      clock,
      self: self.name,
      counts: this.counts,
      fleet: this.fleet,
      callers,
      dial,
      failed: (replica, why) => onEvent({ kind: "replica_failed", replica, why }),
      toldAll: () => {
        this.fleet.allThere();
        this.#lookAgain();
      },
    });
    this.#leadership = new Leadership({
      store,
      clock,
      self,
      leaseMs: options.leaseMs,
      changed: (state) => this.#led(state),
      failed: (why) => onEvent({ kind: "lease_failed", why }),
    });
  }

  /** @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED. */
  async open(): Promise<void> {
    const { clock, callers } = this.#ports;
    const { heartbeatMs } = this.#options;
    const routes = await this.registry.open();
    await this.#ended.open();
    // Not waited for: it may be long, and nobody needs all of it to begin.
    void this.#history.open();
    // A store with a past has sidecars: they come within seconds, or another replica tells of them.
    if (routes.revision > 0) this.fleet.expectOthers();
    this.#watching = new WatchService(
      {
        clock,
        callers,
        fleet: this.fleet,
        heartbeatMs,
        ahead: (version, by) => this.#claims.said(version, by),
        counted: (event) => this.#count(event),
      },
      routes,
    );
  }

  /** Takes part with the other replicas, from when it can be reached. */
  async join(): Promise<void> {
    await this.#leadership.open();
  }

  /** Other replicas that have been told everything that this one knows. */
  get caughtUp(): number {
    return this.#peers.caughtUp;
  }

  /** Other replicas that have not told this one everything; this one's own name while it is not known which there are. */
  get untold(): string[] {
    return this.leadership.replicas.length === 0 ? [this.#ports.self.name] : this.#peers.untold;
  }

  /**
   * Waits until every other replica has told this one everything that it knows.
   * @returns those that have not, when the time is over
   */
  informed(withinMs: number): Promise<readonly string[]> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#uninformed.delete(look);
        resolve(this.untold);
      };
      const look = (): void => {
        if (this.untold.length === 0) done();
      };
      const cancel = this.#ports.clock.after(withinMs, done);
      this.#uninformed.add(look);
      look();
    });
  }

  /** A sidecar without a stream has these versions: of a store that was put back, one may be later than there is. */
  polled(had: readonly Version[], by: Claimant): void {
    const { id, revision } = this.routes;
    const ahead = had.filter((each) => each.store === id && each.revision > revision);
    const [first] = ahead.sort((one, other) => other.revision - one.revision);
    if (first !== undefined) this.#claims.said(first, by);
  }

  /** Who may do what has changed. */
  recheck(): void {
    this.#watching?.recheck();
    this.#peers.recheck();
  }

  get leadership(): LeadershipState {
    return this.#leadership.state;
  }

  get routes(): RouteSet {
    return this.registry.routes;
  }

  /** Through which calls come to the services. */
  get admission(): ServerInterceptor {
    return admission(this.#ports.callers);
  }

  /** Services to add to a server that has the interceptor; it must be open. */
  services(): [ServiceDefinition, UntypedServiceImplementation][] {
    const watching = this.#watching as WatchService;
    const { callers, clock } = this.#ports;
    const { registry, fleet, counts } = this;
    const administration = this.#administration;
    const own = new OwnSeries({
      clock,
      routes: () => registry.routes,
      before: (id) => counts.get(id),
      counted: (why, series) => {
        this.figures.leftOut[why] += series;
      },
      told: (event) => this.#ports.onEvent({ kind: "counts_left_out", ...event }),
    });
    const reports = reportService({
      clock,
      callers,
      counts,
      fleet,
      own,
      intervalMs: this.#options.reportIntervalMs,
      share: (report) => this.#peers.share(report),
      counted: (taken) => {
        this.figures.reports[taken]++;
        this.#ending.look();
      },
    });
    const admin = adminService({ registry, administration, fleet, counts, callers, clock });
    return [
      [watchDefinition(), { Watch: watching.watch, Fetch: watching.fetch } as UntypedServiceImplementation],
      [definition("ReportService"), reports as unknown as UntypedServiceImplementation],
      [definition("AdminService"), admin as UntypedServiceImplementation],
      [definition("PeerService"), { Share: this.#peers.listen } as unknown as UntypedServiceImplementation],
    ];
  }

  /** Begins the end: whoever waits for sidecars is told to ask another replica, and another one leads. Calls under way go on. */
  leave(): void {
    this.#claims.close();
    this.#watching?.close();
    this.fleet.close();
    this.#leaving ??= this.#leadership.close();
  }

  /** Once there are no calls any more: until then other replicas are told of each report before it is acknowledged. */
  async close(): Promise<void> {
    this.leave();
    this.#peers.close();
    this.#ending.close();
    this.#ended.close();
    await this.#leaving;
    this.#history.close();
    this.registry.close();
  }

  #changed(routes: RouteSet): void {
    // Whoever has given it the new id, we or another replica, and whether or not the store could confirm that.
    if (this.#storeId !== undefined && routes.id !== this.#storeId) {
      this.#claims.renamed();
      this.#ports.onEvent({ kind: "store_restored", store: routes.id });
      void this.#history.open();
    }
    this.#storeId = routes.id;
    this.#ports.onEvent({ kind: "routes", revision: routes.revision, routes: routes.routes.length, store: routes.id });
    this.fleet.forgetOrder();
    this.#watching?.use(routes);
  }

  #tellDamage(problems: readonly Problem[]): void {
    this.#damaged = problems.length > 0;
    if (!this.#damaged) this.#ports.onEvent({ kind: "store_well" });
    else this.#ports.onEvent({ kind: "store_damaged", problems: problems.map(problemLine) });
  }

  #led(state: LeadershipState): void {
    const { leads, leader, replicas } = state;
    this.#ports.onEvent({ kind: "leadership", leads, leader, replicas: replicas.length });
    this.#peers.use(replicas);
    this.#lookAgain();
  }

  #lookAgain(): void {
    for (const look of [...this.#uninformed]) look();
  }

  #count(what: "snapshot" | "label" | "ack" | "nack"): void {
    this.figures[`${what}s`]++;
  }
}

/** With requests that are bytes: `admission.ts` reads them, once it is known whose they are. */
function definition(name: ServiceName): ServiceDefinition {
  const methods = Object.entries(serviceDefinition(name));
  const bytes = { requestDeserialize: (bytes: Buffer) => bytes };
  return Object.fromEntries(methods.map(([method, each]) => [method, { ...each, ...bytes }])) as ServiceDefinition;
}

/** With answers that are bytes already: one snapshot is encoded once for thousands of streams. */
function watchDefinition(): ServiceDefinition {
  const { Watch, Fetch } = definition("ConfigService");
  const bytes = { responseSerialize: (encoded: Buffer) => encoded };
  return { Watch: { ...Watch, ...bytes }, Fetch: { ...Fetch, ...bytes } } as ServiceDefinition;
}
