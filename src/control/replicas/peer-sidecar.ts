/** How a sidecar stands, as people are told, and as one replica tells another. */
import { type DurationMessage, durationMessage, durationMs, type ProblemMessage } from "../../api/messages.ts";
import type { SidecarInfo, SidecarState } from "../fleet/fleet.ts";

export interface SidecarMessage {
  readonly instance: string;
  readonly namespace: string;
  readonly workload: string;
  readonly pod: string;
  readonly identity: string;
  readonly release: string;
  readonly state: string;
  readonly version: string;
  readonly problems: readonly ProblemMessage[];
  readonly withheld: readonly { readonly route: string; readonly capabilities: readonly string[] }[];
  readonly lastSeen: DurationMessage | null;
  readonly startedAt: DurationMessage | null;
  /** Not there where an earlier release tells. */
  readonly refusedVersion?: string;
}

const words: Readonly<Record<SidecarState, string>> = {
  current: "SIDECAR_STATE_CURRENT",
  pending: "SIDECAR_STATE_PENDING",
  rejected: "SIDECAR_STATE_REJECTED",
  unrouted: "SIDECAR_STATE_UNROUTED",
  gone: "SIDECAR_STATE_GONE",
};
const states = new Map(Object.entries(words).map(([state, word]) => [word, state as SidecarState]));

/** What a sidecar can do. */
export interface CapabilitiesMessage {
  readonly names: readonly string[];
}

/** @param can what it can do, where the replica says so */
export function sidecarOf(message: SidecarMessage, can: CapabilitiesMessage | null | undefined): SidecarInfo {
  const { instance, namespace, workload, pod, identity, release, version, problems, withheld } = message;
  const said = (text: string): string | undefined => (text === "" ? undefined : text);
  return {
    instance,
    labels: { namespace: said(namespace), workload: said(workload), pod: said(pod) },
    identity,
    release,
    capabilities: can?.names,
    state: states.get(message.state) ?? "gone",
    version,
    revision: 0,
    refused: message.refusedVersion ?? "",
    problems: problems.map(({ path, message: text, where }) => ({
      path,
      message: text,
      ...(where === "" ? {} : { where }),
    })),
    withheld: withheld.map(({ route, capabilities }) => ({ route, missing: capabilities })),
    lastSeenMs: durationMs(message.lastSeen) ?? 0,
    startedAtMs: durationMs(message.startedAt) ?? 0,
  };
}

export function sidecarMessage(sidecar: SidecarInfo): object {
  const { instance, labels, identity, release, state, version, revision, problems, refused, withheld } = sidecar;
  return {
    instance,
    namespace: labels.namespace ?? "",
    workload: labels.workload ?? "",
    pod: labels.pod ?? "",
    identity,
    release,
    state: words[state],
    version,
    revision,
    problems: problems.map((problem) => ({ ...problem })),
    withheld: withheld.map(({ route, missing }) => ({ route, capabilities: missing })),
    lastSeen: durationMessage(sidecar.lastSeenMs),
    startedAt: durationMessage(sidecar.startedAtMs),
    refusedVersion: refused,
  };
}
