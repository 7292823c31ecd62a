/**
 * The data plane as one thing: a listener, pools, the generation in force, and an orderly end.
 *
 * Owns everything it opens. It knows nothing of files, environment, HTTP or logs; what it has to say goes to `onEvent`.
 */
import type { Address } from "../base/address.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { ConnectionFault } from "../base/connection-ends.ts";
import type { Parsed } from "../base/parsed.ts";
import type { OpenPem } from "../base/pem.ts";
import { StrangerLog } from "../base/stranger-log.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { ByteBudget } from "../http2/byte-budget.ts";
import { type Http2Options, resolveHttp2Options } from "../http2/options.ts";
import type { Snapshot } from "../model/route.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ReportStore } from "../observe/report-store.ts";
import { type Plan, planSnapshot } from "../plan/plan.ts";
import { Admission } from "../proxy/admission.ts";
import { downstreamHandler } from "../proxy/downstream-handler.ts";
import type { Generation } from "../proxy/generation.ts";
import { Insurance } from "../proxy/insurance.ts";
import { type ProxyOptions, resolveProxyOptions } from "../proxy/options.ts";
import type { CallRecords, ProxyPorts } from "../proxy/ports.ts";
import { Shadows } from "../proxy/shadows.ts";
import { upstreamHandler } from "../proxy/upstream-handler.ts";
import type { BreakerOptions, CallBreaker } from "../resilience/breaker.ts";
import { Overload } from "../resilience/overload.ts";
import { type OverloadOptions, resolveOverloadOptions } from "../resilience/overload-options.ts";
import type { RawHandle } from "../transport/door.ts";
import { FlushLoop } from "../transport/flush-loop.ts";
import { Listener, type ListenerPorts, peerOf } from "../transport/listener.ts";
import { resolveTransportOptions, type TransportOptions } from "../transport/options.ts";
import { Pool, type PoolEvent } from "../transport/pool.ts";
import { type Resolver, systemResolver } from "../transport/resolver.ts";
import type { BreakerNeed } from "./breakers.ts";
import type { SidecarEvent } from "./events.ts";
import { type FigureSources, pinnedBytes, registerFigures } from "./figures.ts";
import { Generations } from "./generations.ts";
import type { Machine } from "./machine.ts";
import { OverloadMonitor } from "./overload-monitor.ts";
import { Pools } from "./pools.ts";
import { type ListenerTlsSpec, SidecarTls } from "./sidecar-tls.ts";

export interface SidecarLimits {
  readonly http2?: Http2Options;
  readonly transport?: TransportOptions;
  readonly proxy?: ProxyOptions;
  readonly breaker?: BreakerOptions;
  readonly overload?: OverloadOptions;
}

export interface SidecarPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly metrics: Metrics;
  /** The pod's own model server; a gateway has none. */
  readonly local: Address | undefined;
  /** Whether this peer's `x-contender-hop` counts. */
  trustsHop(peer: string | undefined): boolean;
  /** Gets some of the calls that ended; undefined where nobody wants a record. */
  readonly records?: CallRecords | undefined;
  /** Counts by version of the configuration; undefined where nobody wants reports. */
  readonly counts?: ReportStore | undefined;
  onEvent(event: SidecarEvent): void;
  /** What becomes of requests that are no gRPC calls. Default `refuse`: this port's callers speak gRPC. */
  readonly nonGrpc?: "refuse" | "forward";
  /** The system's where it is left out. */
  readonly resolver?: Resolver;
  /** Where the process's memory is read; undefined where an overload is somebody else's to notice. */
  readonly machine?: Machine | undefined;
  /** File descriptors that the process may have open; undefined where nobody knows. */
  readonly descriptors?: number | undefined;
  /** Reads and watches files of certificates. */
  readonly openPem: OpenPem;
  readonly limits?: SidecarLimits;
  /** Gives a breaker that is kept elsewhere; by default each is kept here. */
  readonly makeBreaker?: (need: BreakerNeed) => CallBreaker;
  /** Is told of each copy that counts for a variant's warm-up, where others have a part in it: see `hearWarmup`. */
  readonly onWarmupCopy?: (key: string, answered: boolean) => void;
  /**
   * This process' share, above 0 up to 1, of what routes grant to all that serve them: copies in flight, their bytes and
   * their rate, fallbacks a second. Default 1: it serves them alone. Limits are handed in divided already.
   */
  readonly share?: number;
}

export class Sidecar {
  readonly #ports: SidecarPorts;
  readonly #loop: FlushLoop;
  readonly #budget: ByteBudget;
  readonly #pools: Pools;
  readonly #generations: Generations;
  readonly #shadows: Shadows;
  readonly #listener: Listener;
  readonly #overload: Overload;
  readonly #figures: FigureSources;
  readonly #bufferedLimit: number;
  /** Set where fewer connections are accepted than the limit says. */
  readonly #connectionLimit: number | undefined;
  #monitor: OverloadMonitor | undefined = undefined;
  readonly #tls: SidecarTls;
  #listening = false;
  #draining: Promise<boolean> | undefined = undefined;
  #force: () => void = () => undefined;

