import type { OverloadStep, WatchedResource } from "../resilience/overload.ts";

/** What a data plane has to say to its operator: a line each in the log. */
export type SidecarEvent =
  | {
      readonly kind: "connected" | "connect_failed" | "disconnected" | "goaway" | "resolved" | "resolve_failed";
      readonly route: string;
      readonly variant: string;
      /** Copies have connections of their own. */
      readonly traffic: string;
      readonly address: string;
      readonly detail: string;
    }
  | {
      readonly kind: "breaker";
      readonly route: string;
      readonly variant: string;
      readonly traffic: string;
      readonly from: string;
      readonly to: string;
    }
  /** What the process gives up for its own sake has changed. */
  | { readonly kind: "overload"; readonly step: OverloadStep; readonly resource: WatchedResource }
  /** Fewer connections are accepted than the limit says, for there are too few descriptors. */
  | { readonly kind: "connections_limited"; readonly limit: number; readonly descriptors: number }
  /** A warm-up is over: `left` copies were not answered. */
  | {
      readonly kind: "warmup";
      readonly route: string;
      readonly variant: string;
      readonly end: "warm" | "timed_out" | "gave_up" | "promoted";
      readonly left: number;
    }
  /** A caller's connection was ended for what it did; `code` is HTTP/2's, `fault` the metric's word. */
  | { readonly kind: "caller_fault"; readonly code: number; readonly fault: string; readonly detail: string };
