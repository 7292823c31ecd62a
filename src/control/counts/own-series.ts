/**
 * What of a report counts: series of routes that are for whoever reports, by what their certificate or token says they are. Without
 * that, anybody with a sidecar's token could fill the sums by which others decide.
 *
 * - Labels alone are asked: who is among the first of a route, or in a share of it, changes while counts go on.
 * - A route that this replica does not know counts once it does: reports are cumulative, so the next one has all of it.
 * - A route whose selector has changed, or that was removed, goes on to count for a process that has counted for it: its calls were that
 *   route's, a sidecar that is left without a route goes on with its last one, and what was summed must not shrink.
 * - Where nobody proves anything, a claim costs nothing, and all count for all.
 */
import type { ReportRequest } from "../../api/messages.ts";
import type { Clock } from "../../base/clock.ts";
import { StrangerLog } from "../../base/stranger-log.ts";
import type { SidecarCaller } from "../access/callers.ts";
import type { RouteSet, StoredRoute } from "../routes/route-set.ts";
import { fits } from "../routes/selection.ts";
import { type OwnedReport, type ReadReport, written } from "./counts.ts";
import { processId } from "./ended-counts.ts";

/** The route is for others; or there is none of this name, as far as this replica knows. */
export type LeftOut = "foreign" | "unknown";

export interface OwnSeriesPorts {
  readonly clock: Clock;
  routes(): RouteSet;
  /** The latest report of a process. */
  before(id: string): OwnedReport | undefined;
  /** So many series of a report were left out. */
  counted(why: LeftOut, series: number): void;
  /** The first of somebody's for a route that is for others, and how many such have not been told. */
  told(event: { readonly who: string; readonly instance: string; readonly route: string; readonly more: number }): void;
}

/** Of those that were told: a line each for a fleet that is set up wrongly, and then some again. */
const mostTold = 1_024;
const longestName = 256;

export class OwnSeries {
  readonly #ports: OwnSeriesPorts;
  readonly #log: StrangerLog<"foreign">;
  readonly #told = new Set<string>();
  #set: RouteSet | undefined = undefined;
  #byName: ReadonlyMap<string, StoredRoute> = new Map();

  constructor(ports: OwnSeriesPorts) {
    this.#ports = ports;
    this.#log = new StrangerLog(ports.clock);
  }

  /** The report with what counts of it. @param owner as the counts know it */
  of(read: ReadReport, caller: SidecarCaller, owner: string): ReadReport {
    const { report } = read;
    if (caller.identity === "") return read;
    const left = this.#leftOut(report, caller, owner);
    if (left.size === 0) return read;
    const series = report.series.filter(({ route }) => !left.has(route));
    for (const why of ["foreign", "unknown"] as const) {
      const count = report.series.filter(({ route }) => left.get(route) === why).length;
      if (count > 0) this.#ports.counted(why, count);
    }
    for (const [route, why] of left) if (why === "foreign") this.#tell(caller.identity, report.instance, route);
    return written({ ...report, series });
  }

  /** By the names of routes. */
  #leftOut(report: ReportRequest, { labels }: SidecarCaller, owner: string): ReadonlyMap<string, LeftOut> {
    const routes = this.#routes();
    const left = new Map<string, LeftOut>();
    for (const name of new Set(report.series.map(({ route }) => route))) {
      const route = routes.get(name);
      if (route === undefined) left.set(name, "unknown");
      else if (!fits(route.spec, labels)) left.set(name, "foreign");
    }
    if (left.size === 0) return left;
    const before = this.#ports.before(processId(report));
    if (before?.owner === owner) for (const { route } of before.report.series) left.delete(route);
    return left;
  }

  #routes(): ReadonlyMap<string, StoredRoute> {
    const set = this.#ports.routes();
    if (set !== this.#set) this.#byName = new Map(set.routes.map((route) => [route.name, route]));
    this.#set = set;
    return this.#byName;
  }

  #tell(who: string, instance: string, route: string): void {
    const key = JSON.stringify([who, route]);
    if (this.#told.has(key)) return;
    const more = this.#log.add("foreign");
    if (more === undefined) return;
    if (this.#told.size >= mostTold) this.#told.clear();
    this.#told.add(key);
    this.#ports.told({ who, instance, route: route.slice(0, longestName), more });
  }
}
