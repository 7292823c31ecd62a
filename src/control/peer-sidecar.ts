/** How a sidecar stands, as one replica tells another. */
import { type DurationMessage, durationMs, type ProblemMessage } from "../api/messages.ts";
import type { SidecarInfo, SidecarState } from "./fleet.ts";

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

const states: Readonly<Record<string, SidecarState>> = {
  SIDECAR_STATE_CURRENT: "current",
  SIDECAR_STATE_PENDING: "pending",
  SIDECAR_STATE_REJECTED: "rejected",
  SIDECAR_STATE_UNROUTED: "unrouted",
};

export function sidecarOf(message: SidecarMessage): SidecarInfo {
  const { instance, namespace, workload, pod, identity, release, version, problems, withheld } = message;
  const said = (text: string): string | undefined => (text === "" ? undefined : text);
  return {
    instance,
    labels: { namespace: said(namespace), workload: said(workload), pod: said(pod) },
    identity,
    release,
    state: states[message.state] ?? "gone",
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
