/**
 * What a role may do, and where.
 *
 * One table, which the page of operators repeats. Roles of people are ranks; a sidecar and a replica have what they need and
 * nothing that people have, and people have nothing of theirs: an administrator who could report would count what never happened.
 */
import { everyNamespace, type Role } from "../../config/access-document.ts";
import type { NodeLabels } from "../../config/certificate-pattern.ts";

/** Who somebody is, as far as it was proved. */
export interface Identity {
  /** As the document has it; what the caller says, with a question mark behind it, where nobody was asked for a proof. */
  readonly name: string;
  readonly role: Role;
  /** Where the role counts; `*` for everywhere. */
  readonly namespaces: readonly string[];
  /** What a sidecar is; what is not there is not known. */
  readonly node: NodeLabels;
  /** What proved it; `loopback` where nothing did, on a control without a document, to which only this machine speaks. */
  readonly how: "certificate" | "token" | "loopback";
}

export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: "PERMISSION_DENIED"; readonly text: string };

interface Rule {
  /** The least of the roles of people that may, and programs that may. */
  readonly roles: readonly Role[];
  /** Whether it changes routes: what belongs to no namespace is then everybody's, and nobody's who has only some. */
  readonly writes: boolean;
}

const reads = (...roles: readonly Role[]): Rule => ({ roles, writes: false });
const writes = (role: Role): Rule => ({ roles: [role], writes: true });

export const actions = {
  list: reads("read"),
  get: reads("read"),
  history: reads("read"),
  why: reads("read"),
  fleet: reads("read"),
  counts: reads("read"),
  weights: writes("operate"),
  // It puts in force what an administrator once wrote, and has to be done in a hurry.
  undo: writes("operate"),
  apply: writes("admin"),
  delete: writes("admin"),
  fetch: reads("read", "sidecar"),
  watch: reads("sidecar"),
  report: reads("sidecar"),
  share: reads("replica"),
} as const satisfies Readonly<Record<string, Rule>>;

export type Action = keyof typeof actions;

const ranks: readonly Role[] = ["read", "operate", "admin"];

const allowed: Verdict = { ok: true };

/**
 * Whether `identity` may do this in all of `namespaces`: those of the routes that it is about, before and after, by
 * `namespacesOf`. Reading a list of whatever there is has none; what is not for the reader is left out then by `sees`.
 */
export function decide(identity: Identity, action: Action, namespaces: readonly (string | undefined)[]): Verdict {
  const { how, name, role } = identity;
  if (how === "loopback") return allowed;
  const rule: Rule = actions[action];
  if (!rule.roles.some((least) => suffices(role, least))) {
    return denied(`${name} has the role ${role}; ${action} takes ${rule.roles.join(" or ")}`);
  }
  // What a sidecar gets and counts is by what it is proved to be, so there is nothing that it could ask of others.
  if (!ranks.includes(role)) return allowed;
  // A change that touches no namespace is one of which nobody said what it touches.
  const asked = rule.writes && namespaces.length === 0 ? [undefined] : namespaces;
  const at = asked.findIndex((each) => (rule.writes || each !== undefined) && !covers(identity, each));
  if (at < 0) return allowed;
  const where = asked[at] === undefined ? 'every namespace, "*"' : `the namespace ${asked[at]}`;
  return denied(`${name} has the role ${role} in ${identity.namespaces.join(", ")}; ${action} takes it in ${where}`);
}

/** Whether a route of this namespace, or a sidecar in it, is shown. What belongs to no namespace is shown to every reader. */
export function sees(identity: Identity, namespace: string | undefined): boolean {
  if (identity.how === "loopback") return true;
  return ranks.includes(identity.role) && (namespace === undefined || covers(identity, namespace));
}

interface Placed {
  readonly namespace?: string | undefined;
  readonly selector?: { readonly namespace?: string | undefined } | undefined;
}

/**
 * Whose word a change of these documents takes: each one's own namespace, and the one whose sidecars it is for. Of a document
 * that replaces another, both are given: a name is not taken from another namespace.
 */
export function namespacesOf(...routes: readonly Placed[]): (string | undefined)[] {
  return [...new Set(routes.flatMap(({ namespace, selector }) => [namespace, selector?.namespace ?? namespace]))];
}

/**
 * What a sidecar is taken for. A document that says who sidecars are is all that counts: what it leaves open is not known. Who
 * asks as a person what a sidecar gets says which one.
 */
export function labelsOf(identity: Identity, claimed: NodeLabels): NodeLabels {
  const { namespace, workload, pod } = identity.role === "sidecar" ? identity.node : claimed;
  return { namespace: namespace || undefined, workload: workload || undefined, pod: pod || undefined };
}

function suffices(role: Role, least: Role): boolean {
  return role === least || (ranks.includes(least) && ranks.indexOf(role) >= ranks.indexOf(least));
}

function covers({ namespaces }: Identity, namespace: string | undefined): boolean {
  return namespaces.includes(everyNamespace) || (namespace !== undefined && namespaces.includes(namespace));
}

const denied = (text: string): Verdict => ({ ok: false, code: "PERMISSION_DENIED", text });
