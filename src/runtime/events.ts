/** What a data plane has to say to its operator: a line each in the log. */
import type { PemPaths } from "../base/pem.ts";
import type { OverloadStep, WatchedResource } from "../resilience/overload.ts";
import type { TlsFailure } from "../transport/tls-failure.ts";
import type { TlsSide } from "../transport/tls-figures.ts";

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
  /** Callers whose TLS, or lack of it, came to nothing; `more` of the same came after the line before, untold. */
  | {
      readonly kind: "tls_handshake_failed";
      readonly reason: TlsFailure;
      readonly peer: string | undefined;
      readonly detail: string;
      readonly more: number;
    }
  /** Certificate files changed: new connections use them, or can't. */
  | {
      readonly kind: "tls_reloaded" | "tls_rejected" | "tls_certificate_expired";
      readonly side: TlsSide;
      readonly paths: PemPaths;
      /** When the certificate in force ends to be valid. */
      readonly notAfter: string | undefined;
      readonly serial: string | undefined;
      readonly problems: readonly string[];
    }
  /** A caller's connection was ended for what it did; `code` is HTTP/2's, `fault` the metric's word, `more` as above. */
  | {
      readonly kind: "caller_fault";
      readonly code: number;
      readonly fault: string;
      readonly peer: string | undefined;
      readonly detail: string;
      readonly more: number;
    };
