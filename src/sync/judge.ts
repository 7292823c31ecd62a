/** What a message of the config service asks of a sidecar that has a certain version in force. */
import type { WatchResponse } from "../api/messages.ts";
import { goesBack, parseVersion } from "../api/version.ts";
import type { Problem } from "../base/parsed.ts";

/** A message, and the digest of the snapshot's bytes in it; undefined where there is none. */
export interface Received {
  readonly message: WatchResponse;
  readonly digest: string | undefined;
}

export type Verdict =
  /** Nothing but that the service is alive. */
  | { readonly kind: "heartbeat" }
  /** What is in force goes by another version from now on. */
  | { readonly kind: "adopt"; readonly version: string }
  /** Its snapshot may be read. */
  | { readonly kind: "read"; readonly version: string; readonly snapshot: NonNullable<WatchResponse["snapshot"]> }
  | { readonly kind: "refuse"; readonly problems: readonly Problem[] };

/**
 * What is wrong with a version that goes back in the history of its store, wherever it comes from: a replica that lags behind, or a
 * cache, had it. A store that was put back has another id, and is followed.
 * @returns undefined where it may follow what is in force, or says nothing about an order
 */
export function backwards(inForce: string | undefined, next: string): Problem | undefined {
  if (!goesBack(inForce, next)) return undefined;
  const message = `want no revision of this store below the one in force, ${inForce}, got ${next}`;
  return { path: "version", message };
}

/** @param inForce the service's version of what is in force; undefined where nothing of its is. */
export function judge({ message, digest }: Received, inForce: string | undefined): Verdict {
  const { version, nonce, snapshot } = message;
  if (nonce === "" && snapshot === null) return { kind: "heartbeat" };
  const refuse = (text: string): Verdict => ({ kind: "refuse", problems: [{ path: "version", message: text }] });
  const next = parseVersion(version);
  if (next === undefined) return refuse(`want a version of a config service, got ${JSON.stringify(version)}`);
  const back = backwards(inForce, version);
  if (back !== undefined) return { kind: "refuse", problems: [back] };
  if (snapshot === null) {
    const current = inForce === undefined ? undefined : parseVersion(inForce);
    if (current?.digest === next.digest) return { kind: "adopt", version };
    return refuse(`want the snapshot of ${version}, got none, and ${inForce ?? "nothing"} is in force`);
  }
  if (digest !== next.digest) return refuse(`want a snapshot with the digest of ${version}, got ${digest}`);
  return { kind: "read", version, snapshot };
}
