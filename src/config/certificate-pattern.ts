/**
 * Which names of certificates an identity takes in, and what a name says of a sidecar.
 *
 * A pattern is a whole URI or a whole DNS name in which a path segment or a label may be a placeholder:
 * `spiffe://cluster.local/ns/{namespace}/sa/{workload}`. A placeholder stands for one segment or label, entirely, and what it
 * stood for is what the sidecar is. No stars and no regular expressions: who may do what is read by people in a review, and
 * of any two patterns it can be told at load whether one certificate could pass for both.
 */
import { type Reading, read, unreadable } from "../base/parsed.ts";
import { labelRule, nameRule } from "./route-document.ts";

export const nodeLabels = ["namespace", "workload", "pod"] as const;
export type NodeLabel = (typeof nodeLabels)[number];

/** What is known of a sidecar. */
export type NodeLabels = { readonly [Label in NodeLabel]?: string | undefined };

export interface CertificatePattern {
  readonly text: string;
  readonly kind: "dns" | "uri";
  /** Labels of a DNS name; scheme and authority of a URI, then its segments. */
  readonly parts: readonly Part[];
  /** In the order in which they stand there. */
  readonly placeholders: readonly NodeLabel[];
}

type Part = { readonly literal: string } | { readonly label: NodeLabel };

/** Scheme and authority: SPIFFE-ID.md, section 2. */
const origin = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(:[0-9]+)?$/;
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._~:@+-]+$/;
const dnsLabel = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** What a placeholder may stand for; a star is never among it, nor anything that climbs out of a path. */
const values: Readonly<Record<NodeLabel, RegExp>> = {
  namespace: nameRule.pattern,
  workload: labelRule.pattern,
  pod: labelRule.pattern,
};

const longestPattern = 1_024;

export function readCertificatePattern(text: string): Reading<CertificatePattern> {
  const kind = text.includes("://") ? "uri" : "dns";
  const words = split(kind === "dns" ? text.toLowerCase() : text, kind);
  const parts = words.map(partOf);
  const placeholders = parts.flatMap((part) => ("label" in part ? [part.label] : []));
  const good = parts.every((part, at) => "label" in part || isLiteral(part.literal, kind, at));
  const ends = kind === "uri" ? parts.length > 1 && "literal" in (parts[0] ?? {}) : "literal" in (parts.at(-1) ?? {});
  if (!good || !ends || text.length > longestPattern) {
    return unreadable(
      `want a URI such as spiffe://DOMAIN/ns/{namespace}/sa/{workload} or a DNS name such as {workload}.{namespace}.svc, with one of {namespace}, {workload}, {pod} in the place of whole parts, got ${JSON.stringify(text.slice(0, 256))}`,
    );
  }
  const twice = placeholders.find((label, at) => placeholders.indexOf(label) < at);
  if (twice !== undefined) return unreadable(`{${twice}} stands there twice`);
  return read({ text, kind, parts, placeholders });
}

/** One of `namesOf` a certificate, taken apart once for all patterns. */
export interface CertificateName {
  readonly kind: "dns" | "uri";
  readonly words: readonly string[];
}

export function certificateName(name: string): CertificateName {
  const kind = name.includes("://") ? "uri" : "dns";
  return { kind, words: split(name, kind) };
}

/** What a name says by this pattern; undefined where it is not of it. */
export function matchCertificate(
  pattern: CertificatePattern,
  { kind, words }: CertificateName,
): NodeLabels | undefined {
  if (kind !== pattern.kind || words.length !== pattern.parts.length) return undefined;
  const labels: { [Label in NodeLabel]?: string } = {};
  for (const [at, part] of pattern.parts.entries()) {
    const word = words[at] ?? "";
    if ("literal" in part ? part.literal !== word : !values[part.label].test(word)) return undefined;
    if ("label" in part) labels[part.label] = word;
  }
  return labels;
}

/**
 * How two patterns stand to each other. `apart`: no name is of both. `first` and `second`: that one takes in only names that the
 * other takes in too, so it is the more specific one. `tie`: a name may be of both, and neither is within the other.
 */
export function comparePatterns(a: CertificatePattern, b: CertificatePattern): "apart" | "first" | "second" | "tie" {
  if (a.kind !== b.kind || a.parts.length !== b.parts.length) return "apart";
  let first = 0;
  let second = 0;
  for (const [at, one] of a.parts.entries()) {
    const other = b.parts[at] ?? one;
    if ("literal" in one && "literal" in other) {
      if (one.literal !== other.literal) return "apart";
    } else if ("literal" in one) first++;
    else if ("literal" in other) second++;
  }
  if (first > 0 && second === 0) return "first";
  return second > 0 && first === 0 ? "second" : "tie";
}

function split(text: string, kind: "dns" | "uri"): string[] {
  if (kind === "dns") return text.split(".");
  const path = text.indexOf("/", text.indexOf("://") + 3);
  return path < 0 ? [text] : [text.slice(0, path), ...text.slice(path + 1).split("/")];
}

function partOf(word: string): Part {
  const label = nodeLabels.find((each) => word === `{${each}}`);
  return label === undefined ? { literal: word } : { label };
}

function isLiteral(word: string, kind: "dns" | "uri", at: number): boolean {
  if (kind === "dns") return dnsLabel.test(word);
  return at === 0 ? origin.test(word) : segment.test(word);
}
