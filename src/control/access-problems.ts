/**
 * Where a control may listen, by who is asked for a proof.
 *
 * To start in a way that lets everybody change every route is a slip that nobody would see, so it takes a document or a port that
 * is this machine's alone. That includes TLS: encryption without a question who is there keeps nobody out.
 */
import { type Address, formatAddress } from "../base/address.ts";
import { isLoopback } from "../base/local-asker.ts";
import type { Problem } from "../base/parsed.ts";

/** A port of the service, by the setting that opens it. */
export interface ControlPort {
  /** CONTENDER_CONTROL_LISTEN, say. */
  readonly setting: string;
  readonly address: Address;
  readonly tls: boolean;
}

export interface AccessSettings {
  readonly ports: readonly ControlPort[];
  /** Path of the document; undefined where nobody is to be asked. */
  readonly access: string | undefined;
  /** Whether plain text off this machine was asked for by name. */
  readonly plaintext: boolean;
}

/** Why a control does not start with these settings; none where it may. */
export function accessProblems({ ports, access, plaintext }: AccessSettings): Problem[] {
  return ports.flatMap(({ setting, address, tls }) => {
    const near = address.kind === "unix" || isLoopback(address.host) || address.host === "localhost";
    const at = formatAddress(address);
    if (access === undefined && !near) {
      const message = `${at} is reached by others than this machine: set CONTENDER_CONTROL_ACCESS, which says who may do what`;
      return [{ path: setting, message }];
    }
    if (access === undefined && tls) {
      const message = `${at} speaks TLS to callers whom nobody knows: set CONTENDER_CONTROL_ACCESS, which says who may do what`;
      return [{ path: setting, message }];
    }
    if (!near && !tls && !plaintext) {
      const message = `${at} would take tokens and show routes in plain text: give it a certificate, or set CONTENDER_CONTROL_PLAINTEXT=true where something else encrypts`;
      return [{ path: setting, message }];
    }
    return [];
  });
}
