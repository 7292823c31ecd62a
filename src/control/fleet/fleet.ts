/**
 * Every sidecar that this service knows of: those connected to it, those connected to other replicas, and those that are gone.
 *
 * A sidecar is a process; a pod that starts anew is another one, and the one before is gone. Gone ones are remembered for a while, since
 * "who has not applied it" is asked just then, and in numbers that no storm of restarts can raise without bound. One whose pod has started
 * anew is shown no more: it is the new process that has applied a change, or not.
 */
import { parseVersion } from "../../api/version.ts";
import type { Clock } from "../../base/clock.ts";
import type { Problem } from "../../base/parsed.ts";
import type { RouteSpec } from "../../model/route.ts";
import { fits, type Labels, place, placeHolder } from "../routes/selection.ts";
import type { Withheld } from "../watch/choices.ts";
import { type HoldsUp, Waiting } from "./waiting.ts";

export type SidecarState = "current" | "pending" | "rejected" | "unrouted" | "gone";

export interface SidecarInfo {
  readonly instance: string;
  readonly labels: Labels;
  /** By certificate or token; empty where none was asked for. */
  readonly identity: string;
  readonly release: string;
  /** What it can do; undefined where another replica does not tell, as one of an earlier release does not. */
  readonly capabilities: readonly string[] | undefined;
  readonly startedAtMs: number;
  readonly state: SidecarState;
  /** In force there, by its word. */
  readonly version: string;
  /** Revision that it has, of the store as it is; 0 for another store's. */
  readonly revision: number;
  readonly problems: readonly Problem[];
  /** Version that it refused; "" where its state is another, or where it is not known. */
  readonly refused: string;
  readonly withheld: readonly Withheld[];
  readonly lastSeenMs: number;
}

export interface FleetPorts {
  readonly clock: Clock;
  /** Of the store as it is. */
  storeId(): string;
  /** Something is to be told to other replicas. */
  news(instance: string): void;
  /** The sidecars that `first` takes may be others now. */
  reordered(): void;
}

/** How long a sidecar that is gone is shown, and its place among the first is kept for it: a pod restarts within it. */
export const goneMs = { shown: 3_600_000, placeKept: 60_000 } as const;
/** A machine that dies is noticed by keepalive, after 80 s; and clocks of two machines differ, where nobody looks after them. */
const unnoticedMs = 90_000;
/** Of those that are gone. */
const mostGone = 20_000;
/** Within it every sidecar that is there comes back to a service that has started anew: see `sync/backoff.ts`. */
export const comeBackMs = 10_000;
/** Between two looks at who is first. */
const reorderMs = 250;

export class Fleet {
  readonly #ports: FleetPorts;
  readonly #sidecars = new Map<string, SidecarInfo>();
  /** Processes of each pod. */
  readonly #places = new Map<string, Set<string>>();
  /** Those of them that are gone, by when they went. */
  readonly #gone = new Set<string>();
  /** Which replica has told of a sidecar last, "" for us. */
  readonly #via = new Map<string, string>();
  /** Our own last word of those that have a stream to us, whatever others say of them. */
  readonly #mine = new Map<string, SidecarInfo>();
  /** When they reported last: no word of how they stand, and in the order of nothing. */
  readonly #heardMs = new Map<string, number>();
  readonly #waiting: Waiting;
  /** Every instance by its place; made anew when somebody is asked for it after one came, went or changed its place. */
  #order: readonly string[] | undefined = undefined;
  readonly #first = new Map<string, ReadonlySet<string>>();
  #cancelReorder: (() => void) | undefined = undefined;
  #cancelGiveUp: (() => void) | undefined = undefined;
  #complete = true;
  #closed = false;
  #cancelComplete: (() => void) | undefined = undefined;

