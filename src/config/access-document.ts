/**
 * Who may do what in the config service: the document, read as strictly as a route is.
 *
 * An identity is proved by one thing, a token or a certificate. Only a token's hash stands here, so that whoever reads the file
 * can't be any of those in it. Two entries may have one name, which is how a token is replaced, and then are the same in all
 * else: a name in a history must not mean two things.
 */
import type { Parsed, Problem } from "../base/parsed.ts";
import {
  type CertificatePattern,
  comparePatterns,
  type NodeLabel,
  type NodeLabels,
  nodeLabels,
  readCertificatePattern,
} from "./certificate-pattern.ts";
import { type Fault, Fields, type Path, pathText } from "./decode.ts";
import { apiVersion, labelRule, nameRule } from "./route-document.ts";
import { largestTextBytes, parseDocuments, twiceMessage } from "./yaml.ts";

export const accessKind = "Access";

/** Each of the first three may do what those before it may; the last two are programs, and have what they need alone. */
export const roles = ["read", "operate", "admin", "sidecar", "replica"] as const;
export type Role = (typeof roles)[number];

/** In a list of namespaces: all of them, and what belongs to none. */
export const everyNamespace = "*";

export type Proof =
  | { readonly kind: "token"; readonly sha256: Buffer }
  | { readonly kind: "certificate"; readonly pattern: CertificatePattern };

export interface AccessIdentity {
  readonly name: string;
  readonly role: Role;
  /** Where the role counts; empty for sidecars and replicas. */
  readonly namespaces: readonly string[];
  /** What a sidecar is, whatever its certificate says; a pattern's placeholders say the rest. */
  readonly node: NodeLabels;
  readonly proof: Proof;
}

export interface AccessDocument {
  readonly identities: readonly AccessIdentity[];
}

/** Each is compared with each other, and looked through at each call. */
const mostIdentities = 1_000;

