/**
 * Who calls the gRPC port, and what they may: the document of who may do what, put before the services.
 *
 * A refusal says what is missing to whoever is known; of routes that somebody may not see it says nothing that is in them.
 */
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import type { PlannedRoute } from "../routes/planned-change.ts";
import type { StoredRoute } from "../routes/route-set.ts";
import type { Access, Evidence } from "./access.ts";
import type { Audit, AuditSubject } from "./audit.ts";
import { type AskingCall, evidenceOfCall, type PortFacts } from "./authenticate.ts";
import type { Admitted, Callers } from "./callers.ts";
import type { InstanceOwners } from "./instance-owners.ts";
import { type Action, decide, type Identity, labelsOf, namespacesOf, sees, type Verdict } from "./permissions.ts";
import { UnknownCaller } from "./unknown-caller.ts";

export interface KnownCallersPorts {
  readonly access: Access;
  readonly audit: Audit;
  readonly owners: InstanceOwners;
  readonly clock: Clock;
  readonly port: PortFacts;
}

export function knownCallers({ access, audit, owners, clock, port }: KnownCallersPorts): Callers {
  const identify = (call: AskingCall, action: Action): { identity: Identity; evidence: Evidence } => {
    const evidence = evidenceOfCall(call, port, clock.wallMs());
    const found = access.identify(evidence);
    if (found.ok) return { identity: found.value, evidence };
    audit.stranger(evidence, action, found.text);
    throw new UnknownCaller(found.text);
  };
  const insist = (verdict: Verdict, identity: Identity, { peer }: Evidence, subject: AuditSubject): void => {
    if (verdict.ok) return;
    audit.denied(identity, peer, subject, verdict.text);
    throw new ContenderError("FORBIDDEN", verdict.text);
  };
  const admit = (call: AskingCall, action: Admitted): { identity: Identity; evidence: Evidence } => {
    // Which change it is, and of what, is known once it is planned. Who may change nothing anywhere is not planned for: what is
    // wrong with a plan tells of routes.
    const asked = action === "change" ? "weights" : action;
    const { identity, evidence } = identify(call, asked);
    const where = action === "change" ? identity.namespaces : [];
    insist(decide(identity, asked, where), identity, evidence, { action: asked });
    return { identity, evidence };
  };
  return {
    admit,
    sidecar: (call, action, node) => {
      const { identity, evidence } = identify(call, action);
      const labels = labelsOf(identity, node);
      const { namespace, workload, pod } = labels;
      // People ask what a sidecar gets by its labels; a sidecar's own are proved, and take no role anywhere.
      insist(decide(identity, action, [namespace]), identity, evidence, { action, namespaces: [namespace] });
      if (action !== "fetch") insist(owners.claim(node.instance, identity), identity, evidence, { action });
      return {
        identity: identity.how === "loopback" ? "" : identity.name,
        labels: { namespace, workload, pod },
        ...(action === "fetch" && { sees: sightOf(identity) }),
      };
    },
    person: (call, action) => {
      const { identity, evidence } = admit(call, action);
      return {
        name: identity.name,
        sees: ({ spec }) => sees(identity, spec.namespace),
        mayChange: (change, routes) => {
          const subject = subjectOf(change, routes);
          const verdict = decide(identity, change, subject.namespaces);
          const hidden = routes.filter(({ before }) => before !== undefined && !sees(identity, before.spec.namespace));
          // Whose a name is that is taken, the audit tells, and not who asked for it.
          if (!verdict.ok && hidden.length > 0) {
            audit.denied(identity, evidence.peer, subject, verdict.text);
            const names = hidden.map(({ name }) => JSON.stringify(name)).join(", ");
            throw new ContenderError("FORBIDDEN", `${names}: taken, where ${identity.name} has no role`);
          }
          insist(verdict, identity, evidence, subject);
        },
        changed: (change, routes, revision, reason) => {
          audit.changed(identity, evidence.peer, { ...subjectOf(change, routes), revision, reason });
        },
        unconfirmed: (change, routes, revision, reason) => {
          audit.unconfirmed(identity, evidence.peer, { ...subjectOf(change, routes), revision, reason });
        },
      };
    },
    replica: (call) => void admit(call, "share"),
  };
}

/** What a person sees of what a sidecar gets; undefined for a sidecar itself, and for who sees everything. */
export function sightOf(identity: Identity): ((route: Pick<StoredRoute, "spec">) => boolean) | undefined {
  return identity.role === "sidecar" || identity.how === "loopback"
    ? undefined
    : ({ spec }) => sees(identity, spec.namespace);
}

function subjectOf(action: Action, routes: readonly PlannedRoute[]) {
  const specs = routes.flatMap(({ before, after }) => [before?.spec, after?.spec].filter((spec) => spec !== undefined));
  return { action, routes: routes.map(({ name }) => name), namespaces: namespacesOf(...specs) };
}
