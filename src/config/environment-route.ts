/**
 * The route that the environment describes: the common case, without a file.
 *
 * It becomes a draft like a document's and passes the same rules; only the paths of its problems are names of variables.
 */
import { formatAddress } from "../base/address.ts";
import type { Problem } from "../base/parsed.ts";
import type { Path } from "./decode.ts";
import type { RouteDraft, VariantDraft } from "./route-draft.ts";
import { judgeRoute, type Surroundings, tlsScheme } from "./route-rules.ts";
import type { Setting } from "./setting.ts";
import type { Settings } from "./settings.ts";
import { settingsTable } from "./settings-table.ts";
import { assemble, type Loaded } from "./snapshot.ts";

/** What the settings say about where routes are read, and against what. */
export function surroundings(settings: Settings): Surroundings {
  const local = settings.local && formatAddress(settings.local);
  return { local, listen: settings.listen, alone: true };
}

/** Settings that shape the environment's route and are set: none of them goes with `CONTENDER_CONFIG`. */
export function routeSettingsBesideFile(settings: Settings): Problem[] {
  if (settings.config === undefined) return [];
  return Object.values<Setting<unknown>>(settingsTable)
    .filter(({ env, shapesRoute }) => shapesRoute === true && settings.given.has(env))
    .map(({ env }) => ({
      path: env,
      message: `the routes come from ${settingsTable.config.env}: say it there, or leave that out`,
    }));
}

/** The route made from the environment; with nothing said, everything goes to the pod's own model server. */
export function environmentSnapshot(settings: Settings): Loaded {
  const { champion, challengers, shadows } = settings;
  const first = champion ?? { name: "champion", address: "local" };
  const { upstreamTlsCa: ca, upstreamTlsCert: cert, upstreamTlsKey: key } = settings;
  const variant = (address: string): VariantDraft => {
    return address.startsWith(tlsScheme) ? { address, tls: { ca, cert, key } } : { address };
  };
  const problems: Problem[] = [];
  const owner = new Map<string, string>([[first.name, settingsTable.champion.env]]);
  const variants: [string, VariantDraft][] = [[first.name, variant(first.address)]];
  for (const [list, { env }] of [
    [challengers, settingsTable.challengers],
    [shadows, settingsTable.shadows],
  ] as const) {
    for (const { name, address } of list) {
      const before = owner.get(name);
      if (before !== undefined)
        problems.push({ path: env, message: `${JSON.stringify(name)} is named in ${before} already` });
      else {
        owner.set(name, env);
        variants.push([name, variant(address)]);
      }
    }
  }
  if (champion === undefined && (challengers.length > 0 || shadows.length > 0 || settings.weights.length > 0)) {
    problems.push({
      path: settingsTable.champion.env,
      message: "is missing, and the others need a champion beside them",
    });
  }
  problems.push(...uselessTls(settings, variants));
  const draft: RouteDraft = {
    name: settings.route,
    namesMeant: true,
    default: undefined,
    match: { dialect: undefined, models: [], services: [] },
    keyFrom: settings.key,
    ignoredKeys: undefined,
    assignment: settings.assignment,
    salt: settings.salt,
    pin: settings.pin,
    variantHeader: settings.variantHeader,
    peekBytes: undefined,
    maxTimeoutMs: undefined,
    score: settings.score === undefined ? undefined : { ...settings.score, range: undefined, buckets: undefined },
    variants,
    champion: first.name,
    weights: settings.weights.length === 0 ? undefined : settings.weights,
    shadows: shadows.map(({ name, percent }) => [name, { percent }] as const),
    gates: undefined,
  };
  const { route, faults, warnings } = judgeRoute(draft, [], surroundings(settings));
  const locate = (path: Path, message: string): Problem => ({ path: variableOf(path, owner), message });
  return assemble(
    "environment",
    [{ route, locate, default: undefined, comparable: true }],
    [...problems, ...faults.map(({ path, message }) => locate(path, message))],
    warnings.map(({ path, message }) => locate(path, message)),
  );
}

/** Certificates that nobody is shown: most likely an address lacks its scheme, and calls go out in plain text. */
function uselessTls(settings: Settings, variants: readonly (readonly [string, VariantDraft])[]): Problem[] {
  if (variants.some(([, { tls }]) => tls !== undefined)) return [];
  const { upstreamTlsCa, upstreamTlsCert, upstreamTlsKey } = settingsTable;
  return [upstreamTlsCa, upstreamTlsCert, upstreamTlsKey]
    .filter(({ env }) => settings.given.has(env))
    .map(({ env }) => ({ path: env, message: `no variant speaks TLS: write its address as ${tlsScheme}HOST:PORT` }));
}

/** The variable behind a path of the document that the draft stands for. */
function variableOf([, section, name, field, part]: Path, owner: ReadonlyMap<string, string>): string {
  switch (section) {
    case "variants":
      if (field === "tls") return (part === "key" ? settingsTable.upstreamTlsKey : settingsTable.upstreamTlsCert).env;
      return owner.get(String(name)) ?? settingsTable.champion.env;
    case "weights":
      return settingsTable.weights.env;
    case "shadows":
      return settingsTable.shadows.env;
    case "key":
      return settingsTable.key.env;
    case "score":
      return settingsTable.score.env;
    default:
      return settingsTable.champion.env;
  }
}
