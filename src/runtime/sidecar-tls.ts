/** Everything of a sidecar's that has to do with TLS: whose certificates, what is counted, what is said. */
import type { Clock } from "../base/clock.ts";
import type { Parsed } from "../base/parsed.ts";
import type { OpenPem } from "../base/pem.ts";
import { StrangerLog } from "../base/stranger-log.ts";
import { compileNames } from "../base/tls-names.ts";
import type { TlsVersion } from "../base/tls-versions.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { VariantPlan } from "../plan/route-plan.ts";
import type { Listener } from "../transport/listener.ts";
import type { TlsPorts } from "../transport/tls-acceptor.ts";
import type { TlsFailure } from "../transport/tls-failure.ts";
import { reloadResults, TlsFigures, type TlsSide } from "../transport/tls-figures.ts";
import { UpstreamTls } from "../transport/upstream-tls.ts";
import { Credentials, type CredentialsPorts, type CredentialsSpec } from "./credentials.ts";
import type { SidecarEvent } from "./events.ts";
import { serverNameOf, UpstreamCredentials } from "./upstream-credentials.ts";

/** How callers are to be spoken to. */
export interface ListenerTlsSpec {
  readonly cert: string;
  readonly key: string;
  /** Authorities of callers' certificates; undefined asks for none. */
  readonly clientCa: string | undefined;
  /** Names of which a caller's certificate must have one (`tls-names.ts`); empty allows every good certificate. */
  readonly allowedNames: readonly string[];
  readonly minVersion: TlsVersion;
}

export function listenerCredentials({ cert, key, clientCa: ca, minVersion }: ListenerTlsSpec): CredentialsSpec {
  return { side: "downstream", paths: { ca, cert, key }, minVersion };
}

export interface SidecarTlsPorts {
  readonly clock: Clock;
  readonly openPem: OpenPem;
  readonly onEvent: (event: SidecarEvent) => void;
}

export class SidecarTls {
  readonly credentials: UpstreamCredentials;
  /** What the listener reports to. */
  readonly ports: TlsPorts;
  readonly #ports: CredentialsPorts;
  readonly #figures = new TlsFigures();
  readonly #reloads = { downstream: { applied: 0, rejected: 0 }, upstream: { applied: 0, rejected: 0 } };
  #listener: Credentials | undefined = undefined;

  constructor({ clock, openPem, onEvent }: SidecarTlsPorts) {
    const reloaded = (side: TlsSide, ok: boolean): void => {
      this.#reloads[side][ok ? "applied" : "rejected"]++;
    };
    this.#ports = { clock, openPem, onEvent, reloaded };
    this.credentials = new UpstreamCredentials(this.#ports);
    const log = new StrangerLog<TlsFailure>(clock);
    this.ports = {
      figures: this.#figures,
      onFailure: (reason, peer, detail) => {
        const more = log.add(reason);
        if (more !== undefined) onEvent({ kind: "tls_handshake_failed", reason, peer, detail, more });
      },
    };
  }

  /** Undefined for a variant that is spoken to in plain text. */
  upstream(plan: VariantPlan): UpstreamTls | undefined {
    const { tls } = plan.spec;
    if (tls === undefined) return undefined;
    const credentials = this.credentials.of(tls);
    const { clock } = this.#ports;
    return new UpstreamTls(serverNameOf(plan), { clock, figures: this.#figures, context: () => credentials.context });
  }

  /** Gives the listener its certificate, now and whenever that changes. */
  secure(listener: Listener, spec: ListenerTlsSpec): Parsed<undefined> {
    const { clientCa, allowedNames } = spec;
    const opened = Credentials.open(listenerCredentials(spec), this.#ports);
    if (!opened.ok) return opened;
    const allows = allowedNames.length === 0 ? undefined : compileNames(allowedNames);
    const settings = { clientCertificates: clientCa !== undefined, allows };
    this.#listener = opened.value;
    listener.useTls({ ...settings, context: opened.value.context });
    opened.value.onChange = (context) => listener.useTls({ ...settings, context });
    return { ok: true, value: undefined };
  }

  registerFigures(metrics: Metrics): void {
    metrics.register("contender_tls_handshakes_total", () => this.#figures.handshakes());
    metrics.register("contender_tls_handshake_failures_total", () => this.#figures.failures());
    metrics.register("contender_tls_reloads_total", () =>
      [...new Set(this.#all().map(({ spec: { side } }) => side))].flatMap((side) =>
        reloadResults.map((result) => ({
          labels: [side, result],
          value: this.#reloads[side][result],
        })),
      ),
    );
    metrics.register("contender_tls_certificate_not_after_timestamp_seconds", () =>
      this.#all().flatMap(({ spec: { side, paths }, context: { notAfterMs } }) =>
        notAfterMs === undefined ? [] : [{ labels: [side, paths.cert ?? ""], value: notAfterMs / 1000 }],
      ),
    );
  }

  close(): void {
    this.#listener?.close();
    this.credentials.close();
  }

  #all(): Credentials[] {
    return [...(this.#listener === undefined ? [] : [this.#listener]), ...this.credentials.all()];
  }
}
