/** What the processes of a sidecar do about TLS: its settings made into what a listener needs, and wrong files told. */
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Parsed, type Problem, problemLine } from "../base/parsed.ts";
import type { OpenPem } from "../base/pem.ts";
import type { Settings } from "../config/settings.ts";
import { settingsTable } from "../config/settings-table.ts";
import { pemFiles } from "../config/sources/pem-files.ts";
import type { Plan } from "../plan/plan.ts";
import { Credentials, type CredentialsPorts } from "../runtime/credentials.ts";
import { type ListenerTlsSpec, listenerCredentials } from "../runtime/sidecar-tls.ts";
import { UpstreamCredentials } from "../runtime/upstream-credentials.ts";

export const openPem: OpenPem = pemFiles(systemClock);

/** How callers are to be spoken to; undefined means in plain text. */
export function listenerTlsOf(settings: Settings): ListenerTlsSpec | undefined {
  const { tlsCert: cert, tlsKey: key, tlsClientCa: clientCa, tlsAllowedNames, tlsMinVersion } = settings;
  if (cert === undefined || key === undefined) return undefined;
  return { cert, key, clientCa, allowedNames: tlsAllowedNames, minVersion: tlsMinVersion };
}

/** As the log says it: `off`, `server` or `mutual`. */
export function tlsWord(spec: ListenerTlsSpec | undefined): string {
  if (spec === undefined) return "off";
  return spec.clientCa === undefined ? "server" : "mutual";
}

const variables: Readonly<Record<string, string>> = {
  cert: settingsTable.tlsCert.env,
  key: settingsTable.tlsKey.env,
  ca: settingsTable.tlsClientCa.env,
};

/** Ends a start whose certificate can't be used. */
export function refuseTls(problems: readonly Problem[]): never {
  const lines = problems.map(({ path, message }) => problemLine({ path: variables[path] ?? path, message }));
  throw new ContenderError("CONFIG_INVALID", `TLS can't be spoken, so nothing is served:\n${lines.join("\n")}`);
}

/** For looking whether files can be used, by a process that does not use them itself. */
const looking: CredentialsPorts = {
  clock: systemClock,
  openPem,
  onEvent: () => undefined,
  reloaded: () => undefined,
};

/** Whether a listener can be made of the files. */
export function checkListener(spec: ListenerTlsSpec): readonly Problem[] {
  const opened = Credentials.open(listenerCredentials(spec), looking);
  if (!opened.ok) return opened.problems;
  opened.value.close();
  return [];
}

/** Whether the upstreams of a plan can be spoken to with the files that it names. */
export function checkUpstreams(plan: Plan): Parsed<undefined> {
  const credentials = new UpstreamCredentials(looking);
  const usable = credentials.use(plan);
  credentials.close();
  return usable;
}
