/**
 * Which routes each sidecar gets of a set, and which are withheld from it, worked out once for all sidecars that get the same.
 *
 * Sidecars of a kind are told apart by what routes ask for and by nothing else: by labels that a selector names, by the subsets that they
 * are in, and by what they lack of what routes need. So what somebody says of themselves can make no more kinds than routes do, and a
 * label or a capability that no route knows is as good as none.
 */
import { capabilitiesOf } from "../../api/capabilities.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { RouteSet, StoredRoute } from "../routes/route-set.ts";
import { type AmongFirst, isSubset, type Labels, select, within } from "../routes/selection.ts";

export interface Withheld {
  readonly route: string;
  readonly missing: readonly string[];
}

/** One for all sidecars that get the same. */
export interface Choice {
  readonly given: readonly StoredRoute[];
  /** Routes that a sidecar lacks something for. */
  readonly withheld: readonly Withheld[];
}

export interface Viewer {
  readonly labels: Labels;
  readonly instance: string;
  readonly capabilities: ReadonlySet<string>;
}

export const viewerOf = (labels: Labels, instance: string, capabilities: readonly string[]): Viewer => ({
  labels,
  instance,
  capabilities: new Set(capabilities),
});

/** Of each there are a few; hundreds of routes with labels of their own, in each other's subsets, make more. */
const mostKept = { kinds: 16_384, choices: 4_096 } as const;

const labelNames = ["namespace", "workload", "pod"] as const;

export class Choices {
  readonly #routes: readonly StoredRoute[];
  readonly #needs: ReadonlyMap<StoredRoute, readonly string[]>;
  /** All that any route needs, in one order. */
  readonly #needed: readonly string[];
  readonly #subsets: readonly StoredRoute[];
  readonly #named: Readonly<Record<(typeof labelNames)[number], ReadonlySet<string | undefined>>>;
  readonly #byKind = new BoundedMap<string, Choice>(mostKept.kinds);
  readonly #byContents = new BoundedMap<string, Choice>(mostKept.choices);

  constructor({ routes }: Pick<RouteSet, "routes">) {
    this.#routes = routes;
    this.#needs = new Map(routes.map((route) => [route, capabilitiesOf(route.draft)]));
    this.#needed = [...new Set([...this.#needs.values()].flat())].sort();
    this.#subsets = routes.filter(({ spec }) => isSubset(spec));
    this.#named = {
      namespace: new Set(routes.map(({ spec }) => spec.selector?.namespace ?? spec.namespace)),
      workload: new Set(routes.map(({ spec }) => spec.selector?.workload)),
      pod: new Set(routes.map(({ spec }) => spec.selector?.pod)),
    };
  }

  /** Kinds of sidecars that are known. */
  get kinds(): number {
    return this.#byKind.size;
  }

  of(viewer: Viewer, amongFirst: AmongFirst): Choice {
    const kind = this.#kindOf(viewer, amongFirst);
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known;
    const choice = this.#choose(viewer, amongFirst);
    this.#byKind.set(kind, choice);
    return choice;
  }

  /** For who asks but once: finds what is known, and leaves nothing behind. */
  once(viewer: Viewer, amongFirst: AmongFirst): Choice {
    return this.#byKind.get(this.#kindOf(viewer, amongFirst)) ?? this.#chosen(viewer, amongFirst);
  }

  /** What a route needs and a sidecar lacks. */
  missing(route: StoredRoute, { capabilities }: Pick<Viewer, "capabilities">): readonly string[] {
    return (this.#needs.get(route) ?? []).filter((name) => !capabilities.has(name));
  }

  /** Equal for sidecars that get the same, and different where what they get may differ, whatever they say of themselves. */
  #kindOf({ labels, instance, capabilities }: Viewer, amongFirst: AmongFirst): string {
    return JSON.stringify([
      ...labelNames.map((name) => (this.#named[name].has(labels[name]) ? (labels[name] ?? null) : null)),
      this.#needed.filter((name) => !capabilities.has(name)),
      this.#subsets.flatMap(({ spec }) => (within(spec, labels, instance, amongFirst) ? [spec.name] : [])),
    ]);
  }

  #choose(viewer: Viewer, amongFirst: AmongFirst): Choice {
    const choice = this.#chosen(viewer, amongFirst);
    const key = JSON.stringify([choice.given.map(({ name }) => name), choice.withheld]);
    const known = this.#byContents.get(key);
    if (known !== undefined) return known;
    this.#byContents.set(key, choice);
    return choice;
  }

  #chosen(viewer: Viewer, amongFirst: AmongFirst): Choice {
    const { labels, instance } = viewer;
    const withheld = select(this.#routes, labels, instance, amongFirst).flatMap((route) => {
      const missing = this.missing(route, viewer);
      return missing.length > 0 ? [{ route: route.name, missing }] : [];
    });
    // What is withheld takes nothing's place: its calls are those of the wider route, as without it.
    const able =
      withheld.length === 0 ? this.#routes : this.#routes.filter((route) => this.missing(route, viewer).length === 0);
    return { given: select(able, labels, instance, amongFirst), withheld };
  }
}
