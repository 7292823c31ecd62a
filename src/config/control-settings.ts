/**
 * The settings of the config service, judged together.
 *
 * Whoever can speak to it can send every user to another model. So it listens to this machine alone until a file says who may do
 * what, and to others in plain text only where that is asked for by name.
 */
import { formatAddress } from "../base/address.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import { isLoopbackHost, unpaired } from "./control-client.ts";
import {
  type ControlSettingValues,
  controlSettingsTable,
  type StoreLocation,
  type TcpAddress,
} from "./control-settings-table.ts";
import { unknownNames } from "./names.ts";
import type { Setting } from "./setting.ts";
import { allSettings, type Strings } from "./settings.ts";

export interface ControlSettings extends Omit<ControlSettingValues, "store"> {
  readonly store: StoreLocation;
}

/** Every setting of the config service, in the order of the reference. */
export const controlSettings: readonly Setting<unknown>[] = Object.values(controlSettingsTable);

/** Reads the settings; every problem is told under the name of its variable. An empty variable counts as not set. */
export function parseControlSettings(env: Strings): Parsed<ControlSettings> {
  // One environment may serve a sidecar too, whose settings are none of our business; nobody's are a slip.
  const problems = unknownNames(
    env,
    [...controlSettings, ...allSettings].map((each) => each.env),
  );
  const values: Record<string, unknown> = {};
  for (const [key, each] of Object.entries<Setting<unknown>>(controlSettingsTable)) {
    const given = env[each.env]?.trim() ?? "";
    const reading = each.read(given === "" ? each.default : given);
    if (reading.ok) values[key] = reading.value;
    else problems.push({ path: each.env, message: reading.message });
  }
  const { store, ...rest } = values as unknown as ControlSettingValues;
  const table = controlSettingsTable;
  if (store === undefined && !problems.some(({ path }) => path === table.store.env)) {
    const message = "is missing: want dir:PATH, or etcd:http://HOST:PORT for several replicas";
    problems.push({ path: table.store.env, message });
  }
  if (problems.length > 0 || store === undefined) return { ok: false, problems };
  const settings = { ...rest, store };
  problems.push(...storeProblems(settings), ...listenProblems(settings));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: Object.freeze(settings) };
}

function storeProblems(values: ControlSettings): Problem[] {
  const { store, storeCa, storeCert, storeKey, storeUser, storePasswordFile } = values;
  const table = controlSettingsTable;
  const problems: Problem[] = [];
  const secure = store.kind === "etcd" && store.secure;
  const only = (given: readonly (readonly [unknown, Setting<unknown>])[], allowed: boolean, start: string): void => {
    if (allowed) return;
    for (const [value, { env }] of given) {
      if (value === undefined) continue;
      problems.push({ path: env, message: `is of no use: ${table.store.env} does not begin with ${start}` });
    }
  };
  const user = [
    [storeUser, table.storeUser],
    [storePasswordFile, table.storePasswordFile],
  ] as const;
  const files = [
    [storeCa, table.storeCa],
    [storeCert, table.storeCert],
    [storeKey, table.storeKey],
  ] as const;
  only(files, secure, "etcd:https://");
  only(user, store.kind === "etcd", "etcd:");
  problems.push(...unpaired(table.storeCert.env, storeCert, table.storeKey.env, storeKey));
  problems.push(...unpaired(table.storeUser.env, storeUser, table.storePasswordFile.env, storePasswordFile));
  const hosts = store.kind === "etcd" ? store.hosts : [];
  if (storePasswordFile !== undefined && !secure && !values.plaintext && !hosts.every(isLoopbackHost)) {
    const message = `want etcd:https:// for an etcd on another machine, or ${table.plaintext.env}=true to send the password in plain text, which anybody on the way can read`;
    problems.push({ path: table.storePasswordFile.env, message });
  }
  return problems;
}

function listenProblems(values: ControlSettings): Problem[] {
  const { tlsCert, tlsKey, tlsClientCa, access, plaintext, store, listen, http, advertise } = values;
  const table = controlSettingsTable;
  const problems = unpaired(table.tlsCert.env, tlsCert, table.tlsKey.env, tlsKey);
  if (tlsClientCa !== undefined && tlsCert === undefined) {
    const message = `is of no use without ${table.tlsCert.env}: in plain text nobody shows a certificate`;
    problems.push({ path: table.tlsClientCa.env, message });
  }
  const open: readonly (readonly [TcpAddress, Setting<unknown>])[] = [
    [listen, table.listen],
    [http, table.http],
  ];
  const beyond = open.filter(([{ host }]) => !isLoopbackHost(host));
  for (const [address, { env }] of beyond) {
    if (tlsCert !== undefined || plaintext) continue;
    const message = `other machines reach ${formatAddress(address)}: want ${table.tlsCert.env} and ${table.tlsKey.env}, or ${table.plaintext.env}=true to speak plain text, which anybody on the way can read and change`;
    problems.push({ path: env, message });
  }
  if (beyond.length > 0 && access === undefined) {
    const names = beyond.map(([, { env }]) => env).join(" and ");
    const message = `is missing: by ${names} other machines reach the service, and without the file nobody knows who may do what`;
    problems.push({ path: table.access.env, message });
  }
  if (beyond.length === 0 && tlsCert !== undefined && access === undefined) {
    const message = `is missing: with ${table.tlsCert.env} callers are asked who they are, and without the file nobody is known; to serve this machine alone, leave both out`;
    problems.push({ path: table.access.env, message });
  }
  if (store.kind === "etcd" && advertise === undefined && isEverywhere(listen.host)) {
    const message = `is missing: other replicas can't connect to ${formatAddress(listen)}; want this machine's or pod's own address`;
    problems.push({ path: table.advertise.env, message });
  }
  return problems;
}

/** One listens on all interfaces but can't connect to "all". */
const isEverywhere = (host: string): boolean => host === "0.0.0.0" || host === "::";
