/**
 * The names in a peer's certificate, and which of them are allowed.
 *
 * Only subject alternative names count: DNS names and URIs such as SPIFFE ids. The common name is a text that anyone may
 * have been given, and nothing has looked at it for years (RFC 9110 section 4.3.4, RFC 9525).
 *
 * A pattern is a whole name, or has one star: `*.ml.svc` stands for exactly one label in front, as in a certificate, and
 * `spiffe://cluster.local/ns/ml/*` for any path below. A star in a certificate is no name of a caller's and allows nothing.
 */
import { type Reading, read, unreadable } from "./parsed.ts";

const dnsName = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** The characters of a SPIFFE id (SPIFFE-ID.md, section 2); other URIs are compared as they stand. */
const uri = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(:[0-9]+)?(\/[A-Za-z0-9._~!$&'()+,;=:@%-]+)*$/;

/** Reads `NAME,…` into patterns. */
export function readAllowedNames(text: string): Reading<readonly string[]> {
  const names: string[] = [];
  for (const word of text.split(",").map((part) => part.trim())) {
    if (word === "") continue;
    const pattern = word.includes("://") ? word : word.toLowerCase();
    const plain = pattern.startsWith("*.") ? pattern.slice(2) : pattern.endsWith("/*") ? pattern.slice(0, -2) : pattern;
    const isUri = pattern.includes("://");
    const good = isUri ? uri.test(plain) && !pattern.startsWith("*.") : dnsName.test(plain) && !pattern.endsWith("/*");
    if (!good) {
      return unreadable(
        `want DNS names, *.DOMAIN, URIs such as spiffe://DOMAIN/PATH, or such a URI with /* at its end, got ${JSON.stringify(word)}`,
      );
    }
    names.push(pattern);
  }
  // No list at all allows everybody: that must not come of a list whose names got lost.
  if (names.length === 0 && text.trim() !== "")
    return unreadable(`want at least one name, got ${JSON.stringify(text)}`);
  return read(names);
}

/** Finds the first of a certificate's names that a pattern allows; undefined where none is. */
export type NameCheck = (names: readonly string[]) => string | undefined;

export function compileNames(patterns: readonly string[]): NameCheck {
  const exact = new Set<string>();
  const domains = new Set<string>();
  const prefixes: string[] = [];
  for (const pattern of patterns) {
    if (pattern.startsWith("*.")) domains.add(pattern.slice(1));
    else if (pattern.endsWith("/*")) prefixes.push(pattern.slice(0, -1));
    else exact.add(pattern);
  }
  const allows = (name: string): boolean => {
    if (name.includes("*")) return false;
    if (exact.has(name)) return true;
    if (name.includes("://")) return prefixes.some((prefix) => name.startsWith(prefix) && isBelow(name, prefix.length));
    const dot = name.indexOf(".");
    return dot > 0 && domains.has(name.slice(dot));
  };
  return (names) => names.find(allows);
}

/** Nothing that climbs out of the path it seems to be below. */
function isBelow(name: string, from: number): boolean {
  const rest = name.slice(from);
  return rest !== "" && rest.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/**
 * The DNS names and URIs of a certificate, DNS names in lower case, out of the text that Node makes of its subject
 * alternative names (`DNS:a, URI:spiffe://b/c`). Node quotes a value with anything odd in it; such a one is left out, for
 * nobody writes it into a list of allowed names.
 */
export function namesOf(subjectAltName: string | undefined): readonly string[] {
  const names: string[] = [];
  const entry = /([^:,]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  const text = subjectAltName ?? "";
  while (entry.lastIndex < text.length) {
    const found = entry.exec(text);
    // Whatever follows what can't be read may be anything: it is no name.
    if (found === null) break;
    const [, kind, value = ""] = found;
    if (value.startsWith('"') || value === "") continue;
    // Who may sign for one kind of name may not for the other: neither passes for it.
    if (kind === "DNS" && !value.includes("://")) names.push(value.toLowerCase());
    else if (kind === "URI" && value.includes("://")) names.push(value);
  }
  return names;
}