const identityRule = {
  pattern: /^[A-Za-z0-9]([A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/,
  wants: "a name of at most 64 letters, digits and . _ @ -",
};

/** People write the token itself here by mistake: it must not get into a log. */
const tokenRule = {
  pattern: /^sha256:[0-9a-f]{64}$/,
  wants: "sha256: and the 64 lower-case hexadecimal digits of the token's hash",
  secret: true,
} as const;

const namespaceRule = {
  pattern: new RegExp(`${nameRule.pattern.source}|^\\*$`),
  wants: `${nameRule.wants}, or "*" for all`,
};

/** Reads a text with one `Access` document. @param file as problems shall name it. */
export function readAccess(file: string, text: string): Parsed<AccessDocument> {
  const refuse = (message: string): Parsed<never> => {
    return { ok: false, problems: [{ path: "", message, where: file }] };
  };
  const bytes = Buffer.byteLength(text);
  if (bytes > largestTextBytes) return refuse(`want at most ${largestTextBytes} bytes, got ${bytes}`);
  const documents = parseDocuments(text);
  const [document] = documents;
  if (document === undefined || documents.length > 1) return refuse(`want one document, got ${documents.length}`);
  const problem = (line: number, path: Path, message: string): Problem => {
    return { path: pathText(path), message, where: `${file}:${line}` };
  };
  if (document.errors.length > 0) {
    // The parser quotes what it can't read, in a path too, and that may be a token.
    const hidden = "this can't be read as YAML";
    const problems = document.errors.map(({ line, path, message }) => {
      return message === twiceMessage ? problem(line, path, message) : problem(line, [], hidden);
    });
    return { ok: false, problems };
  }
  const faults: Fault[] = [];
  const identities = decodeAccess(document.value, faults);
  if (faults.length === 0) return { ok: true, value: { identities } };
  faults.sort((a, b) => document.lineOf(a.path) - document.lineOf(b.path));
  return { ok: false, problems: faults.map(({ path, message }) => problem(document.lineOf(path), path, message)) };
}

interface Draft {
  readonly path: Path;
  readonly name: string;
  readonly role: Role | undefined;
  readonly namespaces: readonly string[];
  readonly node: NodeLabels;
  readonly proof: Proof | undefined;
}

function decodeAccess(value: unknown, faults: Fault[]): AccessIdentity[] {
  const root = Fields.of(value, [], ["apiVersion", "kind", "metadata", "spec"], faults);
  root?.require("apiVersion", "kind", "spec");
  root?.oneOf("apiVersion", [apiVersion]);
  root?.oneOf("kind", [accessKind]);
  root?.fields("metadata", ["name", "namespace", "labels", "annotations"])?.text("name", nameRule);
  const spec = root?.fields("spec", ["identities"]);
  spec?.require("identities");
  const known = ["name", "role", "token", "certificate", "namespaces", ...nodeLabels];
  const drafts = spec?.maps("identities", known, decodeIdentity) ?? [];
  // Without any, nobody could mend anything: that is a slip, and not meant.
  if (spec?.has("identities") && drafts.length === 0 && faults.length === 0) {
    spec.fail("identities", "want at least one identity, got none");
  }
  if (drafts.length > mostIdentities) {
    spec?.fail("identities", `want at most ${mostIdentities} identities, got ${drafts.length}`);
  } else compareAll(drafts, faults);
  return drafts.flatMap(({ name, role, namespaces, node, proof }) => {
    return role === undefined || proof === undefined ? [] : [{ name, role, namespaces, node, proof }];
  });
}

function decodeIdentity(fields: Fields): Draft {
  fields.require("name", "role");
  const role = fields.oneOf("role", roles);
  const proof = decodeProof(fields, role);
  const node = {
    namespace: fields.text("namespace", nameRule),
    workload: fields.text("workload", labelRule),
    pod: fields.text("pod", labelRule),
  };
  if (role !== undefined && role !== "sidecar") {
    for (const label of nodeLabels) if (fields.has(label)) fields.fail(label, "only a sidecar has one");
  }
  const placeholders = proof?.kind === "certificate" ? proof.pattern.placeholders : [];
  for (const label of placeholders) {
    if (fields.has(label)) fields.fail(label, `the certificate tells it by {${label}}`);
  }
  const namespaces = decodeNamespaces(fields, role);
  return { path: fields.path, name: fields.text("name", identityRule) ?? "", role, namespaces, node, proof };
}

function decodeProof(fields: Fields, role: Role | undefined): Proof | undefined {
  if (fields.has("token") === fields.has("certificate")) {
    const got = fields.has("token") ? "both" : "none";
    return fields.fail(undefined, `want one of token, certificate, got ${got}`);
  }
  if (fields.has("token")) {
    const text = fields.text("token", tokenRule);
    return text === undefined ? undefined : { kind: "token", sha256: Buffer.from(text.slice(7), "hex") };
  }
  const text = fields.text("certificate");
  if (text === undefined) return undefined;
  const reading = readCertificatePattern(text);
  if (!reading.ok) return fields.fail("certificate", reading.message);
  const [placeholder] = reading.value.placeholders;
  if (placeholder !== undefined && role !== undefined && role !== "sidecar") {
    const message = `{${placeholder}} would give everybody the role ${role} whom it may stand for; only a sidecar's has placeholders`;
    return fields.fail("certificate", message);
  }
  return { kind: "certificate", pattern: reading.value };
}

function decodeNamespaces(fields: Fields, role: Role | undefined): readonly string[] {
  if (role === "sidecar" || role === "replica") {
    if (fields.has("namespaces")) fields.fail("namespaces", `a ${role} has none`);
    return [];
  }
  if (role !== undefined) fields.require("namespaces");
  const namespaces = fields.texts("namespaces", namespaceRule);
  if (namespaces === undefined) return [];
  if (namespaces.length === 0) fields.fail("namespaces", `want names, or "*" for all, got none that can be read`);
  if (namespaces.length > 1 && namespaces.includes(everyNamespace)) {
    fields.fail("namespaces", `"*" is all of them: want no other beside it`);
  }
  return [...new Set(namespaces)];
}

function compareAll(drafts: readonly Draft[], faults: Fault[]): void {
  for (const [at, draft] of drafts.entries()) {
    for (const before of drafts.slice(0, at)) compare(draft, before, faults);
  }
}

/** Both may be the same but for their proof; no two may be proved by the same. */
function compare(draft: Draft, before: Draft, faults: Fault[]): void {
  const earlier = (): string => pathText(before.path);
  if (draft.name === before.name && draft.name !== "" && meaningOf(draft) !== meaningOf(before)) {
    const message = `${earlier()} has this name and differs in more than its token or certificate`;
    faults.push({ path: [...draft.path, "name"], message });
  }
  const [one, other] = [draft.proof, before.proof];
  if (one?.kind === "token" && other?.kind === "token" && one.sha256.equals(other.sha256)) {
    faults.push({ path: [...draft.path, "token"], message: `${earlier()} has the same token` });
  }
  if (one?.kind !== "certificate" || other?.kind !== "certificate") return;
  if (comparePatterns(one.pattern, other.pattern) === "tie") {
    const message = `a certificate may be of this and of ${earlier()}, and neither is the more specific one`;
    faults.push({ path: [...draft.path, "certificate"], message });
  }
}

const meaningOf = ({ role, namespaces, node }: Draft): string =>
  JSON.stringify([role, [...namespaces].sort(), nodeLabels.map((label: NodeLabel) => node[label] ?? null)]);
