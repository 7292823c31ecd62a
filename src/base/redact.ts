/**
 * Takes secrets out of what is shown to people: the effective configuration, error texts, addresses.
 *
 * By name, not by looks: a value is hidden because of what it is called. That misses a secret under an innocent name,
 * and hides some harmless values; both are better than a guess by entropy that nobody can foresee.
 */

export const redacted = "[redacted]";

/**
 * Words that make a name secret wherever they stand in it (`x-api-key`, `apiKey`, `DB_PASSWORD`); compared without
 * case, dashes, dots and underscores. `key` alone is not one of them: it is where a route's sticky key comes from.
 */
const secretWords = [
  "authorization",
  "authentication",
  "password",
  "passwd",
  "passphrase",
  "secret",
  "token",
  "credential",
  "cookie",
  "apikey",
  "accesskey",
  "privatekey",
  "signature",
  "bearer",
];
/** Short words that make a name secret only where they are all of it, or all of a header's part: `sig` is in `design`. */
const wholeSecretNames = ["auth", "pass", "pwd", "sig", "jwt", "cert", "key", "session"];

/** Deep enough for any document of ours, and an end for what refers to itself. */
const maxDepth = 32;

/** Whether a value of this name is not to be shown. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[-_.\s]/g, "");
  return secretWords.some((word) => plain.includes(word));
}

/** The same of a metadata name, whose parts are words of their own: `x-tenant-auth`, `x-pass`. */
export function isSecretHeader(name: string): boolean {
  if (isSecretName(name)) return true;
  return name
    .toLowerCase()
    .split(/[-_.]/)
    .some((part) => wholeSecretNames.includes(part));
}

/**
 * A copy fit to be shown: values under secret names are `[redacted]`, in objects as well as in `[name, value]` pairs
 * of metadata, and so are passwords and tokens inside URLs. Plain data in, plain data out; what is nested too deeply is
 * left out.
 */
export function redact(value: unknown): unknown {
  return redactAt(value, 0);
}

function redactAt(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= maxDepth) return "[too deep]";
  if (Array.isArray(value)) {
    const [name, second] = value;
    if (value.length === 2 && typeof name === "string" && typeof second === "string" && isSecretName(name)) {
      return [name, redacted];
    }
    return value.map((each) => redactAt(each, depth + 1));
  }
  const entries = Object.entries(value).map(([name, each]) => {
    return [name, isSecretName(name) && hidesSomething(each) ? redacted : redactAt(each, depth + 1)] as const;
  });
  return Object.fromEntries(entries);
}

/** Nothing is hidden where there is nothing, and a switch such as `forwardAuthorization: false` is no secret. */
function hidesSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && typeof value !== "boolean";
}

/** `scheme://user:password@host`: everything up to the last @ before the path. A scheme is short: a long word is looked at once. */
const userInfo = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^/?#\s]*@/gi;
/** `?name=value` and `&name=value`, also after #, where single-page sign-ins put theirs. */
const parameter = /([?&#;])([^=&#;\s?]+)=([^&#;\s]*)/g;
/** An authorization value inside a sentence, such as a client library's error text. */
const scheme = /\b(bearer|basic)\s+[a-z0-9+/=._~-]{8,}/gi;

/** A text without the passwords and tokens of the URLs in it. */
export function redactText(text: string): string {
  return text
    .replace(userInfo, `$1${redacted}@`)
    .replace(parameter, (whole, mark: string, name: string) => {
      return isSecretParameter(name) ? `${mark}${name}=${redacted}` : whole;
    })
    .replace(scheme, `$1 ${redacted}`);
}

function isSecretParameter(name: string): boolean {
  return isSecretName(name) || wholeSecretNames.includes(name.toLowerCase());
}

/** `password: hunter2`, `DB_PASSWORD=…`, `--token …`: a secret name, and what it is said to be. "The token expired" is a sentence. */
const named = /(?<![\w.-])(-*[a-z][\w.-]*)("?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;)}]+)/gi;
const flagged = /(?<![\w.-])(--?)([a-z][\w.-]*)(\s+)("[^"]*"|'[^']*'|[^\s,;)}]+)/gi;

/**
 * What is a credential by its first letters, which those who issue it have chosen so that it is found:
 * https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats,
 * https://docs.gitlab.com/security/tokens/#token-prefixes, https://docs.slack.dev/authentication/tokens,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, RFC 7519 section 3.1 (`{"` in base64url), RFC 7468.
 */
const bySight = new RegExp(
  [
    "\\bgh[pousr]_\\w{20,}",
    "\\bgithub_pat_\\w{20,}",
    "\\bglpat-[\\w.-]{16,}",
    "\\bxox[a-z]-[\\w-]{10,}",
    "\\b(?:AKIA|ASIA)[A-Z0-9]{16}\\b",
    "(?<![\\w-])eyJ[\\w-]{8,}\\.[\\w-]+\\.[\\w-]*",
    "-----BEGIN [A-Z ]*PRIVATE KEY-----[\\s\\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
  ].join("|"),
  "g",
);

/** The same of what a person has written: there a secret may stand behind its name, or be known by its beginning. */
export function redactProse(text: string): string {
  return redactText(text)
    .replace(bySight, redacted)
    .replace(named, (whole, name: string, is: string) => (isSecretName(name) ? `${name}${is}${redacted}` : whole))
    .replace(flagged, (whole, dashes: string, name: string, space: string) =>
      isSecretName(name) ? `${dashes}${name}${space}${redacted}` : whole,
    );
}
