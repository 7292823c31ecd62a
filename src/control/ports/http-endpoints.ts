/**
 * What the HTTP port answers.
 *
 * Sidecars that poll say by `If-None-Match` what they have, as those on a stream say it at its start: so a service with no streams
 * learns too that its store was put back.
 */

import type { IncomingMessage } from "node:http";
import { ownCapabilities } from "../../api/capabilities.ts";
import { parseVersion, type Version } from "../../api/version.ts";
import type { SidecarCaller } from "../access/callers.ts";
import type { Control } from "../control.ts";
import { RouteDocuments } from "../routes/route-documents.ts";
import type { RouteSet } from "../routes/route-set.ts";
import type { Labels } from "../routes/selection.ts";
import { viewerOf } from "../watch/choices.ts";
import type { Claimant } from "../watch/claims.ts";
import { Views } from "../watch/views.ts";
import { watchBounds } from "../watch/watch-bounds.ts";
import { type HttpEndpoint, json, plain } from "./http.ts";

export interface HttpPorts {
  readonly control: Control;
  readonly contentType: string;
  metrics(): Promise<string>;
  /** What counts of the labels that are asked for; throws a ContenderError FORBIDDEN for who may not ask. */
  sidecar(request: IncomingMessage, asked: Labels): SidecarCaller;
  /** Throws a ContenderError FORBIDDEN for who may not look. */
  reader(request: IncomingMessage): void;
  /** Why nobody should be sent here; undefined where they may. */
  unready(): string | undefined;
}

export function httpEndpoints(ports: HttpPorts): ReadonlyMap<string, HttpEndpoint> {
  const { control } = ports;
  const documents = new RouteDocuments();
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
          const { identity, labels, sees } = ports.sidecar(request, asked);
          // A person has seen nothing: they ask what a sidecar gets.
          if (sees === undefined) control.polled(namedVersions(request), claimant(request, identity, labels));
          const set = control.routes;
          if (views?.set !== set) views = { set, views: new Views(set) };
          const instance = labels.pod ?? "";
          const viewer = viewerOf(labels, instance, ownCapabilities);
          const view = views.views.of(viewer, (route) => control.fleet.amongFirst(route, instance));
          const shown = views.views.shown(view, sees);
          return json(() => documents.of(set, shown), shown.version);
        },
      },
    ],
  ]);
}

function namedVersions({ headers }: IncomingMessage): Version[] {
  const etags = headers["if-none-match"]?.split(",") ?? [];
  return etags.flatMap((etag) => parseVersion(etag.replace(/^\s*(?:W\/)?"|"\s*$/g, "")) ?? []);
}

/** By its pod, where it says one, or by where it is. */
function claimant({ socket }: IncomingMessage, identity: string, { pod }: Labels): Claimant {
  return { instance: (pod ?? socket.remoteAddress ?? "").slice(0, watchBounds.nameLength), identity };
}
