/**
 * The certificates that upstreams are called with, shared by all variants that name the same files, and watched for as
 * long as the configuration in force names them.
 */
import type { Parsed, Problem } from "../base/parsed.ts";
import type { UpstreamTlsSpec } from "../model/route.ts";
import type { Plan } from "../plan/plan.ts";
import type { VariantPlan } from "../plan/route-plan.ts";
import { Credentials, type CredentialsPorts } from "./credentials.ts";

export class UpstreamCredentials {
  readonly #ports: CredentialsPorts;
  #inForce = new Map<string, Credentials>();
  /** Of a plan that may be put in force. */
  #prepared = new Map<string, Credentials>();

  constructor(ports: CredentialsPorts) {
    this.#ports = ports;
  }

  /** Puts in force what `plan` asks for, or says what is wrong with it and changes nothing. */
  use(plan: Plan): Parsed<undefined> {
    const prepared = this.prepare(plan);
    if (!prepared.ok) return prepared;
    const before = this.#inForce;
    this.#inForce = this.#prepared;
    this.#prepared = new Map();
    closeBut(before, this.#inForce);
    return prepared;
  }

  /** Opens what `plan` asks for and is not open yet, to be used by the next `use`. */
  prepare(plan: Plan): Parsed<undefined> {
    const wanted = new Map<string, Credentials>();
    const problems: Problem[] = [];
    for (const { spec: route, variants } of plan.routes) {
      for (const { spec } of variants) {
        if (spec.tls === undefined) continue;
        const key = keyOf(spec.tls);
        const opened = wanted.get(key) ?? this.#inForce.get(key) ?? this.#prepared.get(key) ?? this.#open(spec.tls);
        if (opened instanceof Credentials) wanted.set(key, opened);
        else {
          const path = `${route.name}.variants.${spec.name}.tls`;
          problems.push(...opened.map((each) => ({ path: `${path}.${each.path}`, message: each.message })));
        }
      }
    }
    const before = this.#prepared;
    this.#prepared = problems.length > 0 ? new Map() : wanted;
    closeBut(before, this.#inForce, this.#prepared);
    if (problems.length === 0) return { ok: true, value: undefined };
    closeBut(wanted, this.#inForce);
    return { ok: false, problems };
  }

  /** Of a variant of the plan in force. */
  of(tls: UpstreamTlsSpec): Credentials {
    return this.#inForce.get(keyOf(tls)) as Credentials;
  }

  all(): Iterable<Credentials> {
    return this.#inForce.values();
  }

  close(): void {
    closeBut(this.#inForce);
    closeBut(this.#prepared, this.#inForce);
  }

  #open({ ca, cert, key, minVersion }: UpstreamTlsSpec): Credentials | readonly Problem[] {
    const opened = Credentials.open({ side: "upstream", paths: { ca, cert, key }, minVersion }, this.#ports);
    return opened.ok ? opened.value : opened.problems;
  }
}

/** Closes those of `some` that are in none of `others`. */
function closeBut(
  some: ReadonlyMap<string, Credentials>,
  ...others: readonly ReadonlyMap<string, Credentials>[]
): void {
  for (const [key, credentials] of some) {
    if (!others.some((other) => other.get(key) === credentials)) credentials.close();
  }
}

function keyOf({ ca, cert, key, minVersion }: UpstreamTlsSpec): string {
  return JSON.stringify([ca, cert, key, minVersion]);
}

/**
 * Whom a variant's certificate must be for: as it says, else by its authority, else by its address. The final dot of a name
 * that is to be looked up as it is belongs to the look-up, and is neither in certificates nor in SNI (RFC 6066, 3).
 */
export function serverNameOf(variant: VariantPlan): string {
  return namedBy(variant).replace(/\.$/, "");
}

function namedBy({ spec, address }: VariantPlan): string {
  if (spec.tls?.serverName !== undefined) return spec.tls.serverName;
  if (spec.authority !== undefined) return spec.authority.replace(/:[0-9]+$/, "").replace(/^\[(.*)\]$/, "$1");
  return address.kind === "unix" ? "localhost" : address.host;
}
