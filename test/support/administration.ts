/** A config service as commands see it, that answers what a test tells it to. */
import type { Handlers } from "../../src/cli/handlers.ts";
import type { ControlClient } from "../../src/config/control-client.ts";
import type {
  Administration,
  Author,
  Changed,
  RouteChange,
  RouteState,
  SidecarStatus,
} from "../../src/model/administration.ts";

export interface Scripted {
  readonly handlers: Partial<Handlers>;
  /** Every question, by the method and what it was given. */
  readonly asked: unknown[][];
  /** The settings by which the service was found, and who asks. */
  readonly opened: { readonly client: ControlClient; readonly actor: string; readonly timeoutMs: number }[];
  closed: number;
}

/** Answers that a test has not told are errors. */
export function scripted(answers: Partial<Administration>): Scripted {
  const script: Scripted = { handlers: {}, asked: [], opened: [], closed: 0 };
  const service = new Proxy({} as Administration, {
    get: (_, name: string) => {
      if (name === "then") return undefined;
      if (name === "where") return "127.0.0.1:7410";
      if (name === "close") {
        return () => {
          script.closed++;
        };
      }
      return async (...given: unknown[]) => {
        script.asked.push([name, ...given]);
        const answer = answers[name as keyof Administration] as ((...args: unknown[]) => unknown) | undefined;
        if (answer === undefined) throw new Error(`no answer to ${name} in this test`);
        return await answer(...given);
      };
    },
  });
  const administration: Handlers["administration"] = (client, options) => {
    script.opened.push({ client, ...options });
    return Promise.resolve(service);
  };
  return Object.assign(script, { handlers: { administration } });
}

/** 10 o'clock and so many seconds. */
export const atMs = (seconds: number): number => Date.UTC(2026, 2, 1, 10) + seconds * 1_000;

export const author = (name = "ana@laptop?", seconds = 0, reason = ""): Author => ({
  name,
  atMs: atMs(seconds),
  reason,
});

export const routeText = `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  key: { from: [{ metadata: x-user-id }] } # sticky
  variants: { v41: { address: "127.0.0.1:1" }, v42: { address: "127.0.0.1:2" } }
  champion: v41
  weights: { v41: 90, v42: 10 }
`;

export const routeState = (fields: Partial<RouteState> = {}): RouteState => ({
  name: "fraud",
  document: routeText,
  revision: 12,
  champion: "v41",
  weights: [
    { variant: "v41", share: 0.9 },
    { variant: "v42", share: 0.1 },
  ],
  table: [
    { variant: "v41", slots: 58_982 },
    { variant: "v42", slots: 6_554 },
  ],
  author: author("ana@laptop?", 0, "more of v42"),
  ...fields,
});

export const change = (fields: Partial<RouteChange> = {}): RouteChange => ({
  name: "fraud",
  kind: "weights",
  revision: 12,
  moves: [{ from: "v41", to: "v42", slots: 6_554 }],
  warnings: [],
  withheldFrom: [],
  withheldCount: 0,
  ...fields,
});

export const changed = (...changes: Partial<RouteChange>[]): Changed => ({
  changes: changes.map(change),
  revision: 12,
});

export const sidecar = (fields: Partial<SidecarStatus> = {}): SidecarStatus => ({
  instance: "i-1",
  namespace: "ml",
  workload: "fraud",
  pod: "fraud-0",
  identity: "spiffe://x/fraud",
  release: "0.2.0",
  state: "current",
  version: "a1b2c3d4e5f6-12-01234567",
  revision: 12,
  problems: [],
  withheld: [],
  lastSeenMs: atMs(5),
  startedAtMs: atMs(-60),
  ...fields,
});
