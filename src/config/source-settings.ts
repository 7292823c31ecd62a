/** Settings of where a sidecar's routes come from, beside the ones of the config service itself. */
import { readDurationMs } from "../base/duration.ts";
import { type Problem, type Reading, read, unreadable } from "../base/parsed.ts";
import { type ConfigLocation, readConfigLocation } from "./config-location.ts";
import { controlClientSettings, isLoopbackHost, unpaired } from "./control-client.ts";
import { optional, type Setting, setting } from "./setting.ts";

/** What a namespace, a workload or a pod is called in Kubernetes: RFC 1123's names, 253 characters at most. */
const labelPattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Often enough that nobody waits for a change, and a day's polls are some 8,640 answers without a body. */
const shortestPollMs = 100;

export const sourceSettings = {
  config: setting<ConfigLocation | undefined>({
    env: "CONTENDER_CONFIG",
    default: "",
    placeholder: "WHERE",
    doc: "A route file, or a directory of them (*.yaml, *.yml, *.json), watched, ConfigMap swaps included; http://… or https://…, polled; or etcd:http://HOST:PORT,…[/PREFIX], watched. Excludes the settings that shape a route from the environment.",
    read: optional(readConfigLocation),
  }),
  configPollMs: setting<number>({
    env: "CONTENDER_CONFIG_POLL",
    default: "10s",
    placeholder: "DURATION",
    doc: "How often routes from http:// or https:// are asked for, give or take a tenth.",
    read: readPoll,
  }),
  configCa: setting<string | undefined>({
    env: "CONTENDER_CONFIG_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, one of which must have signed that server's certificate. Without it those that Node trusts.",
    read: optional(read),
  }),
  configCert: setting<string | undefined>({
    env: "CONTENDER_CONFIG_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that it is shown, PEM.",
    read: optional(read),
  }),
  configKey: setting<string | undefined>({
    env: "CONTENDER_CONFIG_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase.",
    read: optional(read),
  }),
  configTokenFile: setting<string | undefined>({
    env: "CONTENDER_CONFIG_TOKEN_FILE",
    default: "",
    placeholder: "PATH",
    doc: "File of a bearer token for http:// or https://; read again for each request.",
    read: optional(read),
  }),
  configUser: setting<string | undefined>({
    env: "CONTENDER_CONFIG_USER",
    default: "",
    placeholder: "NAME",
    doc: "Who we are to etcd.",
    read: optional(read),
  }),
  configPasswordFile: setting<string | undefined>({
    env: "CONTENDER_CONFIG_PASSWORD_FILE",
    default: "",
    placeholder: "PATH",
    doc: "File of that user's password.",
    read: optional(read),
  }),
  ...controlClientSettings,
  controlWaitMs: setting<number>({
    env: "CONTENDER_CONTROL_WAIT",
    default: "2s",
    placeholder: "DURATION",
    doc: "How long a start without last good routes waits for the config service, before other routes serve.",
    read: readDurationMs,
  }),
  stateDir: setting<string | undefined>({
    env: "CONTENDER_STATE_DIR",
    default: "",
    placeholder: "PATH",
    doc: "Directory where the last good routes of the config service, an HTTP server or etcd are kept, so that a start does not depend on it. It must outlive the container to be of use, an emptyDir does.",
    read: optional(read),
  }),
  namespace: setting<string | undefined>({
    env: "CONTENDER_NAMESPACE",
    default: "",
    placeholder: "NAME",
    doc: "Namespace that this sidecar is in, for routes that are for some only. What its certificate or token says goes before it.",
    read: optional(readLabel),
  }),
  workload: setting<string | undefined>({
    env: "CONTENDER_WORKLOAD",
    default: "",
    placeholder: "NAME",
    doc: "Workload that it belongs to, such as the deployment's name; likewise.",
    read: optional(readLabel),
  }),
  pod: setting<string | undefined>({
    env: "CONTENDER_POD",
    default: "",
    placeholder: "NAME",
    doc: "Its pod; likewise. The host's name where it is not set.",
    read: optional(readLabel),
  }),
} satisfies Record<string, Setting<unknown>>;

type Values = {
  readonly [K in keyof typeof sourceSettings]: (typeof sourceSettings)[K] extends Setting<infer T> ? T : never;
};

/** What is of no use for the source that was chosen, and secrets that would be read on the way. */
export function sourceProblems(values: Values): Problem[] {
  const { config, configCa, configCert, configKey, configTokenFile, configUser, configPasswordFile } = values;
  const table = sourceSettings;
  const problems: Problem[] = [];
  const kind = config?.kind ?? "path";
  const secure = config !== undefined && config.kind !== "path" && config.secure;
  const only = (given: readonly (readonly [unknown, Setting<unknown>])[], allowed: boolean, place: string): void => {
    if (allowed) return;
    for (const [value, { env }] of given) {
      if (value !== undefined)
        problems.push({ path: env, message: `is of no use: ${table.config.env} does not begin with ${place}` });
    }
  };
  only([[configTokenFile, table.configTokenFile]], kind === "http", "http:// or https://");
  const user = [
    [configUser, table.configUser],
    [configPasswordFile, table.configPasswordFile],
  ] as const;
  only(user, kind === "etcd", "etcd:");
  const files = [
    [configCa, table.configCa],
    [configCert, table.configCert],
    [configKey, table.configKey],
  ] as const;
  only(files, secure, kind === "etcd" ? "etcd:https://" : "https://");
  problems.push(...unpaired(table.configCert.env, configCert, table.configKey.env, configKey));
  if ((configUser === undefined) !== (configPasswordFile === undefined)) {
    const [missing, given] =
      configUser === undefined
        ? [table.configUser, table.configPasswordFile]
        : [table.configPasswordFile, table.configUser];
    problems.push({ path: missing.env, message: `is missing, and ${given.env} is of no use without it` });
  }
  const secret = configTokenFile === undefined ? configPasswordFile && table.configPasswordFile : table.configTokenFile;
  const hosts = config?.kind === "http" ? [config.host] : config?.kind === "etcd" ? config.hosts : [];
  if (secret && !secure && !values.controlPlaintext && !hosts.every(isLoopbackHost)) {
    const message = `want https:// for a server on another machine, or ${table.controlPlaintext.env}=true to send it in plain text, which anybody on the way can read`;
    problems.push({ path: secret.env, message });
  }
  return problems;
}

function readPoll(text: string): Reading<number> {
  const ms = readDurationMs(text);
  if (!ms.ok || ms.value >= shortestPollMs) return ms;
  return unreadable(`want at least ${shortestPollMs}ms, got ${JSON.stringify(text)}`);
}

function readLabel(text: string): Reading<string> {
  if (labelPattern.test(text)) return read(text);
  return unreadable(`want lower-case letters, digits, dots and dashes, at most 253, got ${JSON.stringify(text)}`);
}
