/**
 * Routes from the config service, whatever becomes of it.
 *
 * A start takes, first to last: the last good routes on disk, which serve before the service is asked; what the service gives within
 * the time that a start may wait; the routes that the settings name beside it. Once the service has given something, nothing
 * but the service changes it, and it stays for as long as the process lives.
 */
import type { NodeMessage, SnapshotMessage } from "../api/messages.ts";
import { readSnapshot } from "../api/read-snapshot.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";
import type { Surroundings } from "../config/route-rules.ts";
import type { Apply, RouteSource } from "../config/route-source.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { SourceStatus } from "../config/source-status.ts";
import type { Snapshot } from "../model/route.ts";
import { expiredAfter, nextExpiryMs, shortestTtlMs, withoutExpired } from "./expiry.ts";
import { judge, type Received } from "./judge.ts";
import type { LastGoodFile } from "./last-good.ts";
import { startDelayMs, usedLastGood } from "./last-good-start.ts";
import { type OpenWatch, Watch } from "./watch.ts";

export interface ServiceSourcePorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly status: SourceStatus;
  readonly open: OpenWatch;
  readonly node: NodeMessage;
  readonly around: Surroundings;
  readonly apply: Apply;
  /** What is in force goes by another version from now on. */
  adopt(version: string): void;
  /** Undefined where nothing is kept. */
  readonly lastGood: LastGoodFile<SnapshotMessage> | undefined;
  /** The routes that the settings name beside the service. */
  fallback(apply: Apply): RouteSource;
  /** How long a start without last good routes waits for the service. */
  readonly waitMs: number;
}

/**
 * How exactly the file knows when the service was heard, as a part of the shortest ttl: after a restart a route is over by so much
 * too early at most, and never too late.
 */
const touchedWithin = 1 / 4;
/** A change of the file's time is cheap, but thousands of sidecars may share a disk. */
const longestTouchMs = 60_000;

const taken: readonly Problem[] = [];

export class ServiceSource implements RouteSource {
  readonly #ports: ServiceSourcePorts;
  readonly #watch: Watch;
  readonly #begun = Promise.withResolvers<void>();
  /** The service's first answer, good or bad. */
  readonly #answered = Promise.withResolvers<void>();
  #fallback: RouteSource | undefined = undefined;
  /** What the service gave, in force but for routes whose ttl is over. */
  #given: { readonly snapshot: Snapshot; readonly message: SnapshotMessage } | undefined = undefined;
  #expired: readonly string[] = [];
  /** Why routes whose ttl was over could not be put back. */
  #notPutBack: readonly Problem[] = taken;
  /** Monotonic. */
  #contactMs: number;
  #cancelExpiry: () => void = () => undefined;
  #cancelStart: () => void = () => undefined;
  /** One thing after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(ports: ServiceSourcePorts) {
    this.#ports = ports;
    const { chance, clock, node, open, status } = ports;
    this.#contactMs = clock.nowMs();
    this.#watch = new Watch({
      clock,
      chance,
      status,
      open,
      node,
      version: () => this.#given?.snapshot.version,
      heard: () => this.#heard(),
      take: (received) => this.#take(received),
    });
  }

  get status(): SourceStatus {
    return this.#ports.status;
  }

  async open(): Promise<readonly Problem[]> {
    if (await this.#useLastGood()) return [];
    const { clock, fallback, waitMs } = this.#ports;
    this.#watch.start();
    const waited = Promise.withResolvers<void>();
    const stop = clock.after(waitMs, waited.resolve);
    await Promise.race([this.#answered.promise, waited.promise]);
    stop();
    return await this.#one(async () => {
      if (this.#given !== undefined) return [];
      // Once the service has given something, what others say comes too late.
      const apply: Apply = (loaded, first) =>
        first ? this.#ports.apply(loaded, first) : this.#one(() => this.#fromFallback(loaded));
      this.#fallback = fallback(apply);
      return await this.#fallback.open();
    });
  }

  begin(): void {
    this.#begun.resolve();
    this.#fallback?.begin();
    this.#cancelStart = this.#ports.clock.after(startDelayMs, () => this.#watch.start());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelExpiry();
    this.#cancelStart();
    this.#watch.close();
    this.#begun.resolve();
    await this.#fallback?.close();
    await this.#work;
    await this.#lastTouch();
  }

  /** An end in order leaves behind exactly when the service was heard. */
  async #lastTouch(): Promise<void> {
    const { clock, lastGood } = this.#ports;
    await lastGood?.settled();
    if (this.#given === undefined || shortestTtlMs(this.#given.snapshot) === undefined) return;
    lastGood?.touch(clock.wallMs() - (clock.nowMs() - this.#contactMs), 0);
    await lastGood?.settled();
  }

  async #useLastGood(): Promise<boolean> {
    const { around, apply, clock, lastGood, status } = this.#ports;
    if (lastGood === undefined) return false;
    let held: { readonly snapshot: Snapshot; readonly expired: readonly string[] } | undefined;
    const found = await usedLastGood(lastGood, status, async ({ contactWallMs, lastGood: { snapshot, version } }) => {
      const loaded = readSnapshot(version, snapshot, this.#source, around);
      if (!loaded.ok) return loaded.problems;
      const silentMs = Math.max(0, clock.wallMs() - contactWallMs);
      const expired = expiredAfter(loaded.value, silentMs);
      this.#contactMs = clock.nowMs() - silentMs;
      held = { snapshot: loaded.value, expired };
      return await apply({ ...loaded, value: withoutExpired(loaded.value, expired) }, true);
    });
    if (found === undefined || held === undefined) {
      this.#contactMs = clock.nowMs();
      return false;
    }
    this.#holds(held.snapshot, found.lastGood.snapshot, held.expired);
    return true;
  }

  get #source(): string {
    return `control:${this.#ports.status.address}`;
  }

  async #fromFallback(loaded: Loaded): Promise<readonly Problem[]> {
    return this.#given === undefined && !this.#closed ? await this.#ports.apply(loaded, false) : taken;
  }

