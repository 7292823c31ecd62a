/** Every setting of the config service, once: its environment name, default, reader and meaning. */
import { type Address, formatAddress, readAddress, readListenAddress } from "../base/address.ts";
import { digitsOf } from "../base/digits.ts";
import { formatDuration, readDurationMs } from "../base/duration.ts";
import { type Reading, read, unreadable } from "../base/parsed.ts";
import { type ConfigLocation, readEtcdLocation } from "./config-location.ts";
import { logLevelSetting } from "./log-level.ts";
import { optional, readBoolean, type Setting, setting } from "./setting.ts";

/** Where routes and their history are kept. */
export type StoreLocation =
  | { readonly kind: "dir"; readonly path: string }
  | Extract<ConfigLocation, { readonly kind: "etcd" }>;

/** An address of TCP: other machines can't reach a file. */
export type TcpAddress = Extract<Address, { readonly kind: "tcp" }>;

export const controlSettingsTable = {
  listen: setting<TcpAddress>({
    env: "CONTENDER_CONTROL_LISTEN",
    default: "127.0.0.1:7410",
    placeholder: "ADDRESS",
    doc: "Where sidecars, people and other replicas connect: gRPC, with TLS where CONTENDER_CONTROL_TLS_CERT is set. This machine alone, until something says who is asking.",
    read: tcp(readListenAddress),
  }),
  http: setting<TcpAddress>({
    env: "CONTENDER_CONTROL_HTTP",
    default: "127.0.0.1:7411",
    placeholder: "ADDRESS",
    doc: "The HTTP port, with TLS where the other has it: /metrics, /healthz, /readyz, and /v1/routes, which sidecars poll by CONTENDER_CONFIG=http://HOST:PORT/v1/routes.",
    read: tcp(readListenAddress),
  }),
  store: setting<StoreLocation | undefined>({
    env: "CONTENDER_STORE",
    default: "",
    placeholder: "WHERE",
    doc: "Where routes and their history are kept: dir:PATH, a directory for one replica, or etcd:http://HOST:PORT,…[/PREFIX] (https:// likewise), which several share. Required.",
    read: optional(readStore),
  }),
  storeCa: setting<string | undefined>({
    env: "CONTENDER_STORE_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, one of which must have signed the certificates of etcd. Without it those that Node trusts.",
    read: optional(read),
  }),
  storeCert: setting<string | undefined>({
    env: "CONTENDER_STORE_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that etcd is shown, PEM.",
    read: optional(read),
  }),
  storeKey: setting<string | undefined>({
    env: "CONTENDER_STORE_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase.",
    read: optional(read),
  }),
  storeUser: setting<string | undefined>({
    env: "CONTENDER_STORE_USER",
    default: "",
    placeholder: "NAME",
    doc: "Who the config service is to etcd.",
    read: optional(read),
  }),
  storePasswordFile: setting<string | undefined>({
    env: "CONTENDER_STORE_PASSWORD_FILE",
    default: "",
    placeholder: "PATH",
    doc: "File of that user's password.",
    read: optional(read),
  }),
  tlsCert: setting<string | undefined>({
    env: "CONTENDER_CONTROL_TLS_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that both ports show, PEM, followed by intermediate ones; with it they speak TLS and nothing else. Watched, Secret swaps included.",
    read: optional(read),
  }),
  tlsKey: setting<string | undefined>({
    env: "CONTENDER_CONTROL_TLS_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase; watched with it.",
    read: optional(read),
  }),
  tlsClientCa: setting<string | undefined>({
    env: "CONTENDER_CONTROL_TLS_CLIENT_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, one of which must have signed the certificate of whoever shows one. Without it nobody is known by a certificate.",
    read: optional(read),
  }),
  access: setting<string | undefined>({
    env: "CONTENDER_ACCESS",
    default: "",
    placeholder: "PATH",
    doc: "The file that says who may do what; watched. Without it everybody on this machine may do everything, and nobody else may connect.",
    read: optional(read),
  }),
  plaintext: setting<boolean>({
    env: "CONTENDER_CONTROL_PLAINTEXT",
    default: "false",
    placeholder: "BOOL",
    doc: "Whether plain text may be spoken with other machines, tokens among it, and the password sent in it to an etcd there.",
    read: readBoolean,
  }),
  advertise: setting<TcpAddress | undefined>({
    env: "CONTENDER_CONTROL_ADVERTISE",
    default: "",
    placeholder: "ADDRESS",
    doc: "By which other replicas reach this one; where it is not set, where it listens.",
    read: optional(tcp(readAddress)),
  }),
  replicaTokenFile: setting<string | undefined>({
    env: "CONTENDER_REPLICA_TOKEN_FILE",
    default: "",
    placeholder: "PATH",
    doc: "File of the bearer token by which other replicas know this one; read anew for each connection. Without it they know it by its certificate.",
    read: optional(read),
  }),
  history: setting<number>({
    env: "CONTENDER_HISTORY",
    default: "1000",
    placeholder: "COUNT",
    doc: "Changes that are kept of each route, 1 to 100000: so far back it can be looked at and undone. A thousand are years of what people change, and weeks of what a rollout does.",
    read: countWithin(1, 100_000),
  }),
  historyRouteBytes: setting<number>({
    env: "CONTENDER_HISTORY_ROUTE_BYTES",
    default: "8388608",
    placeholder: "BYTES",
    doc: "Bytes of them, by which the oldest go sooner: each has the document before and after. All thousand of a document of 4 KB, 32 of the largest; the newest always stays.",
    read: countWithin(1_048_576, 1_073_741_824),
  }),
  historyBytes: setting<number>({
    env: "CONTENDER_HISTORY_BYTES",
    default: "134217728",
    placeholder: "BYTES",
    doc: "Bytes of the history of all routes together; the oldest changes go first, and of each route the newest stays. A directory has it in memory, which fits a container of 1 GiB; etcd has room for 2 GB by its own default.",
    read: countWithin(1_048_576, 8_589_934_592),
  }),
  historyDeleted: setting<number>({
    env: "CONTENDER_HISTORY_DELETED",
    default: "100",
    placeholder: "COUNT",
    doc: "Routes that were deleted last whose history is kept, 0 to 100000: with it a deletion can be undone. Where each build has a route of its own, they would else stay for ever.",
    read: countWithin(0, 100_000),
  }),
  heartbeatMs: setting<number>({
    env: "CONTENDER_HEARTBEAT",
    default: "30s",
    placeholder: "DURATION",
    doc: "How often a sidecar hears from the service where there is nothing new, 1s to 5m.",
    read: durationWithin(1_000, 300_000),
  }),
  reportIntervalMs: setting<number>({
    env: "CONTENDER_REPORT_INTERVAL",
    default: "10s",
    placeholder: "DURATION",
    doc: "How often sidecars report what they counted, 1s to 5m. A rollout knows no sooner what it does.",
    read: durationWithin(1_000, 300_000),
  }),
  leaseMs: setting<number>({
    env: "CONTENDER_LEASE",
    default: "10s",
    placeholder: "DURATION",
    doc: "A leader that is not heard of for so long is replaced, 2s to 5m. Shorter moves it sooner, and for less.",
    read: durationWithin(2_000, 300_000),
  }),
  logLevel: logLevelSetting,
  gracePeriodMs: setting<number>({
    env: "CONTENDER_GRACE_PERIOD",
    default: "25s",
    placeholder: "DURATION",
    doc: "From the signal to the exit at most. Kubernetes kills after 30 s unless told otherwise.",
    read: readDurationMs,
  }),
} satisfies Record<string, Setting<unknown>>;

