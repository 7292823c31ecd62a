/**
 * Who is asking. A certificate that TLS verified or a bearer token says so, by the document of who may do what, which is
 * watched: a bad new one changes nothing.
 *
 * Where a call has both, the token counts and has to be good. It is what the caller chose for this call, while a certificate
 * may be its machine's, shared by many; and a token that is wrong must not turn a call into one of somebody else's.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { type Parsed, problemLine } from "../../base/parsed.ts";
import type { AccessDocument, AccessIdentity } from "../../config/access-document.ts";
import {
  certificateName,
  comparePatterns,
  matchCertificate,
  type NodeLabels,
} from "../../config/certificate-pattern.ts";
import { type AccessFile, openAccessFile } from "../../config/sources/access-file.ts";
import type { PathWatchOptions } from "../../config/sources/path-watch.ts";
import { doubtfulName } from "./claimed-name.ts";
import type { Identity } from "./permissions.ts";

/** What there is to tell who is asking; `authenticate.ts` gathers it. */
export interface Evidence {
  /** Of the certificate that the peer showed and TLS verified; undefined where there is none. */
  readonly certificate: { readonly names: readonly string[]; readonly expired: boolean } | undefined;
  /** Every authorization that came with the call. */
  readonly authorization: readonly string[];
  /** Whether the port speaks without TLS. */
  readonly plaintext: boolean;
  /** Whether the peer is a program on this machine. */
  readonly loopback: boolean;
  /** The peer's address, for people. */
  readonly peer: string;
  /** What the caller calls itself; nothing but a name in a history, and only where nobody has to prove one. */
  readonly claimed: string | undefined;
}

export type Identified =
  | { readonly ok: true; readonly value: Identity }
  | { readonly ok: false; readonly code: "UNAUTHENTICATED"; readonly text: string };

/** What pino's loggers have. */
export interface ControlLog {
  info(fields: object): void;
  warn(fields: object): void;
  error(fields: object): void;
}

export interface AccessOptions {
  /** Undefined on a control to which only this machine speaks. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly watch?: PathWatchOptions;
}

export class Access {
  readonly #log: ControlLog;
  readonly #listeners = new Set<() => void>();
  #document: AccessDocument | undefined;
  #file: AccessFile | undefined;

  private constructor(log: ControlLog) {
    this.#log = log;
  }

  /** A file that is no good at the start is every problem of it. */
  static async open(options: AccessOptions): Promise<Parsed<Access>> {
    return await new Access(options.log).#open(options);
  }

  async #open({ path, clock, watch = {} }: AccessOptions): Promise<Parsed<Access>> {
    if (path === undefined) return { ok: true, value: this };
    const file = await openAccessFile({ path, clock, ...watch }, (document) => this.#take(document));
    if (!file.first.ok) {
      file.close();
      return file.first;
    }
    this.#file = file;
    // What came since the first read has been taken already.
    this.#document ??= file.first.value;
    return { ok: true, value: this };
  }

  /** Whether there is a document at all. */
  get asks(): boolean {
    return this.#document !== undefined;
  }

  identify(evidence: Evidence): Identified {
    return this.#document === undefined ? unproved(evidence) : identify(this.#document.identities, evidence);
  }

