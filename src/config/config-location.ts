/** Where `CONTENDER_CONFIG` points: a path, an HTTP server, or keys of etcd. */
import { type Reading, read, unreadable } from "../base/parsed.ts";

export type ConfigLocation =
  | { readonly kind: "path"; readonly path: string }
  /** As it is asked for, a query included; `secure` is https. */
  | { readonly kind: "http"; readonly url: string; readonly host: string; readonly secure: boolean }
  /** Members as `http://HOST:PORT`; the prefix ends in a slash. */
  | {
      readonly kind: "etcd";
      readonly endpoints: readonly string[];
      readonly hosts: readonly string[];
      readonly secure: boolean;
      readonly prefix: string;
    };

/** What keys of the config service begin with, where nobody says otherwise. */
export const etcdPrefixByDefault = "contender/";

const etcdScheme = "etcd:";

export function readConfigLocation(text: string): Reading<ConfigLocation> {
  if (text.startsWith(etcdScheme)) return readEtcdLocation(text, "CONTENDER_CONFIG");
  if (/^https?:\/\//i.test(text)) return readHttp(text);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme === undefined) return read({ kind: "path", path: text });
  return unreadable(`want a path, http://…, https://… or etcd:http://HOST:PORT, got ${JSON.stringify(text)}`);
}

/** As snapshots, metrics and the log name it: without a query, which may hold a secret. */
export function locationName(location: ConfigLocation): string {
  switch (location.kind) {
    case "path":
      return `file:${location.path}`;
    case "http":
      return location.url.replace(/\?.*/, "");
    case "etcd":
      return `${etcdScheme}${location.endpoints.join(",")}/${location.prefix}`;
  }
}

function readHttp(text: string): Reading<ConfigLocation> {
  const url = urlOf(text);
  if (url === undefined) return unreadable(`want http://HOST:PORT/PATH, got ${JSON.stringify(text)}`);
  if (url.username !== "" || url.password !== "") {
    return unreadable(
      "want no name and password in the address, where everybody sees them: CONTENDER_CONFIG_TOKEN_FILE names the file of a token",
    );
  }
  url.hash = "";
  return read({ kind: "http", url: url.href, host: hostOf(url), secure: url.protocol === "https:" });
}

/**
 * `etcd:http://a:2379,http://b:2379/prefix`: what follows the last member's port is the prefix.
 *
 * @param env of the setting, with which the names of those begin that say who asks
 */
export function readEtcdLocation(
  text: string,
  env: string,
): Reading<Extract<ConfigLocation, { readonly kind: "etcd" }>> {
  const list = text.slice(etcdScheme.length);
  const wants = `want etcd:http://HOST:PORT,…[/PREFIX], got ${JSON.stringify(text)}`;
  const urls = list.split(",").map((part) => urlOf(part.trim()));
  const found = urls.filter((url) => url !== undefined);
  const last = found.at(-1);
  if (last === undefined || found.length !== urls.length) return unreadable(wants);
  if (found.some(({ username, password, search, hash }) => `${username}${password}${search}${hash}` !== "")) {
    return unreadable(`${wants}; ${env}_USER and ${env}_PASSWORD_FILE say who asks`);
  }
  if (found.slice(0, -1).some(({ pathname }) => pathname !== "/")) return unreadable(wants);
  if (found.some(({ protocol }) => protocol !== last.protocol)) {
    return unreadable(`want http:// for all members or https:// for all, got ${JSON.stringify(text)}`);
  }
  const path = decodedPath(last);
  if (path === undefined) return unreadable(wants);
  const prefix = path === "" ? etcdPrefixByDefault : path.endsWith("/") ? path : `${path}/`;
  return read({
    kind: "etcd",
    endpoints: found.map(memberOf),
    hosts: found.map(hostOf),
    secure: last.protocol === "https:",
    prefix,
  });
}

/** With the port that etcd has where none is given; a URL leaves out the protocol's own. */
function memberOf(url: URL): string {
  return url.port === "" ? `${url.protocol}//${url.hostname}:2379` : url.origin;
}

/** Undefined where it is no text: `%ff`. */
function decodedPath({ pathname }: URL): string | undefined {
  try {
    return decodeURIComponent(pathname.slice(1));
  } catch {
    return undefined;
  }
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

function urlOf(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "" ? url : undefined;
}