  constructor(ports: FleetPorts) {
    this.#ports = ports;
    this.#waiting = new Waiting({
      clock: ports.clock,
      instances: () => this.#sidecars.keys(),
      shown: (instance) => this.#shown(this.#sidecars.get(instance)),
    });
  }

  /**
   * Takes in how a sidecar stands: what was known of it is replaced. A sidecar may have come to another replica while its old stream
   * is not seen to be dead: that this one ends then is no news of the sidecar.
   * @param via the replica that heard it; undefined for us
   */
  note(sidecar: SidecarInfo, via?: string): void {
    const { instance } = sidecar;
    const gone = sidecar.state === "gone";
    const before = this.#sidecars.get(instance);
    const at = this.#via.get(instance);
    const elsewhere = before !== undefined && before.state !== "gone" && at !== (via ?? "");
    if (via === undefined && gone) this.#mine.delete(instance);
    if (via === undefined && !gone) this.#mine.set(instance, sidecar);
    // Of one replica each word is newer than the one before it; of several, by their clocks.
    if (via !== undefined && via !== at && before !== undefined && before.lastSeenMs > sidecar.lastSeenMs) return;
    const mine = gone ? this.#mine.get(instance) : undefined;
    if (mine !== undefined) {
      // Whoever was told that it is gone has to know better.
      this.note({ ...mine, lastSeenMs: Math.max(this.#ports.clock.wallMs(), sidecar.lastSeenMs) });
      return;
    }
    if (gone && elsewhere) return;
    if (before !== undefined && podOf(before) !== podOf(sidecar)) this.#leave(before);
    if (before === undefined || placeOf(before) !== placeOf(sidecar)) this.#order = undefined;
    this.#sidecars.set(instance, sidecar);
    this.#stand(sidecar);
    this.#gone.delete(instance);
    if (gone) this.#gone.add(instance);
    this.#via.set(instance, via ?? "");
    if (via === undefined) this.#ports.news(instance);
    if (before === undefined || (before.state === "gone") !== gone) this.#later();
    if (gone) this.#giveUp();
    this.#forget();
    this.#waiting.changed();
  }

  /** It was heard of, which tells nothing of how it stands. */
  heard(instance: string): void {
    if (this.#sidecars.has(instance)) this.#heardMs.set(instance, this.#ports.clock.wallMs());
  }

  /** A replica is gone, and those of its sidecars that have not come to another one are too. */
  lost(replica: string): void {
    for (const [instance, via] of this.#via) {
      const sidecar = this.#sidecars.get(instance);
      if (via === replica && sidecar !== undefined && sidecar.state !== "gone") {
        this.note({ ...sidecar, state: "gone" }, replica);
      }
    }
  }

  /** Every sidecar that we hear ourselves, or heard last. */
  *own(): Iterable<string> {
    for (const [instance, via] of this.#via) if (via === "") yield instance;
  }

  /** How it stands, where we hear it ourselves, or heard it last. */
  ownWord(instance: string): SidecarInfo | undefined {
    return this.#via.get(instance) === "" ? this.#sidecars.get(instance) : undefined;
  }

  get(instance: string): SidecarInfo | undefined {
    return this.#sidecars.get(instance);
  }

  /** Every sidecar that is shown, in no order: for who only looks. */
  *each(): Iterable<SidecarInfo> {
    for (const sidecar of this.#sidecars.values()) {
      const shown = this.#shown(sidecar);
      if (shown !== undefined) yield shown;
    }
  }

  /** By namespace, workload, pod and instance. */
  list(): SidecarInfo[] {
    this.#order ??= [...this.#sidecars.values()]
      .map((sidecar): [string, string] => [placeOf(sidecar), sidecar.instance])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, instance]) => instance);
    return this.#order.flatMap((instance) => this.#shown(this.#sidecars.get(instance)) ?? []);
  }

  #shown(sidecar: SidecarInfo | undefined): SidecarInfo | undefined {
    if (sidecar === undefined) return undefined;
    const { state, lastSeenMs: noted, instance, version } = sidecar;
    if (state === "gone") {
      if (this.#ports.clock.wallMs() - noted >= goneMs.shown || this.#isReplaced(sidecar)) return undefined;
    }
    const lastSeenMs = Math.max(noted, this.#heardMs.get(instance) ?? 0);
    return { ...sidecar, lastSeenMs, revision: revisionOf(version, this.#ports.storeId()) };
  }

  /** The service has just begun, and sidecars that it can't know of yet are on their way. */
  expectOthers(): void {
    this.#complete = false;
    this.#cancelComplete = this.#ports.clock.after(comeBackMs, () => this.allThere());
  }

  /** Whoever is there is known by now. */
  allThere(): void {
    if (this.#complete) return;
    this.#cancelComplete?.();
    this.#complete = true;
    this.#first.clear();
    this.#ports.reordered();
    this.#waiting.changed();
  }

  /** Whether sidecars that are not known may be there all the same. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Those that are connected. */
  get connected(): number {
    return this.#sidecars.size - this.#gone.size;
  }

  /** Whether a sidecar is among the first of a route. */
  amongFirst(route: RouteSpec, instance: string): boolean {
    const key = JSON.stringify([route.name, route.namespace, route.selector]);
    let first = this.#first.get(key);
    if (first === undefined) {
      first = this.#firstOf(route);
      this.#first.set(key, first);
    }
    return first.has(instance);
  }

  /** Forgets who is first: routes have changed. */
  forgetOrder(): void {
    this.#first.clear();
  }

  /** Calls `done` once no sidecar that is shown holds it up: see `Waiting`. Nobody is sure of it while others may be on their way. */
  until(holdsUp: (sidecar: SidecarInfo) => boolean, atMostMs: number, done: () => void): () => void {
    const held: HoldsUp = (sidecar) => (sidecar === undefined ? !this.#complete : holdsUp(sidecar));
    return this.#waiting.until(held, atMostMs, done);
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#cancelReorder?.();
    this.#cancelGiveUp?.();
    this.#cancelComplete?.();
    this.#waiting.close();
  }

  #firstOf(route: RouteSpec): ReadonlySet<string> {
    const now = this.#ports.clock.wallMs();
    const there = [...this.#sidecars.values()].filter(
      ({ labels, state, lastSeenMs }) =>
        fits(route, labels) && (state !== "gone" || now - lastSeenMs < goneMs.placeKept),
    );
    // A pod that has started anew has the place that it had.
    const places = new Map<string, number>();
    for (const { labels, instance } of there) places.set(placeHolder(labels, instance), place(route, labels, instance));
    const pods = [...places].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
    const chosen = new Set(pods.slice(0, route.selector?.first ?? 0).map(([pod]) => pod));
    return new Set(
      there.flatMap(({ labels, instance }) => (chosen.has(placeHolder(labels, instance)) ? [instance] : [])),
    );
  }

  /**
   * Whether its pod has started anew since: then its word is the last one's no more. Two that ran beside each other under one name, as
   * on a developer's machine, don't replace each other.
   */
  #isReplaced({ instance, startedAtMs, lastSeenMs, ...sidecar }: SidecarInfo): boolean {
    for (const other of this.#places.get(podOf(sidecar) ?? "") ?? []) {
      const began = this.#sidecars.get(other)?.startedAtMs ?? 0;
      if (other !== instance && began > startedAtMs && began >= lastSeenMs - unnoticedMs) return true;
    }
    return false;
  }

  #stand(sidecar: SidecarInfo): void {
    const pod = podOf(sidecar);
    if (pod === undefined) return;
    const there = this.#places.get(pod);
    if (there === undefined) this.#places.set(pod, new Set([sidecar.instance]));
    else there.add(sidecar.instance);
  }

  #leave(sidecar: SidecarInfo): void {
    const pod = podOf(sidecar) ?? "";
    const there = this.#places.get(pod);
    there?.delete(sidecar.instance);
    if (there?.size === 0) this.#places.delete(pod);
  }

  /** A place that was kept for one that is gone is given to the next one. */
  #giveUp(): void {
    if (this.#first.size === 0) return;
    this.#cancelGiveUp?.();
    this.#cancelGiveUp = this.#ports.clock.after(goneMs.placeKept, () => this.#later());
  }

  /** Who is first is looked at a while after somebody came or went: after a restart, all come at once. */
  #later(): void {
    if (this.#first.size === 0 || this.#cancelReorder !== undefined) return;
    this.#cancelReorder = this.#ports.clock.after(reorderMs, () => {
      this.#cancelReorder = undefined;
      this.#first.clear();
      this.#ports.reordered();
    });
  }

  /** Those that were heard of last stand at the end: the first that is gone has been so for longest. */
  #forget(): void {
    while (this.#gone.size > mostGone) {
      const [oldest] = this.#gone;
      if (oldest === undefined) return;
      this.#gone.delete(oldest);
      const forgotten = this.#sidecars.get(oldest);
      if (forgotten !== undefined) this.#leave(forgotten);
      this.#sidecars.delete(oldest);
      this.#order = undefined;
      this.#via.delete(oldest);
      this.#heardMs.delete(oldest);
    }
  }
}

/** Whether a sidecar refused a revision, or a later one. What was refused before is none of its refusals. */
export const hasRefused = ({ state, refused }: SidecarInfo, revision: number, storeId: string): boolean =>
  state === "rejected" && (refused === "" || revisionOf(refused, storeId) >= revision);

function revisionOf(version: string, storeId: string): number {
  const parsed = parseVersion(version);
  return parsed?.store === storeId ? parsed.revision : 0;
}

/** Names of pods are their namespace's. */
function podOf({ labels: { namespace = "", workload = "", pod } }: Pick<SidecarInfo, "labels">): string | undefined {
  return pod === undefined ? undefined : JSON.stringify([namespace, workload, pod]);
}

const placeOf = ({ labels, instance }: SidecarInfo): string =>
  [labels.namespace ?? "", labels.workload ?? "", labels.pod ?? "", instance].join("\0");
