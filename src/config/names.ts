/**
 * Names in the environment that start like ours and are none of ours.
 *
 * A misspelt setting that is silently ignored is how a canary ends up with every user, so it is an error. Kubernetes,
 * though, gives every container the addresses of its namespace's services, `CONTENDER_SERVICE_HOST` for a service
 * `contender` and `CONTENDER_CONTROL_PORT_7410_TCP` for `contender-control`:
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/parsed.ts";

export const prefix = "CONTENDER_";

const hostOrPort = /^CONTENDER_(?:[A-Z0-9_]+_)?SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/;
const portPart = /^CONTENDER_(?:[A-Z0-9_]+_)?PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;
/** The one form of a link that a person might write too; a link's value gives it away: `tcp://10.0.0.1:7400`. */
const bare = /^CONTENDER_(?:[A-Z0-9_]+_)?PORT$/;

/** Every name that starts with `CONTENDER_` and is neither known nor a service link, each with what it may have meant. */
export function unknownNames(env: Readonly<Record<string, string | undefined>>, known: readonly string[]): Problem[] {
  const ours = new Set(known);
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && env[name] !== undefined && !ours.has(name))
    .filter((name) => !isServiceLink(name, env[name] ?? ""))
    .sort()
    .map((name) => ({ path: plainName(name), message: `unknown setting, the nearest is ${nearestName(name, known)}` }));
}

/** A problem is one line, whatever someone has put into the environment. */
const plainName = (name: string): string => (/^[!-~]+$/.test(name) ? name : JSON.stringify(name));

function isServiceLink(name: string, value: string): boolean {
  return hostOrPort.test(name) || portPart.test(name) || (bare.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value));
}

/**
 * A name that goes on where this one ends, such as its unit; else the nearest, compared without what all names share,
 * which would make everything look alike.
 */
function nearestName(name: string, known: readonly string[]): string {
  const longer = known.find((each) => each.startsWith(`${name}_`));
  if (longer !== undefined) return longer;
  const endings = known.map((each) => each.slice(prefix.length));
  return prefix + nearest(name.slice(prefix.length), endings, Number.POSITIVE_INFINITY);
}
