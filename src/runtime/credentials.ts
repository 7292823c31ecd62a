/**
 * Certificates in force, kept up to date: PEM files and the TLS context made of them.
 *
 * Files that change make a new context for the connections to come; those that there are keep what they shook hands with.
 * Files that are no good change nothing but a counter and a log line, and so does a certificate that has expired already.
 */
import type { Clock } from "../base/clock.ts";
import { type Parsed, type Problem, problemLine } from "../base/parsed.ts";
import type { OpenPem, PemPaths, PemSource, PemTexts } from "../base/pem.ts";
import type { TlsVersion } from "../base/tls-versions.ts";
import { makeContext, type TlsContext } from "../transport/tls-context.ts";
import type { TlsSide } from "../transport/tls-figures.ts";
import type { SidecarEvent } from "./events.ts";

export interface CredentialsPorts {
  readonly clock: Clock;
  readonly openPem: OpenPem;
  readonly onEvent: (event: SidecarEvent) => void;
  /** Counts what came of files that changed. */
  readonly reloaded: (side: TlsSide, ok: boolean) => void;
}

export interface CredentialsSpec {
  readonly side: TlsSide;
  readonly paths: PemPaths;
  readonly minVersion: TlsVersion;
}

export class Credentials {
  readonly spec: CredentialsSpec;
  /** Called with each context that comes after the first. */
  onChange: (context: TlsContext) => void = () => undefined;
  readonly #ports: CredentialsPorts;
  readonly #source: PemSource;
  #context: TlsContext;

  private constructor(spec: CredentialsSpec, ports: CredentialsPorts, source: PemSource, context: TlsContext) {
    this.spec = spec;
    this.#ports = ports;
    this.#source = source;
    this.#context = context;
  }

  /** Reads the files. @returns every problem with them, under `ca`, `cert` or `key`. */
  static open(spec: CredentialsSpec, ports: CredentialsPorts): Parsed<Credentials> {
    let opened: Credentials | undefined;
    const source = ports.openPem(spec.paths, (texts) => {
      if (opened !== undefined) opened.#reload(texts);
    });
    const context = contextOf(source.first, spec);
    if (!context.ok) {
      source.close();
      return context;
    }
    opened = new Credentials(spec, ports, source, context.value);
    // Who has nothing better goes on with it: callers that don't look at dates are served, and the log says why others are not.
    if (opened.#expired(context.value)) opened.#event("tls_certificate_expired", []);
    return { ok: true, value: opened };
  }

  /** What the next connection uses. */
  get context(): TlsContext {
    return this.#context;
  }

  close(): void {
    this.#source.close();
  }

  #reload(texts: Parsed<PemTexts>): void {
    const { side, paths } = this.spec;
    const context = contextOf(texts, this.spec);
    if (!context.ok) return this.#reject(context.problems);
    if (this.#expired(context.value)) {
      const at = new Date(context.value.notAfterMs ?? 0).toISOString();
      return this.#reject([{ path: "cert", message: `${paths.cert ?? ""}: expired at ${at}` }]);
    }
    this.#context = context.value;
    this.#ports.reloaded(side, true);
    this.#event("tls_reloaded", []);
    this.onChange(context.value);
  }

  #reject(problems: readonly Problem[]): void {
    this.#ports.reloaded(this.spec.side, false);
    this.#event("tls_rejected", problems);
  }

  #expired({ notAfterMs }: TlsContext): boolean {
    return notAfterMs !== undefined && notAfterMs < this.#ports.clock.wallMs();
  }

  #event(kind: "tls_reloaded" | "tls_rejected" | "tls_certificate_expired", problems: readonly Problem[]): void {
    const { side, paths } = this.spec;
    const { notAfterMs, serial } = this.#context;
    const notAfter = notAfterMs === undefined ? undefined : new Date(notAfterMs).toISOString();
    this.#ports.onEvent({ kind, side, paths, notAfter, serial, problems: problems.map(problemLine) });
  }
}

function contextOf(texts: Parsed<PemTexts>, { paths, minVersion }: CredentialsSpec): Parsed<TlsContext> {
  return texts.ok ? makeContext(texts.value, paths, minVersion) : texts;
}