  /** Any word of the service is one that its routes hold. */
  #heard(): void {
    const { clock, lastGood } = this.#ports;
    this.#contactMs = clock.nowMs();
    // Where nothing ends by itself, nobody asks after a restart how long ago that was.
    const ttlMs = this.#given && shortestTtlMs(this.#given.snapshot);
    if (ttlMs !== undefined) lastGood?.touch(clock.wallMs(), Math.min(ttlMs * touchedWithin, longestTouchMs));
    if (this.#expired.length > 0) void this.#one(() => this.#expire());
    else this.#schedule();
  }

  async #take(received: Received): Promise<readonly Problem[]> {
    const problems = await this.#one(() => this.#use(received));
    this.#ports.status.rejected = problems;
    this.#answered.resolve();
    // Nobody is told that routes are in force before they serve.
    if (problems.length === 0) await this.#begun.promise;
    return problems;
  }

  async #use(received: Received): Promise<readonly Problem[]> {
    if (this.#closed) return [{ path: "", message: "the sidecar ends" }];
    const { adopt, apply, around } = this.#ports;
    const given = this.#given;
    const verdict = judge(received, given?.snapshot.version);
    if (verdict.kind === "heartbeat") return taken;
    if (verdict.kind === "refuse") {
      await apply({ ok: false, problems: verdict.problems, warnings: [] }, false);
      return verdict.problems;
    }
    // Routes whose ttl was over, and that could not be put back since, are not what is in force.
    const whole = this.#expired.length === 0;
    if (verdict.version === given?.snapshot.version && whole) return taken;
    if (verdict.kind === "adopt" && given !== undefined) {
      const snapshot = Object.freeze({ ...given.snapshot, version: verdict.version });
      if (whole) adopt(verdict.version);
      else {
        const problems = await apply({ ok: true, value: snapshot, warnings: [] }, false);
        if (problems.length > 0) return problems;
      }
      this.#holds(snapshot, given.message, []);
      this.#keep(given.message);
      return taken;
    }
    if (verdict.kind !== "read") return taken;
    const loaded = readSnapshot(verdict.version, verdict.snapshot, this.#source, around);
    const problems = await apply(loaded, false);
    if (problems.length > 0 || !loaded.ok) return problems;
    this.#holds(loaded.value, verdict.snapshot, []);
    this.#keep(verdict.snapshot);
    const fallback = this.#fallback;
    this.#fallback = undefined;
    void fallback?.close();
    return taken;
  }

  #holds(snapshot: Snapshot, message: SnapshotMessage, expired: readonly string[]): void {
    this.#given = { snapshot, message };
    this.#ports.status.version = snapshot.version;
    this.#tellExpired(expired);
    this.#schedule();
  }

  #keep(snapshot: SnapshotMessage): void {
    const version = this.#given?.snapshot.version;
    if (version === undefined) return;
    this.#ports.status.version = version;
    this.#ports.lastGood?.write({ version, snapshot });
  }

  #schedule(): void {
    this.#cancelExpiry();
    if (this.#given === undefined || this.#closed) return;
    const { clock } = this.#ports;
    const inMs = nextExpiryMs(this.#given.snapshot, clock.nowMs() - this.#contactMs);
    if (inMs !== undefined) this.#cancelExpiry = clock.after(inMs, () => void this.#one(() => this.#expire()));
  }

  /** Leaves to their champions the routes whose ttl is over, and those whose is not no longer. */
  async #expire(): Promise<void> {
    if (this.#given === undefined || this.#closed) return;
    const { apply, clock } = this.#ports;
    const { snapshot } = this.#given;
    const expired = expiredAfter(snapshot, clock.nowMs() - this.#contactMs);
    if (expired.join() !== this.#expired.join()) {
      const value = withoutExpired(snapshot, expired);
      const problems = await apply({ ok: true, value, warnings: [] }, false);
      const back = this.#expired.some((name) => !expired.includes(name));
      if (problems.length === 0) this.#tellExpired(expired);
      // The service takes for served what was, once: that it is not has to be said anew.
      else if (back) this.#watch.recant();
      this.#tellNotPutBack(problems);
    }
    this.#schedule();
  }

  /** Takes back what it has told itself, and nothing else. */
  #tellNotPutBack(problems: readonly Problem[]): void {
    const { status } = this.#ports;
    if (problems.length > 0 || status.rejected === this.#notPutBack) status.rejected = problems;
    this.#notPutBack = problems;
  }

  #tellExpired(expired: readonly string[]): void {
    const before = this.#expired;
    const { status } = this.#ports;
    this.#expired = expired;
    status.expired = expired;
    const over = expired.filter((name) => !before.includes(name));
    const back = before.filter((name) => !expired.includes(name));
    if (over.length > 0) status.tell({ kind: "config_expired", routes: over });
    if (back.length > 0) status.tell({ kind: "config_unexpired", routes: back });
  }

  #one<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }
}
