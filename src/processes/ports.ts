/** What the processes of a sidecar share: what they are given, how their ports are bound, what they do once all is loaded. */
import { setFlagsFromString } from "node:v8";
import type { AdminServer } from "../admin/server.ts";
import type { Address } from "../base/address.ts";
import { cannotListen } from "../base/cannot-listen.ts";
import { stayAlive } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { tablesOf } from "../config/effective-routes.ts";
import type { RouteSource } from "../config/route-source.ts";
import type { Strings } from "../config/settings.ts";
import type { SourceStatus } from "../config/source-status.ts";
import { toDocument } from "../config/to-document.ts";
import type { Screen } from "../demo/progress.ts";
import type { Snapshot } from "../model/route.ts";
import { clearStale } from "../transport/unix-socket.ts";
import type { ParentPort } from "../workers/messages.ts";

/** What only the process itself can give. */
export interface ProcessPorts {
  readonly version: string;
  readonly nodeVersion: string;
  readonly env: Strings;
  /** The environment as it is, for processes of our own. */
  readonly demoEnv: NodeJS.ProcessEnv;
  /** Standard error, as a place to draw progress on. */
  readonly screen: Screen;
  out(text: string): void;
  err(text: string): void;
  /** Calls `fn` at every signal that asks to end; the returned function ends that. */
  onStop(fn: (signal: string) => void): () => void;
  /** The script that this process was started with. */
  readonly program: string;
  /** The process that started this one to be its worker; undefined where nobody did. */
  readonly parent: ParentPort | undefined;
}

/** For the last lines, once everything else has ended: beyond it nobody reads them. */
export const logCloseMs = 1_000;

/** @param status of where the routes come from: a server that has not answered may do so after a restart of ours */
export function refuseStart(problems: readonly Problem[], status?: SourceStatus): never {
  const lines = problems.map(problemLine).join("\n");
  const ours = status === undefined || status.contactWallMs !== undefined || status.failures.has("settings");
  if (!ours) throw new ContenderError("UPSTREAM_UNREACHABLE", `there are no routes, so nothing is served:\n${lines}`);
  throw new ContenderError("CONFIG_INVALID", `the routes are wrong, so nothing is served:\n${lines}`);
}

/** Opens a source and waits for it. @returns why nothing is in force; empty where something is. */
export async function opened(source: RouteSource): Promise<readonly Problem[]> {
  const rest = stayAlive();
  try {
    return await source.open();
  } finally {
    rest();
  }
}

/** A configuration as the admin port shows it, and what is known of where it comes from. */
export function effective(
  snapshot: Snapshot,
  refused: readonly Problem[],
  status: SourceStatus | undefined,
): Readonly<Record<string, unknown>> {
  return {
    version: snapshot.version,
    source: snapshot.source,
    rejected: refused.length === 0 ? undefined : refused,
    ...status?.state,
    routes: snapshot.routes.map(toDocument),
    tables: tablesOf(snapshot),
  };
}

/**
 * A call's objects die within milliseconds. With a small young generation they are collected while they are still in
 * the processor's cache, and the socket buffers that they hold go back at once: measured under load, half of the memory
 * and a tenth less CPU than with V8's growth to 16 MiB and more. Once everything is loaded: what loads lives long.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Binds a port, or says by its setting's name why it can't be had. */
export async function listening<T>(setting: string, address: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (reason) {
    if (reason instanceof ContenderError) throw reason;
    throw cannotListen(setting, address, reason);
  }
}

/** Binds the admin port, also where a process left the file of its socket behind that was killed. */
export function listenAdmin(admin: AdminServer, address: Address): Promise<Address> {
  return listening("CONTENDER_ADMIN", address, async () => {
    if (address.kind === "unix") await clearStale(address.path);
    return await admin.listen(address);
  });
}
