/** Sources that are asked over a network and are no config service, put together: each with its last good routes on disk. */
import { createHash } from "node:crypto";
import type { ConfigLocation } from "../config/config-location.ts";
import { surroundings } from "../config/environment-route.ts";
import type { AskedRoutes } from "../config/routes.ts";
import type { Settings } from "../config/settings.ts";
import type { Texts } from "../sync/asked-source.ts";
import { loadKeys } from "../sync/etcd-contents.ts";
import { HttpSource, loadAnswer } from "../sync/http-source.ts";
import { KeptSource } from "../sync/kept-source.ts";
import { LastGoodFile, lastGoodNames } from "../sync/last-good.ts";

export function askedRoutes(settings: Settings): AskedRoutes {
  const { configPasswordFile: passwordFile, configTokenFile: tokenFile, configUser: user } = settings;
  const pem = { ca: settings.configCa, cert: settings.configCert, key: settings.configKey };
  const { configPollMs: pollMs, namespace = "", stateDir, workload = "" } = settings;
  const around = surroundings(settings);
  return (location, { apply, chance, clock, name, status }) => {
    const owner = { service: addressOf(location, name), namespace, workload };
    const lastGood: LastGoodFile<Texts> | undefined =
      stateDir === undefined
        ? undefined
        : new LastGoodFile<Texts>(
            stateDir,
            owner,
            (version, failed) => status.wrote(lastGood?.path ?? stateDir, version, failed),
            lastGoodNames.config,
          );
    const shared = { name, pollMs, pem, around, clock, chance, status };
    return new KeptSource({
      clock,
      status,
      apply,
      lastGood,
      load: (texts) =>
        location.kind === "http"
          ? loadAnswer(name, texts, around)
          : loadKeys(name, texts, { around, prefix: location.prefix }),
      source: async (deliver) => {
        const ports = { ...shared, apply: deliver };
        if (location.kind === "http") return new HttpSource({ ...ports, url: location.url, tokenFile });
        // Nobody else needs what this takes.
        const { EtcdSource } = await import("../sync/etcd-source.ts");
        const { endpoints, prefix } = location;
        return new EtcdSource({ ...ports, endpoints, prefix, user, passwordFile });
      },
    });
  };
}

/** Whose routes are on disk. A query asks for other routes, and may hold a secret, which a digest does not show. */
function addressOf(location: Exclude<ConfigLocation, { readonly kind: "path" }>, name: string): string {
  if (location.kind === "etcd" || location.url === name) return name;
  return `${name}?${createHash("sha256").update(location.url).digest("hex").slice(0, 16)}`;
}
