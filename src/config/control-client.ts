/**
 * How a config service is found and spoken to: the settings that a sidecar and every command that asks the service share.
 *
 * In plain text nobody knows who answers, and a token can be read on the way. On loopback that is nobody's business; elsewhere
 * it has to be asked for by name, so that a forgotten `tls://` is an error and no leak.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { readAddress } from "../base/address.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import { type Reading, read, unreadable } from "../base/parsed.ts";
import { unknownNames } from "./names.ts";
import { otherCommandsNames } from "./other-commands.ts";
import { optional, readBoolean, type Setting, setting } from "./setting.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where the service's replicas listen, one of them or each, and whether TLS is spoken there. */
export interface ControlTarget {
  readonly addresses: readonly HostPort[];
  readonly tls: boolean;
}

/** How TLS is spoken to a server that is asked for configuration. Paths of PEM files, which may change. */
export interface ClientTls {
  /** Authorities that may have signed its certificate; undefined means those that Node trusts. */
  readonly ca: string | undefined;
  /** Our own certificate and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whom its certificate must be for; the host of the address where it is undefined. */
  readonly serverName: string | undefined;
}

/** All that it takes to ask a config service. */
export interface ControlClient {
  readonly target: ControlTarget;
  /** Undefined in plain text. */
  readonly tls: ClientTls | undefined;
  /** File of a bearer token, which may change. */
  readonly tokenFile: string | undefined;
}

/** Where a service listens by default: what commands ask where nobody says otherwise. */
export const controlByDefault = "127.0.0.1:7410";

const scheme = "tls://";

export const controlClientSettings = {
  control: setting<ControlTarget | undefined>({
    env: "CONTENDER_CONTROL",
    default: "",
    placeholder: "[tls://]HOST:PORT,…",
    doc: "The config service that routes come from, and that the commands route and fleet ask: one address, or those of several replicas, of which any is asked. With tls:// in front TLS is spoken.",
    read: optional(readControlTarget),
  }),
  controlCa: setting<string | undefined>({
    env: "CONTENDER_CONTROL_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, one of which must have signed the service's certificate. Without it those that Node trusts.",
    read: optional(read),
  }),
  controlCert: setting<string | undefined>({
    env: "CONTENDER_CONTROL_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that the service is shown, PEM; it says who we are.",
    read: optional(read),
  }),
  controlKey: setting<string | undefined>({
    env: "CONTENDER_CONTROL_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase.",
    read: optional(read),
  }),
  controlServerName: setting<string | undefined>({
    env: "CONTENDER_CONTROL_SERVER_NAME",
    default: "",
    placeholder: "NAME",
    doc: "Whom the service's certificate must be for, where that is not the host of its address.",
    read: optional(read),
  }),
  controlTokenFile: setting<string | undefined>({
    env: "CONTENDER_CONTROL_TOKEN_FILE",
    default: "",
    placeholder: "PATH",
    doc: "File of a bearer token that says who we are, such as a service account's; read again when it changes.",
    read: optional(read),
  }),
  controlPlaintext: setting<boolean>({
    env: "CONTENDER_CONTROL_PLAINTEXT",
    default: "false",
    placeholder: "BOOL",
    doc: "Whether plain text may be spoken with a config service on another machine, and tokens and passwords sent in it to a source of routes there.",
    read: readBoolean,
  }),
} satisfies Record<string, Setting<unknown>>;

type Values = {
  readonly [K in keyof typeof controlClientSettings]: (typeof controlClientSettings)[K] extends Setting<infer T>
    ? T
    : never;
};

/** Reads what a command needs to ask the service, from the environment alone; nothing else in it is looked at. */
export function parseControlClient(env: Readonly<Record<string, string | undefined>>): Parsed<ControlClient> {
  const settings = Object.entries<Setting<unknown>>(controlClientSettings);
  const known = [...settings.map(([, each]) => each.env), ...otherCommandsNames, "CONTENDER_CONTROL_WAIT"];
  const named = Object.entries(env).filter(([name]) => name.startsWith(controlClientSettings.control.env));
  const problems = unknownNames(Object.fromEntries(named), known);
  const values: Record<string, unknown> = {};
  for (const [key, each] of settings) {
    const given = env[each.env]?.trim() ?? "";
    const reading = each.read(given === "" ? each.default : given);
    if (reading.ok) values[key] = reading.value;
    else problems.push({ path: each.env, message: reading.message });
  }
  if (problems.length > 0) return { ok: false, problems };
  const all = values as unknown as Values;
  const byDefault = readControlTarget(controlByDefault);
  const target = all.control ?? (byDefault.ok ? byDefault.value : undefined);
  const client = controlClientOf({ ...all, control: target });
  if (!client.ok) return client;
  if (client.value === undefined) throw new Error("a client without a target");
  return { ok: true, value: client.value };
}

