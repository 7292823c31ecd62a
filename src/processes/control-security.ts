/** What the ports of a config service are secured with, and who may do what on them: files of its settings, followed. */
import type { Logger } from "pino";
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Parsed, problemLine } from "../base/parsed.ts";
import type { PemTexts } from "../base/pem.ts";
import type { ControlSettings } from "../config/control-settings.ts";
import { controlSettingsTable } from "../config/control-settings-table.ts";
import { pemFiles } from "../config/sources/pem-files.ts";
import { Access } from "../control/access/access.ts";
import { type Audit, audit } from "../control/access/audit.ts";
import { type AskingRequest, evidenceOfRequest, type PortFacts } from "../control/access/authenticate.ts";
import type { Callers, SidecarCaller } from "../control/access/callers.ts";
import { InstanceOwners } from "../control/access/instance-owners.ts";
import { knownCallers, sightOf } from "../control/access/known-callers.ts";
import { type Action, decide, type Identity, labelsOf } from "../control/access/permissions.ts";
import type { TlsOptions } from "../control/ports/tls-options.ts";
import type { Labels } from "../control/routes/selection.ts";
import { makeContext } from "../transport/tls-context.ts";

export interface ControlSecurity {
  readonly access: Access;
  readonly callers: Callers;
  /** Undefined in plain text. */
  readonly tls: TlsOptions | undefined;
  /** Who asks by HTTP; throws a ContenderError FORBIDDEN for who may not. */
  sidecar(request: AskingRequest, asked: Labels): SidecarCaller;
  reader(request: AskingRequest): void;
  close(): void;
}

const variables: Readonly<Record<string, string>> = {
  cert: controlSettingsTable.tlsCert.env,
  key: controlSettingsTable.tlsKey.env,
  ca: controlSettingsTable.tlsClientCa.env,
};

/**
 * @param renewed is told of new certificates that are good
 * @throws ContenderError CONFIG_INVALID for files that are no good
 */
export async function openSecurity(
  { access: path, tlsCert: cert, tlsKey: key, tlsClientCa: ca }: ControlSettings,
  log: Logger,
  renewed: (tls: TlsOptions) => void,
): Promise<ControlSecurity> {
  const opened = await Access.open({ path, clock: systemClock, log });
  if (!opened.ok) {
    const lines = opened.problems.map(problemLine).join("\n");
    throw new ContenderError("CONFIG_INVALID", `who may do what can't be told, so nothing is served:\n${lines}`);
  }
  const access = opened.value;
  const files = { cert, key, ca };
  const context = (texts: Parsed<PemTexts>): Parsed<TlsOptions> => {
    const made = texts.ok ? makeContext(texts.value, files, "TLSv1.2") : texts;
    return made.ok ? { ok: true, value: made.value.options } : made;
  };
  const pem =
    cert === undefined
      ? undefined
      : pemFiles(systemClock)(files, (texts) => {
          const now = context(texts);
          if (now.ok) renewed(now.value);
          log[now.ok ? "info" : "error"]({
            event: now.ok ? "tls_reloaded" : "tls_rejected",
            ...(now.ok ? {} : { problems: now.problems.map(problemLine) }),
          });
        });
  const first = pem === undefined ? undefined : context(pem.first);
  if (first?.ok === false) {
    const lines = first.problems.map(({ path: at, message }) => problemLine({ path: variables[at] ?? at, message }));
    throw new ContenderError("CONFIG_INVALID", `TLS can't be spoken, so nothing is served:\n${lines.join("\n")}`);
  }
  const port: PortFacts = { tls: first !== undefined, unix: false };
  const record = audit(log, systemClock);
  const owners = new InstanceOwners();
  return {
    access,
    callers: knownCallers({ access, audit: record, owners, clock: systemClock, port }),
    tls: first?.value,
    sidecar(request, asked) {
      const identity = identified(access, record, request, port, "fetch");
      const labels = labelsOf(identity, asked);
      allow(identity, "fetch", [labels.namespace]);
      const { namespace, workload, pod } = labels;
      const name = identity.how === "loopback" ? "" : identity.name;
      return { identity: name, labels: { namespace, workload, pod }, sees: sightOf(identity) };
    },
    reader(request) {
      allow(identified(access, record, request, port, "fleet"), "fleet", []);
    },
    close() {
      pem?.close();
      access.close();
    },
  };
}

function identified(access: Access, record: Audit, request: AskingRequest, port: PortFacts, action: Action): Identity {
  const evidence = evidenceOfRequest(request, port, systemClock.wallMs());
  const found = access.identify(evidence);
  if (found.ok) return found.value;
  record.stranger(evidence, action, found.text);
  throw new ContenderError("FORBIDDEN", found.text);
}

function allow(identity: Identity, action: Action, namespaces: readonly (string | undefined)[]): void {
  const verdict = decide(identity, action, namespaces);
  if (!verdict.ok) throw new ContenderError("FORBIDDEN", verdict.text);
}
