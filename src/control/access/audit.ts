/**
 * Who did what, and who was not let: one line each, for whoever has to answer that later.
 *
 * Strangers can't write the log: of their refusals there is a line now and then, with the number of those in between. The same
 * goes for sidecars and replicas, which are programs and may ask all day. A person who is refused has a line each time.
 */
import type { Clock } from "../../base/clock.ts";
import { redactText } from "../../base/redact.ts";
import { StrangerLog } from "../../base/stranger-log.ts";
import type { ControlLog, Evidence } from "./access.ts";
import type { Action, Identity } from "./permissions.ts";

/** What it was about. */
export interface AuditSubject {
  readonly action: Action;
  readonly routes?: readonly string[];
  readonly namespaces?: readonly (string | undefined)[];
}

export interface AuditedChange extends AuditSubject {
  /** Of the store, after it. */
  readonly revision: number;
  /** In the words of who did it. */
  readonly reason: string;
}

export interface Audit {
  changed(identity: Identity, peer: string, change: AuditedChange): void;
  /** The store did not say whether it was written: it may be in force. */
  unconfirmed(identity: Identity, peer: string, change: AuditedChange): void;
  /** Somebody who is known, and may not. */
  denied(identity: Identity, peer: string, subject: AuditSubject, why: string): void;
  /** Somebody who is not known. */
  stranger(evidence: Evidence, action: Action, why: string): void;
}

const longestText = 256;
const mostListed = 32;

export function audit(log: ControlLog, clock: Clock): Audit {
  const seldom = new StrangerLog<string>(clock);
  const subjectOf = ({ action, routes = [], namespaces = [] }: AuditSubject) => ({
    action,
    routes: listed(routes),
    // Null is every namespace's.
    namespaces: namespaces.slice(0, mostListed).map((each) => (each === undefined ? null : cut(each))),
  });
  const changeOf = ({ name, how }: Identity, peer: string, { revision, reason, ...subject }: AuditedChange) => {
    const what = { ...subjectOf(subject), revision, reason: cut(redactText(reason)) };
    return { who: cut(name), how, peer: cut(peer), ...what };
  };
  return {
    changed: (...of) => log.info({ event: "audit", verdict: "done", ...changeOf(...of) }),
    unconfirmed: (...of) => log.warn({ event: "audit", verdict: "unconfirmed", ...changeOf(...of) }),
    denied: ({ name, how, role }, peer, subject, why) => {
      const often = role === "sidecar" || role === "replica";
      const more = often ? seldom.add(`${name} ${subject.action}`) : 0;
      if (more === undefined) return;
      const what = { ...subjectOf(subject), why: cut(redactText(why)), more };
      log.warn({ event: "audit", verdict: "denied", who: cut(name), how, peer: cut(peer), ...what });
    },
    stranger: ({ certificate, authorization, peer }, action, why) => {
      const more = seldom.add("stranger");
      if (more === undefined) return;
      const how = authorization.length > 0 ? "token" : certificate === undefined ? "nothing" : "certificate";
      const names = listed(certificate?.names ?? []);
      const what = { action, names, why: cut(redactText(why)), more };
      log.warn({ event: "audit", verdict: "unknown", who: null, how, peer: cut(peer), ...what });
    },
  };
}

const cut = (text: string): string => text.slice(0, longestText);

const listed = (texts: readonly string[]): readonly string[] => texts.slice(0, mostListed).map(cut);
