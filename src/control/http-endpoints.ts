/** What the HTTP port answers. */

import type { IncomingMessage } from "node:http";
import { ownCapabilities } from "../api/capabilities.ts";
import { parseDocuments } from "../config/yaml.ts";
import type { SidecarCaller } from "./callers.ts";
import { viewerOf } from "./choices.ts";
import type { Control } from "./control.ts";
import { type HttpEndpoint, json, plain } from "./http.ts";
import { rangesOf } from "./records.ts";
import type { RouteSet } from "./route-set.ts";
import type { Labels } from "./selection.ts";
import { type View, Views } from "./views.ts";

export interface HttpPorts {
  readonly control: Control;
  readonly contentType: string;
  metrics(): Promise<string>;
  /** What counts of the labels that are asked for; throws a ContenderError FORBIDDEN for who may not ask. */
  sidecar(request: IncomingMessage, asked: Labels): Pick<SidecarCaller, "labels" | "sees">;
  /** Throws a ContenderError FORBIDDEN for who may not look. */
  reader(request: IncomingMessage): void;
  /** Why nobody should be sent here; undefined where they may. */
  unready(): string | undefined;
}

export function httpEndpoints(ports: HttpPorts): ReadonlyMap<string, HttpEndpoint> {
  const { control } = ports;
  let views: { readonly set: RouteSet; readonly views: Views } | undefined;
  return new Map<string, HttpEndpoint>([
    [
      "/metrics",
      {
        about: "metrics in Prometheus' text format",
        async answer(request) {
          ports.reader(request);
          return { status: 200, contentType: ports.contentType, body: await ports.metrics() };
        },
      },
    ],
    ["/healthz", { about: "200 while the process lives", answer: () => plain(200, "ok") }],
    [
      "/readyz",
      {
        about: "200 while sidecars and people may be sent here, else 503 and why",
        answer: () => {
          const why = ports.unready();
          return why === undefined ? plain(200, "ready") : plain(503, `not ready\n- ${why}`);
        },
      },
    ],
    [
      "/v1/routes",
      {
        about:
          "routes of a sidecar, with their tables, for CONTENDER_CONFIG=http://…/v1/routes?namespace=&workload=&pod=",
        answer(request, query) {
          const label = (name: string): string | undefined => query.get(name) ?? undefined;
          const asked = { namespace: label("namespace"), workload: label("workload"), pod: label("pod") };
          const { labels, sees } = ports.sidecar(request, asked);
          const set = control.routes;
          if (views?.set !== set) views = { set, views: new Views(set) };
          const instance = labels.pod ?? "";
          const viewer = viewerOf(labels, instance, ownCapabilities);
          const view = views.views.of(viewer, (route) => control.fleet.amongFirst(route, instance));
          const shown = views.views.shown(view, sees);
          return json(documentsOf(set, shown), shown.version);
        },
      },
    ],
  ]);
}

/** As a sidecar's own `/config` shows them. */
function documentsOf(set: RouteSet, { version, routes }: View): object {
  const chosen = set.routes.filter(({ name }) => routes.includes(name));
  const documents = chosen.map(({ text }) => plainOf(parseDocuments(text)[0]?.value) as Record<string, object>);
  return {
    version,
    source: "control",
    routes: documents.map(({ spec, ...document }) => {
      // Who selects has done so.
      const { selector: _, ...rest } = spec as Record<string, unknown>;
      return { ...document, spec: rest };
    }),
    tables: Object.fromEntries(chosen.flatMap(({ name, runs }) => (runs === null ? [] : [[name, rangesOf(runs)]]))),
  };
}

/** Maps as objects. Names of digits alone are sorted by that, which matters to md5-100 alone, and is refused there. */
function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, inner]) => [String(key), plainOf(inner)]));
}
