/**
 * Whether a sidecar should get calls: a pure function of what the rest of the process knows.
 *
 * Starting never depends on an upstream (a model server that waits for its sidecar and a sidecar that waits for its
 * model server never start), readiness may: that is `waitForChampion`.
 */
export interface ReadinessFacts {
  /** The proxy's port is bound. */
  readonly listening: boolean;
  /** A valid configuration is in force. */
  readonly configured: boolean;
  readonly draining: boolean;
  /** Whether readiness waits for the champions' connections. */
  readonly waitForChampion: boolean;
  /** Routes whose champion has no connection at this moment. */
  readonly routesWithoutChampion: readonly string[];
  /** Why the processes that serve can't, where there are several; undefined where they can, or there is one. */
  readonly workersMissing?: string | undefined;
}

export interface Readiness {
  readonly ready: boolean;
  /** What is missing, for people; empty when ready. */
  readonly missing: readonly string[];
}

export function readinessOf(facts: ReadinessFacts): Readiness {
  const missing: string[] = [];
  if (facts.draining) missing.push("draining: no new calls are wanted");
  if (!facts.listening) missing.push("the proxy's port is not open yet");
  if (!facts.configured) missing.push("there is no valid configuration yet");
  if (facts.workersMissing !== undefined) missing.push(facts.workersMissing);
  if (facts.waitForChampion) {
    for (const route of facts.routesWithoutChampion) missing.push(`no connection to the champion of route ${route}`);
  }
  return { ready: missing.length === 0, missing };
}
