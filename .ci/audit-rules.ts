/**
 * What an audit comes to: which advisories stop a change, and which are allowed for a while.
 *
 * A finding without a fix must not turn every change red, and must not be forgotten either: it is let through by an entry
 * in `audit-allow.json`, with the reason why it does not hurt here and the day by which somebody looks again. An entry that
 * has expired, or that lets nothing through any more, fails like a finding.
 */

export interface Allowed {
  /** The advisory, such as `GHSA-jfgx-wxx8-mp94`. */
  readonly id: string;
  readonly package: string;
  readonly reason: string;
  /** Last day on which it counts, `2027-01-31`. */
  readonly expires: string;
}

/** Versions that have no advisory known to us, for each package: the lowest of each major version. */
export type Floors = Readonly<Record<string, { readonly from: readonly string[]; readonly because: string }>>;

export interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

interface Advisory {
  readonly url?: string;
  readonly title?: string;
  readonly severity?: string;
  readonly name?: string;
}

/** What `npm audit --json` prints. */
export interface AuditReport {
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (string | Advisory)[] }>>;
}

/** Severities that stop a change. `low` is read by people and stops nothing. */
const stopping = ["moderate", "high", "critical"];

const day = /^\d{4}-\d{2}-\d{2}$/;

/** Problems of the allow file itself, whatever the audit says. @param today `2026-11-27` */
export function allowProblems(allowed: readonly Allowed[], today: string): string[] {
  return allowed.flatMap(({ id, package: name, reason, expires, ...rest }) => {
    const what = `audit-allow.json: ${id} of ${name}`;
    if (Object.keys(rest).length > 0) return [`${what}: unknown key ${Object.keys(rest).join(", ")}`];
    if (!/^GHSA(-[0-9a-z]{4}){3}$/.test(id)) return [`${what}: want an id such as GHSA-jfgx-wxx8-mp94`];
    if (reason.length < 20) return [`${what}: want the reason why it does not hurt here`];
    if (!day.test(expires)) return [`${what}: want the day on which it expires, such as 2027-01-31`];
    return expires < today ? [`${what} has expired on ${expires}: look again, then mend or extend it`] : [];
  });
}

/** What the audit found and nobody allowed, and what is allowed without need. */
export function auditProblems(report: AuditReport, allowed: readonly Allowed[]): string[] {
  const found = new Map<string, string>();
  for (const [name, { via }] of Object.entries(report.vulnerabilities ?? {})) {
    for (const advisory of via) {
      if (typeof advisory === "string" || !stopping.includes(advisory.severity ?? "critical")) continue;
      const id = advisory.url?.split("/").at(-1) ?? "an advisory without an address";
      found.set(
        `${id} of ${advisory.name ?? name}`,
        `${advisory.severity}: ${advisory.title ?? ""} ${advisory.url ?? ""}`,
      );
    }
  }
  const passed = new Set(allowed.map(({ id, package: name }) => `${id} of ${name}`));
  const stops = [...found].filter(([key]) => !passed.has(key)).map(([key, text]) => `${key}: ${text}`);
  const needless = [...passed]
    .filter((key) => !found.has(key))
    .map((key) => `audit-allow.json: ${key} is found no more`);
  return [...stops, ...needless];
}

/** Production packages of a lock file by name, each with all of its versions. */
export function productionVersions(packages: Readonly<Record<string, Locked>>): Map<string, string[]> {
  const versions = new Map<string, string[]>();
  for (const [path, { version, dev, devOptional }] of Object.entries(packages)) {
    const name = path.split("node_modules/").at(-1) ?? "";
    if (name === "" || version === undefined || dev === true || devOptional === true) continue;
    versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  return versions;
}

/** Locked versions that are below their floor. */
export function floorProblems(packages: Readonly<Record<string, Locked>>, floors: Floors): string[] {
  return [...productionVersions(packages)].flatMap(([name, versions]) => {
    const floor = floors[name];
    if (floor === undefined) return [];
    return versions
      .filter((version) => !isAtOrAbove(version, floor.from))
      .map((version) => `${name} ${version}: want ${floor.from.join(" or ")} at least (${floor.because})`);
  });
}

/** Above the floor of its own major version, or of a later major version than all floors have. */
function isAtOrAbove(version: string, floors: readonly string[]): boolean {
  const numbers = numbersOf(version);
  const own = floors.map(numbersOf).find(([major]) => major === numbers[0]);
  if (own !== undefined) return compare(numbers, own) >= 0;
  return floors.every((floor) => compare(numbers, numbersOf(floor)) > 0);
}

function numbersOf(version: string): number[] {
  return (version.split("-")[0] ?? "").split(".").map(Number);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