/** Judges the settings together; undefined where no service is named. */
export function controlClientOf(values: Values): Parsed<ControlClient | undefined> {
  const { control, controlCa, controlCert, controlKey, controlServerName, controlTokenFile } = values;
  const { control: target, controlPlaintext } = controlClientSettings;
  const problems: Problem[] = [];
  const tlsOnly = [
    [controlCa, controlClientSettings.controlCa.env],
    [controlCert, controlClientSettings.controlCert.env],
    [controlKey, controlClientSettings.controlKey.env],
    [controlServerName, controlClientSettings.controlServerName.env],
  ] as const;
  if (control === undefined) {
    for (const [value, env] of [...tlsOnly, [controlTokenFile, controlClientSettings.controlTokenFile.env] as const]) {
      if (value !== undefined) problems.push({ path: env, message: `is of no use without ${target.env}` });
    }
    return problems.length > 0 ? { ok: false, problems } : { ok: true, value: undefined };
  }
  const hosts = new Set(control.addresses.map(({ host }) => host));
  if (control.tls && hosts.size > 1 && controlServerName === undefined) {
    const message = `is missing: with several hosts in ${target.env} it says whom their certificates are for`;
    problems.push({ path: controlClientSettings.controlServerName.env, message });
  }
  if (!control.tls) {
    for (const [value, env] of tlsOnly) {
      if (value !== undefined)
        problems.push({ path: env, message: `is of no use in plain text: write ${target.env}=${scheme}HOST:PORT` });
    }
    if (![...hosts].every(isLoopbackHost) && !values.controlPlaintext) {
      const message = `want ${scheme}HOST:PORT for another machine, or ${controlPlaintext.env}=true to speak plain text, which anybody on the way can read and change`;
      problems.push({ path: target.env, message });
    }
  }
  problems.push(
    ...unpaired(controlClientSettings.controlCert.env, controlCert, controlClientSettings.controlKey.env, controlKey),
  );
  if (problems.length > 0) return { ok: false, problems };
  const tls = { ca: controlCa, cert: controlCert, key: controlKey, serverName: controlServerName };
  const client = { target: control, tls: control.tls ? tls : undefined, tokenFile: controlTokenFile };
  return { ok: true, value: Object.freeze(client) };
}

/** A certificate without its key, or the other way round. */
export function unpaired(
  certEnv: string,
  cert: string | undefined,
  keyEnv: string,
  key: string | undefined,
): Problem[] {
  if ((cert === undefined) === (key === undefined)) return [];
  const [missing, given] = cert === undefined ? [certEnv, keyEnv] : [keyEnv, certEnv];
  return [{ path: missing, message: `is missing, and ${given} is of no use without it` }];
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether a host is this machine, whatever DNS says. */
export function isLoopbackHost(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, "ipv4");
  if (isIPv6(host)) return loopback.check(host, "ipv6");
  return host === "localhost";
}

/** The one spelling of where a service is. */
export function formatControl({ addresses, tls }: ControlTarget): string {
  return `${tls ? scheme : ""}${addresses.map(formatHostPort).join(",")}`;
}

export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function readControlTarget(text: string): Reading<ControlTarget> {
  const tls = text.startsWith(scheme);
  const addresses: HostPort[] = [];
  for (const [index, part] of text
    .slice(tls ? scheme.length : 0)
    .split(",")
    .entries()) {
    const place = part.trim();
    // Written in front of each it means the same; in front of some it would leave the others in plain text.
    const again = index > 0 && place.startsWith(scheme);
    if (again && !tls) return unreadable(`want ${scheme} in front of the first of several addresses, or nowhere`);
    const address = readAddress(again ? place.slice(scheme.length) : place);
    if (!address.ok) return unreadable(address.message);
    const { value } = address;
    if (value.kind !== "tcp") return unreadable(`want HOST:PORT or ${scheme}HOST:PORT, got ${JSON.stringify(text)}`);
    addresses.push({ host: value.host, port: value.port });
  }
  return read({ addresses, tls });
}
