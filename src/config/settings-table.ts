/**
 * Every setting of the process, once: its environment name, default, reader and meaning.
 *
 * Defaults are written as the text one would set, so that code, `--help` and the reference cannot tell different ones.
 */
import { type Address, readAddress, readListenAddress } from "../base/address.ts";
import { digitsOf } from "../base/digits.ts";
import { readDurationMs } from "../base/duration.ts";
import { type Reading, read, unreadable } from "../base/parsed.ts";
import { readAllowedNames } from "../base/tls-names.ts";
import { type TlsVersion, tlsVersions } from "../base/tls-versions.ts";
import { readNetworks } from "../base/trust.ts";
import type { KeySource } from "../model/route.ts";
import {
  type EnvironmentScore,
  type EnvironmentShadow,
  type EnvironmentVariant,
  readChallengers,
  readChampion,
  readKeySources,
  readScore,
  readShadows,
  readWeights,
} from "./environment-words.ts";
import { logLevelSetting } from "./log-level.ts";
import { nameRule } from "./route-document.ts";
import { oneOf, optional, readBoolean, type Setting, setting } from "./setting.ts";
import { sourceSettings } from "./source-settings.ts";

/** A machine with more cores has better uses for them than one pod's sidecar. */
const mostWorkers = 64;

export const settingsTable = {
  listen: setting<Address>({
    env: "CONTENDER_LISTEN",
    default: "0.0.0.0:7400",
    placeholder: "ADDRESS",
    doc: "Where callers connect: HTTP/2, with TLS where CONTENDER_TLS_CERT is set. All interfaces, since a pod's calls come to its own address.",
    read: readListenAddress,
  }),
  listenMode: setting<number>({
    env: "CONTENDER_LISTEN_MODE",
    default: "0660",
    placeholder: "MODE",
    doc: "Permissions of the file, where CONTENDER_LISTEN is a unix socket: who may write may call. Owner and group, which a pod's fsGroup makes the same for all its containers.",
    read: readMode,
  }),
  tlsCert: setting<string | undefined>({
    env: "CONTENDER_TLS_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that callers are shown, PEM, followed by intermediate ones; with it the listener speaks TLS and nothing else. Watched, Secret swaps included.",
    read: optional(read),
  }),
  tlsKey: setting<string | undefined>({
    env: "CONTENDER_TLS_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase; watched with it.",
    read: optional(read),
  }),
  tlsClientCa: setting<string | undefined>({
    env: "CONTENDER_TLS_CLIENT_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, one of which must have signed a caller's certificate. Without it callers need none.",
    read: optional(read),
  }),
  tlsAllowedNames: setting<readonly string[]>({
    env: "CONTENDER_TLS_ALLOWED_NAMES",
    default: "",
    placeholder: "NAME,…",
    doc: "Names of which a caller's certificate must have one: DNS names, *.DOMAIN (one label in front), URIs such as spiffe://DOMAIN/PATH, or spiffe://DOMAIN/PATH/* (all below). Without it every caller with a good certificate is served.",
    read: readAllowedNames,
  }),
  tlsMinVersion: setting<TlsVersion>({
    env: "CONTENDER_TLS_MIN_VERSION",
    default: "TLSv1.2",
    placeholder: "VERSION",
    doc: "The oldest TLS that callers may speak, TLSv1.2 or TLSv1.3. Both sides take the newest that they have.",
    words: tlsVersions,
    read: oneOf(...tlsVersions),
  }),
  admin: setting<Address>({
    env: "CONTENDER_ADMIN",
    default: "127.0.0.1:7401",
    placeholder: "ADDRESS",
    doc: "The admin port: /metrics, /healthz, /readyz, /config, /drain. The kubelet's probes and a Prometheus outside the pod reach it only on a pod address, such as 0.0.0.0:7401; /config and /drain answer loopback alone, wherever it is bound.",
    read: readListenAddress,
  }),
  workers: setting<number>({
    env: "CONTENDER_WORKERS",
    default: "1",
    placeholder: "COUNT",
    doc: "Processes that serve calls, 1 to 64; each takes a core at most. Limits that are for all calls together are divided among them.",
    read: readCount,
  }),
  local: setting<Address>({
    env: "CONTENDER_LOCAL",
    default: "127.0.0.1:8500",
    placeholder: "ADDRESS",
    doc: "The pod's own model server: what the address `local` means, and the champion where no route is given at all.",
    read: readAddress,
  }),
  ...sourceSettings,
  champion: setting<EnvironmentVariant | undefined>({
    env: "CONTENDER_CHAMPION",
    default: "",
    placeholder: "[NAME=]ADDRESS",
    doc: "The variant that answers by default and takes all that is not a prediction. A bare address is named `champion`.",
    shapesRoute: true,
    read: optional(readChampion),
  }),
  challengers: setting<readonly EnvironmentVariant[]>({
    env: "CONTENDER_CHALLENGERS",
    default: "",
    placeholder: "NAME=ADDRESS,…",
    doc: "Variants that may get a share of live calls.",
    shapesRoute: true,
    read: readChallengers,
  }),
  weights: setting<readonly (readonly [string, number])[]>({
    env: "CONTENDER_WEIGHTS",
    default: "",
    placeholder: "NAME=NUMBER,…",
    doc: "Shares of live calls, any numbers with a sum above zero; variants left out get none. Without it the champion gets all.",
    shapesRoute: true,
    read: readWeights,
  }),
  shadows: setting<readonly EnvironmentShadow[]>({
    env: "CONTENDER_SHADOWS",
    default: "",
    placeholder: "NAME=ADDRESS[@PERCENT%],…",
    doc: "Variants that get copies of the calls which the champion answers; 100% where no share is given.",
    shapesRoute: true,
    read: readShadows,
  }),
  key: setting<readonly KeySource[]>({
    env: "CONTENDER_KEY",
    default: "",
    placeholder: "SOURCE,…",
    doc: "Where the sticky key comes from, first found wins: metadata:NAME, parameter:NAME (request parameter) or input:NAME (input tensor). Without it every call is drawn at random.",
    shapesRoute: true,
    read: readKeySources,
  }),
  score: setting<EnvironmentScore | undefined>({
    env: "CONTENDER_SCORE",
    default: "",
    placeholder: "OUTPUT[[PICK]]",
    doc: "The number of an answer that is its score: `scores[1]` is element 1 of each row of the output `scores`, `scores` element 0; also [max], [argmax], [margin], [entropy], [mean].",
    shapesRoute: true,
    read: optional(readScore),
  }),
  upstreamTlsCa: setting<string | undefined>({
    env: "CONTENDER_UPSTREAM_TLS_CA",
    default: "",
    placeholder: "PATH",
    doc: "Authorities, PEM, of the variants whose address begins with tls://. Without it those that Node trusts.",
    shapesRoute: true,
    read: optional(read),
  }),
  upstreamTlsCert: setting<string | undefined>({
    env: "CONTENDER_UPSTREAM_TLS_CERT",
    default: "",
    placeholder: "PATH",
    doc: "The certificate that those variants are shown, PEM.",
    shapesRoute: true,
    read: optional(read),
  }),
  upstreamTlsKey: setting<string | undefined>({
    env: "CONTENDER_UPSTREAM_TLS_KEY",
    default: "",
    placeholder: "PATH",
    doc: "The private key of that certificate, PEM, without a passphrase.",
    shapesRoute: true,
    read: optional(read),
  }),
  route: setting<string>({
    env: "CONTENDER_ROUTE",
    default: "default",
    placeholder: "NAME",
    doc: "Name of the route made from the environment, as metrics show it.",
    shapesRoute: true,
    read: readRouteName,
  }),
  salt: setting<string | undefined>({
    env: "CONTENDER_SALT",
    default: "",
    placeholder: "TEXT",
    doc: "Salt of the assignment; another salt puts other users on the challenger. The route's name where it is not set.",
    shapesRoute: true,
    read: optional(read),
  }),
  assignment: setting<"slots" | "md5-100">({
    env: "CONTENDER_ASSIGNMENT",
    default: "slots",
    placeholder: "METHOD",
    doc: "`slots`, or `md5-100`: md5(key) mod 100 against whole percents, for teams that already route so.",
    shapesRoute: true,
    words: ["slots", "md5-100"],
    read: oneOf("slots", "md5-100"),
  }),
  pin: setting<boolean>({
    env: "CONTENDER_PIN",
    default: "false",
    placeholder: "BOOL",
    doc: "Whether callers may choose their variant by the metadata x-contender-pin.",
    shapesRoute: true,
    read: readBoolean,
  }),
  variantHeader: setting<boolean>({
    env: "CONTENDER_VARIANT_HEADER",
    default: "true",
    placeholder: "BOOL",
    doc: "Whether answers carry x-contender-variant, which says who answered.",
    shapesRoute: true,
    read: readBoolean,
  }),
  trustHop: setting<readonly string[]>({
    env: "CONTENDER_TRUST_HOP",
    default: "private",
    placeholder: "NETWORKS",
    doc: "Peers whose x-contender-hop counts, so that two sidecars in a row split once: private (loopback too), loopback, any, none, or networks such as 10.0.0.0/8, separated by commas.",
    read: readNetworks,
  }),
  nonGrpc: setting<"refuse" | "forward">({
    env: "CONTENDER_NON_GRPC",
    default: "refuse",
    placeholder: "WHAT",
    doc: "HTTP/2 requests that are no gRPC calls: `refuse` answers 405 or 415, so that who is at the wrong port learns so; `forward` passes them to the default route's champion, unlooked at, for model servers that speak REST on the same port.",
    words: ["refuse", "forward"],
    read: oneOf("refuse", "forward"),
  }),
  drainDelayMs: setting<number>({
    env: "CONTENDER_DRAIN_DELAY",
    default: "5s",
    placeholder: "DURATION",
    doc: "How long a draining sidecar, no longer ready, still accepts: balancers need that long to notice.",
    read: readDurationMs,
  }),
  gracePeriodMs: setting<number>({
    env: "CONTENDER_GRACE_PERIOD",
    default: "25s",
    placeholder: "DURATION",
    doc: "From the signal to the exit at most, the drain delay included. Kubernetes kills after 30 s unless told otherwise.",
    read: readDurationMs,
  }),
  waitForChampion: setting<boolean>({
    env: "CONTENDER_WAIT_FOR_CHAMPION",
    default: "false",
    placeholder: "BOOL",
    doc: "Whether /readyz waits until the default route's champion accepts connections.",
    read: readBoolean,
  }),
  logLevel: logLevelSetting,
  accessLog: setting<number>({
    env: "CONTENDER_ACCESS_LOG",
    default: "0",
    placeholder: "RATIO",
    doc: "Share of calls that get a log line, 0 to 1.",
    read: readRatio,
  }),
  predictionLog: setting<string | undefined>({
    env: "CONTENDER_PREDICTION_LOG",
    default: "",
    placeholder: "PATH",
    doc: "Where predictions are recorded as NDJSON: a file, or `stdout`. Off by default.",
    read: optional(read),
  }),
  predictionLogSample: setting<number>({
    env: "CONTENDER_PREDICTION_LOG_SAMPLE",
    default: "0.01",
    placeholder: "RATIO",
    doc: "Share of live calls in the prediction log, 0 to 1; calls that fail are all recorded.",
    read: readRatio,
  }),
} satisfies Record<string, Setting<unknown>>;

/** Every setting's value, by its name in the table. */
export type SettingValues = {
  readonly [K in keyof typeof settingsTable]: (typeof settingsTable)[K] extends Setting<infer T> ? T : never;
};

function readRouteName(text: string): Reading<string> {
  return nameRule.pattern.test(text) ? read(text) : unreadable(`want ${nameRule.wants}, got ${JSON.stringify(text)}`);
}

function readCount(text: string): Reading<number> {
  const count = text.length <= 2 ? digitsOf(text, text.length) : -1;
  return count >= 1 && count <= mostWorkers
    ? read(count)
    : unreadable(`want a whole number from 1 to ${mostWorkers}, got ${JSON.stringify(text)}`);
}

function readMode(text: string): Reading<number> {
  if (/^0?[0-7]{3}$/.test(text)) return read(Number.parseInt(text, 8));
  return unreadable(`want three octal digits such as 0660, got ${JSON.stringify(text)}`);
}

function readRatio(text: string): Reading<number> {
  const ratio = /^(0|1|0?\.[0-9]+|[01]\.[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  return ratio <= 1 ? read(ratio) : unreadable(`want a number from 0 to 1, got ${JSON.stringify(text)}`);
}