  /** @throws RangeError for a limit that can't be meant. */
  constructor(ports: SidecarPorts) {
    const { clock, chance, metrics, resolver = systemResolver, limits = {} } = ports;
    const http2 = resolveHttp2Options(limits.http2);
    const transport = resolveTransportOptions(limits.transport);
    const options = resolveProxyOptions(limits.proxy);
    this.#ports = ports;
    const loop = new FlushLoop(clock);
    this.#loop = loop;
    const wheel = new TimerWheel(clock, undefined, (fn) => loop.afterReads(fn));
    const watching = resolveOverloadOptions(limits.overload);
    this.#overload = new Overload(watching, (level, resource) => metrics.overloadEntered(level, resource));
    const admission = new Admission(options, this.#overload, metrics);
    this.#budget = new ByteBudget(options.heldBytes);
    const upstream = upstreamHandler(metrics);
    const poolPorts = { clock, chance, wheel, loop, budget: this.#budget, resolver, handler: upstream };
    this.#tls = new SidecarTls({ clock, openPem: ports.openPem, onEvent: (event) => ports.onEvent(event) });
    this.#pools = new Pools((plan, route, traffic) => {
      const onEvent = (event: PoolEvent) => ports.onEvent({ ...event, route, variant: plan.spec.name, traffic });
      return new Pool(plan.address, { ...poolPorts, tls: this.#tls.upstream(plan), onEvent }, http2, transport);
    });
    this.#generations = new Generations({
      clock,
      metrics,
      pools: this.#pools,
      credentials: this.#tls.credentials,
      local: ports.local,
      breaker: limits.breaker ?? {},
      onBreaker: (event) => ports.onEvent({ kind: "breaker", ...event }),
      onWarmupCopy: ports.onWarmupCopy,
      makeBreaker: ports.makeBreaker,
      counts: ports.counts,
      share: ports.share ?? 1,
      onWarmup: (event) => ports.onEvent({ kind: "warmup", ...event }),
    });
    this.#shadows = new Shadows(
      {
        clock,
        wheel,
        budget: this.#budget,
        overload: this.#overload,
        answerBytes: options.shadowAnswerBytes,
        scoreBytes: options.scoreBytes,
      },
      loop,
    );
    const strangers = new StrangerLog<ConnectionFault>(clock);
    const proxy: ProxyPorts = {
      clock,
      reads: loop,
      chance,
      wheel,
      budget: this.#budget,
      metrics,
      options,
      insurance: new Insurance(),
      admission,
      overload: this.#overload,
      shadows: this.#shadows,
      records: ports.records,
      forwardsPlain: ports.nonGrpc === "forward",
      generation: () => this.#generations.current as Generation,
      trustsHop: (peer) => ports.trustsHop(peer),
      onCallerFault: (connection) => {
        const { failure: code, fault, failureText: detail } = connection;
        const more = strangers.add(fault);
        const { address: peer } = peerOf(connection);
        if (more !== undefined) ports.onEvent({ kind: "caller_fault", code, fault, peer, detail, more });
      },
    };
    const listening = { clock, chance, wheel, loop, budget: this.#budget, handler: downstreamHandler(proxy) };
    const onHttp1 = (): void => metrics.localReply("http1");
    const onSilent = (): void => metrics.connectionFault("downstream", "slow_handshake");
    const onRefused = (): void => metrics.connectionRefused();
    const onRetire: ListenerPorts["onRetire"] = (why) => metrics.connectionRetired(why);
    const most = affordableConnections(ports.descriptors);
    this.#connectionLimit = most < transport.maxConnectionsAccepted ? most : undefined;
    const maxConnectionsAccepted = this.#connectionLimit ?? transport.maxConnectionsAccepted;
    this.#listener = new Listener(
      { ...listening, onHttp1, onSilent, onRefused, onRetire, tls: this.#tls.ports },
      http2,
      {
        ...transport,
        maxConnectionsAccepted,
      },
    );
    const generations = this.#generations;
    this.#figures = { listener: this.#listener, pools: this.#pools, generations, budget: this.#budget, admission };
    this.#bufferedLimit = watching.bufferedBytes;
    registerFigures(metrics, this.#figures);
    this.#registerOverload();
    this.#tls.registerFigures(metrics);
  }

  /** Puts a configuration in force, or says what is wrong with it and changes nothing. */
  apply(snapshot: Snapshot): Parsed<Generation> {
    return this.#generations.apply(snapshot);
  }

  /** Whether a configuration could be put in force. @returns its plan for `use`, for which all that it needs is at hand. */
  prepare(snapshot: Snapshot): Parsed<Plan> {
    const plan = planSnapshot(snapshot);
    if (!plan.ok) return plan;
    const usable = this.#tls.credentials.prepare(plan.value);
    return usable.ok ? plan : usable;
  }

  /** As `apply`, of what was prepared. */
  use(plan: Plan): Parsed<Generation> {
    return this.#generations.use(plan);
  }

  /**
   * What is in force goes by another version: calls that begin from now on are counted and recorded by it, as they would be had it
   * come with its contents. Nothing else changes: pools, breakers and budgets are known by what they are for.
   */
  rename(version: string): void {
    const plan = this.#generations.current?.plan;
    if (plan === undefined || plan.snapshot.version === version) return;
    this.#generations.use({ ...plan, snapshot: Object.freeze({ ...plan.snapshot, version }) });
  }

  /**
   * Makes the listener speak TLS, before it listens.
   * @returns what is wrong with the files, under `ca`, `cert` or `key`.
   */
  secure(spec: ListenerTlsSpec): Parsed<undefined> {
    return this.#tls.secure(this.#listener, spec);
  }

  /** Starts to accept, for a unix socket with these permissions; a configuration must be in force. @returns the bound address. @throws the system's error. */
  async listen(address: Address, socketMode?: number): Promise<string> {
    const bound = await this.#listener.listen(address, socketMode);
    this.#listening = true;
    this.#watch();
    const { descriptors = 0, onEvent } = this.#ports;
    const limit = this.#connectionLimit;
    if (limit !== undefined) onEvent({ kind: "connections_limited", limit, descriptors });
    return bound;
  }

  /** Takes callers that another process accepts: a configuration must be in force. */
  open(): void {
    this.#listening = true;
    this.#watch();
  }

  /** Takes a connection that another process has accepted, over a unix socket or TCP. */
  adopt(handle: RawHandle, unix: boolean, onGone: () => void): void {
    this.#listener.adopt(handle, unix, onGone);
  }

  /** Counts copies that other processes sent to a variant which is being warmed up here too. */
  hearWarmup(key: string, answered: number, tried: number): void {
    this.#generations.hearWarmup(key, answered, tried);
  }

  get listening(): boolean {
    return this.#listening;
  }

  get draining(): boolean {
    return this.#draining !== undefined;
  }

  /** Routes whose champion can't be reached now. */
  routesWithoutChampion(): string[] {
    const routes = this.#generations.current?.routes ?? [];
    return routes.filter(({ champion }) => !champion.pool.ready).map(({ spec }) => spec.name);
  }

  get generation(): Generation | undefined {
    return this.#generations.current;
  }

  /**
   * Ends in order: not ready, but still accepting for `delayMs`, so that balancers notice; then GOAWAY in two steps,
   * open calls finish, connections close. After `graceMs` in all, whatever is left is cut.
   *
   * @returns whether every call came to its own end. Further calls give the same answer.
   */
  drain(delayMs: number, graceMs: number): Promise<boolean> {
    this.#draining ??= this.#drain(delayMs, graceMs);
    return this.#draining;
  }

  /** Cuts a drain short. */
  force(): void {
    this.#force();
  }

  async #drain(delayMs: number, graceMs: number): Promise<boolean> {
    const { clock } = this.#ports;
    const cut = new Promise<false>((resolve) => {
      this.#force = () => resolve(false);
    });
    const cancelGrace = clock.after(graceMs, this.#force);
    const delay = new Promise<true>((resolve) => void clock.after(delayMs, () => resolve(true)));
    let clean = await Promise.race([delay, cut]);
    this.#listening = false;
    this.#shadows.drain();
    if (clean) clean = await Promise.race([this.#listener.drain().then(() => true), cut]);
    if (clean) clean = await Promise.race([this.#pools.drain().then(() => true), cut]);
    cancelGrace();
    this.#listener.destroy();
    this.#pools.destroy();
    this.#generations.close();
    this.#monitor?.close();
    this.#tls.close();
    return clean;
  }

  #watch(): void {
    const { clock, machine, onEvent } = this.#ports;
    if (machine === undefined) return;
    this.#monitor = new OverloadMonitor({
      clock,
      machine,
      overload: this.#overload,
      everyBytes: (bytes, fn) => this.#loop.everyBytes(bytes, fn),
      buffered: () => pinnedBytes(this.#figures) / this.#bufferedLimit,
      onChange: (step, resource) => onEvent({ kind: "overload", step, resource }),
    });
  }

  #registerOverload(): void {
    const { metrics } = this.#ports;
    const overload = this.#overload;
    metrics.register("contender_overload_level", () => [{ labels: [], value: overload.level }]);
    metrics.register("contender_overload_stalled_seconds_total", () => [
      { labels: [], value: overload.stalledMs / 1_000 },
    ]);
    metrics.register("contender_overload_pressure_ratio", () =>
      (this.#monitor?.pressures() ?? []).map(([resource, value]) => ({ labels: [resource], value })),
    );
  }
}

/**
 * Callers' connections are held to half of the descriptors. Connections to upstreams, files and the admin port need some too,
 * and where none is left a caller's connection is closed unseen and uncounted.
 */
export function affordableConnections(descriptors = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.floor(descriptors / 2));
}