  /** Calls `changed` after each new document: who has a long call under way may be somebody else now, or nobody. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
    };
  }

  async settled(): Promise<void> {
    await this.#file?.settled();
  }

  close(): void {
    this.#file?.close();
    this.#listeners.clear();
  }

  #take(document: Parsed<AccessDocument>): void {
    if (!document.ok) {
      this.#log.error({ event: "access_rejected", problems: document.problems.map(problemLine) });
      return;
    }
    this.#document = document.value;
    this.#log.info({ event: "access_applied", identities: document.value.identities.length });
    for (const changed of this.#listeners) changed();
  }
}

/** Longer ones are not looked at. */
const longestAuthorization = 4_096;
/** A shorter one can be guessed; that one is known by its hash alone, so it is refused where it is used. */
export const shortestTokenBytes = 16;
/** Of a certificate's names in a text. */
const longestNames = 256;

const bearer = /^bearer +([\x21-\x7e]+)$/i;

export function identify(identities: readonly AccessIdentity[], evidence: Evidence): Identified {
  const { authorization, certificate } = evidence;
  if (certificate?.expired === true)
    return stranger("the certificate is not valid any more: connect anew with another");
  if (authorization.length > 0) return byToken(identities, authorization);
  if (certificate !== undefined) return byCertificate(identities, certificate.names);
  return stranger("nothing says who is asking: want a certificate or authorization: Bearer TOKEN");
}

function byToken(identities: readonly AccessIdentity[], authorization: readonly string[]): Identified {
  const [only = ""] = authorization;
  if (authorization.length > 1) return stranger(`want one authorization, got ${authorization.length}`);
  const token = only.length > longestAuthorization ? undefined : bearer.exec(only)?.[1];
  if (token === undefined) return stranger("want authorization: Bearer TOKEN, got another form of it");
  if (token.length < shortestTokenBytes) return stranger(`want a token of at least ${shortestTokenBytes} bytes`);
  const sha256 = createHash("sha256").update(token).digest();
  let found: AccessIdentity | undefined;
  // To the end, whichever it is: how long it takes tells nothing.
  for (const identity of identities) {
    if (identity.proof.kind === "token" && timingSafeEqual(identity.proof.sha256, sha256)) found = identity;
  }
  return found === undefined ? stranger("nobody has this token") : known(found, {}, "token");
}

function byCertificate(identities: readonly AccessIdentity[], names: readonly string[]): Identified {
  const found = new Map<string, Identity>();
  for (const name of names) {
    const identity = mostSpecific(identities, name);
    if (identity !== undefined) found.set(JSON.stringify([identity.name, identity.node]), identity);
  }
  const [only] = found.values();
  if (only === undefined) {
    const has = names.length === 0 ? "it has none" : names.join(", ").slice(0, longestNames);
    return stranger(`nobody has a name of this certificate: ${has}`);
  }
  // Whoever signed it meant one of them, and which can't be told.
  if (found.size > 1) return stranger("the names of this certificate are those of several");
  return { ok: true, value: only };
}

/** No two that take in one name tie: the document would have been refused. */
function mostSpecific(identities: readonly AccessIdentity[], name: string): Identity | undefined {
  let best: { readonly identity: AccessIdentity; readonly labels: NodeLabels } | undefined;
  const taken = certificateName(name);
  for (const identity of identities) {
    if (identity.proof.kind !== "certificate") continue;
    const labels = matchCertificate(identity.proof.pattern, taken);
    if (labels === undefined) continue;
    const before = best?.identity.proof;
    if (before?.kind === "certificate" && comparePatterns(before.pattern, identity.proof.pattern) === "first") continue;
    best = { identity, labels };
  }
  return best === undefined ? undefined : identityOf(best.identity, best.labels, "certificate");
}

function known(identity: AccessIdentity, labels: NodeLabels, how: Identity["how"]): Identified {
  return { ok: true, value: identityOf(identity, labels, how) };
}

function identityOf(
  { name, role, namespaces, node }: AccessIdentity,
  labels: NodeLabels,
  how: Identity["how"],
): Identity {
  const { namespace, workload, pod } = labels;
  const merged = {
    namespace: node.namespace ?? namespace,
    workload: node.workload ?? workload,
    pod: node.pod ?? pod,
  };
  return { name, role, namespaces, node: merged, how };
}

const stranger = (text: string): Identified => ({ ok: false, code: "UNAUTHENTICATED", text });

/** Without a document everybody on this machine may do everything, and nobody else anything. */
function unproved({ plaintext, loopback, claimed }: Evidence): Identified {
  if (!plaintext || !loopback) {
    return stranger("nobody is known here: without CONTENDER_ACCESS, programs on this machine alone are served");
  }
  return {
    ok: true,
    value: { name: doubtfulName(claimed), role: "admin", namespaces: ["*"], node: {}, how: "loopback" },
  };
}
