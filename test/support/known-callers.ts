/** Who may do what, for tests: tokens, the document that has their hashes, and callers that are told by it. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Clock } from "../../src/base/clock.ts";
import { Access, type ControlLog } from "../../src/control/access/access.ts";
import { audit } from "../../src/control/access/audit.ts";
import type { Callers } from "../../src/control/access/callers.ts";
import { InstanceOwners } from "../../src/control/access/instance-owners.ts";
import { knownCallers } from "../../src/control/access/known-callers.ts";
import type { Owned } from "./owned.ts";
import { parsedValue } from "./parsed.ts";
import { TempFolder } from "./temp-folder.ts";

/** A token as the document has it. */
export const hashOf = (token: string): string => `sha256:${createHash("sha256").update(token).digest("hex")}`;

/** @param identities in one line each, `{ name: alice, … }` */
export const accessText = (identities: readonly string[]): string => `apiVersion: contender.dev/v1alpha1
kind: Access
spec:
  identities:
${identities.map((identity) => `    - ${identity}\n`).join("")}`;

export interface KnownCallers {
  readonly callers: Callers;
  /** What was logged, audit lines among it. */
  readonly lines: Record<string, unknown>[];
}

/** @param text of the document; undefined for none */
export async function startCallers(
  own: Owned,
  text: string | undefined,
  { clock, tls = false }: { readonly clock: Clock; readonly tls?: boolean },
): Promise<KnownCallers> {
  const path = text === undefined ? undefined : own.add(new TempFolder()).at("access.yaml");
  if (path !== undefined) await writeFile(path, text ?? "");
  const lines: Record<string, unknown>[] = [];
  const add = (line: object): void => void lines.push({ ...line });
  const log: ControlLog = { info: add, warn: add, error: add };
  const access = own.add(parsedValue(await Access.open({ path, clock, log })));
  const port = { tls, unix: false };
  return {
    callers: knownCallers({ access, audit: audit(log, clock), owners: new InstanceOwners(), clock, port }),
    lines,
  };
}
