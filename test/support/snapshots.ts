/** Snapshots of a config service, as it would send them. */
import type { SnapshotMessage } from "../../src/api/messages.ts";
import { messageType, method } from "../../src/api/protos.ts";
import { routeMessage, type SentRoute } from "../../src/api/route-message.ts";
import { digestOf } from "../../src/api/snapshot-digest.ts";
import { formatVersion } from "../../src/api/version.ts";
import { readTexts } from "../../src/config/files.ts";
import type { Received } from "../../src/sync/judge.ts";
import { receivedOf } from "../../src/sync/received.ts";
import type { Answer } from "./config-service.ts";
import { routeDocument } from "./route-document.ts";

export const store = "0123456789ab";
const around = { local: "127.0.0.1:8500" };
const type = messageType<SnapshotMessage>("Snapshot");

export interface RouteOptions {
  readonly name?: string;
  /** Of two variants, `v1` (the champion) and `v2`. Default all to `v1`. */
  readonly weights?: Readonly<Record<string, unknown>>;
  readonly addresses?: readonly [string, string];
  readonly spec?: object;
  /** Slots of `v1`, the others being those of `v2`; default by the weights. */
  readonly slots?: number;
}

/** A route of two variants with its table; its salt is its name, and whoever has a key is drawn by `x-user-id`. */
export function sentRoute({
  name = "fraud",
  weights = { v1: 100, v2: 0 },
  spec,
  ...more
}: RouteOptions = {}): SentRoute {
  const [v1, v2] = more.addresses ?? ["local", "127.0.0.1:8501"];
  const document = routeDocument(name, {
    key: { from: [{ metadata: "x-user-id" }] },
    variants: { v1: { address: v1 }, v2: { address: v2 } },
    champion: "v1",
    ...spec,
  });
  const [route] = readTexts("x", [{ name: "x", text: document }], around).candidates;
  if (route === undefined) throw new Error(`no route: ${document}`);
  const share = Number(weights.v1) / (Number(weights.v1) + Number(weights.v2));
  const slots = more.slots ?? (Number.isFinite(share) ? Math.round(65_536 * share) : 65_536);
  const runs = [
    [0, slots],
    [1, 65_536 - slots],
  ].filter(([, length]) => length !== 0);
  const table = { variants: runs.map(([variant = 0]) => variant), lengths: runs.map(([, length = 0]) => length) };
  const list = Object.entries(weights).map(([variant, weight]) => ({ variant, weight }));
  return { ...routeMessage(route.draft, undefined), weights: list, table };
}

/** An answer of Watch with these routes. Its digest is theirs. */
export function answer(
  revision: number,
  routes: readonly SentRoute[],
  { nonce = `n${revision}`, from = store, ...more }: { nonce?: string; from?: string } & Answer = {},
): Answer & { readonly version: string } {
  const snapshot = { routes, withheld: [] } as unknown as SnapshotMessage;
  const version = formatVersion({ store: from, revision, digest: digestOf(type.encode(snapshot)) });
  return { nonce, snapshot, heartbeat: { seconds: 10, nanos: 0 }, ...more, version };
}

/** As a sidecar receives it. */
export function received(sent: Answer): Received {
  return receivedOf(method<object, object>("ConfigService", "Watch").responseSerialize(sent));
}