/** Every setting's value, by its name in the table. */
export type ControlSettingValues = {
  readonly [K in keyof typeof controlSettingsTable]: (typeof controlSettingsTable)[K] extends Setting<infer T>
    ? T
    : never;
};

/** As `CONTENDER_STORE` has it. */
export function formatStore(store: StoreLocation): string {
  return store.kind === "dir" ? `dir:${store.path}` : `etcd:${store.endpoints.join(",")}/${store.prefix}`;
}

function readStore(text: string): Reading<StoreLocation> {
  if (text.startsWith("etcd:")) return readEtcdLocation(text, controlSettingsTable.store.env);
  const path = text.startsWith("dir:") ? text.slice("dir:".length) : "";
  if (path !== "" && !path.includes("\0")) return read({ kind: "dir", path });
  return unreadable(`want dir:PATH or etcd:http://HOST:PORT, got ${JSON.stringify(text)}`);
}

function tcp(reader: (text: string) => Reading<Address>): (text: string) => Reading<TcpAddress> {
  return (text) => {
    const address = reader(text);
    if (!address.ok) return address;
    if (address.value.kind === "tcp") return read(address.value);
    return unreadable(`want HOST:PORT, got ${JSON.stringify(formatAddress(address.value))}`);
  };
}

function countWithin(least: number, most: number): (text: string) => Reading<number> {
  return (text) => {
    const count = text.length <= String(most).length ? digitsOf(text, text.length) : -1;
    return count >= least && count <= most
      ? read(count)
      : unreadable(`want a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  };
}

function durationWithin(leastMs: number, mostMs: number): (text: string) => Reading<number> {
  return (text) => {
    const ms = readDurationMs(text);
    if (!ms.ok || (ms.value >= leastMs && ms.value <= mostMs)) return ms;
    const bounds = `${formatDuration(leastMs)} to ${formatDuration(mostMs)}`;
    return unreadable(`want ${bounds}, got ${JSON.stringify(text)}`);
  };
}
