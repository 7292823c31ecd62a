/** What became of the calls, held against what their sidecar had in force; and everything else that did not hold. */
import type { Done } from "./caller.ts";
import type { Seen, Sidecar } from "./sidecars.ts";
import type { Truth } from "./truth.ts";

/** How far a look at a sidecar may be from the moment that it tells of: it is asked over HTTP, and has two workers. */
const slackMs = 400;
const mostExamples = 12;
/** The longest call, and more. */
const keptMs = 15_000;

export interface FaultFigures {
  times: number;
  calls: number;
  failed: number;
  wrong: number;
  convergedMs: number[];
}

export class Verdicts {
  readonly faults = new Map<string, FaultFigures>();
  readonly problems: string[] = [];
  excused = 0;
  calls = 0;
  wrong = 0;
  failed = 0;
  problemCount = 0;
  looks = 0;
  /** Answered calls by route, variant and the process that answered. */
  readonly counted = new Map<string, number>();
  #waiting: { readonly done: Done; readonly fault: string }[] = [];
  fault = "start";

  figures(fault: string): FaultFigures {
    const figures = this.faults.get(fault) ?? { times: 0, calls: 0, failed: 0, wrong: 0, convergedMs: [] };
    this.faults.set(fault, figures);
    return figures;
  }

  problem(text: string): void {
    this.problemCount++;
    if (this.problems.length < mostExamples) this.problems.push(`${this.fault}: ${text}`);
  }

  take(done: readonly Done[]): void {
    for (const each of done) this.#waiting.push({ done: each, fault: this.fault });
  }

  /** Judges what has come so far; versions of the time must be known by now. */
  judge(sidecars: readonly Sidecar[], truth: Truth): void {
    const nowMs = performance.timeOrigin + performance.now();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      const { done, fault } = each;
      const sidecar = sidecars[done.sidecar];
      // What was in force then is looked at later, too.
      if (done.endedMs > nowMs - 2 * slackMs) this.#waiting.push(each);
      else if (sidecar !== undefined) this.#one(done, fault, sidecar, truth);
    }
    for (const sidecar of sidecars) {
      this.#untorn(sidecar, truth);
      sidecar.seen = sidecar.seen.filter(({ atMs }) => atMs > nowMs - keptMs);
    }
  }

  #one(done: Done, fault: string, sidecar: Sidecar, truth: Truth): void {
    const figures = this.figures(fault);
    const { status, variant, body, user, why, excused, life, sidecar: index } = done;
    if (status >= 0 && variant !== "") {
      const key = `${sidecar.route} ${variant} ${index} ${life}`;
      this.counted.set(key, (this.counted.get(key) ?? 0) + 1);
    }
    if (status !== 0) {
      if (excused) {
        this.excused++;
        return;
      }
      this.calls++;
      figures.calls++;
      figures.failed++;
      this.failed++;
      this.problem(`a call to sidecar ${index} failed: status ${status} ${why}`);
      return;
    }
    this.calls++;
    figures.calls++;
    const allowed = allowedFor(done, sidecar, truth);
    if (variant === body && allowed.includes(variant)) return;
    this.wrong++;
    figures.wrong++;
    this.problem(
      `user-${user} was answered by ${variant} (${body}) at sidecar ${index}, and may have had ${allowed.join(", ") || "nobody"} under ${versionsOf(done, sidecar.seen).join(", ")}`,
    );
  }

  /** The weights that a sidecar shows are those of the version that it shows. */
  #untorn(sidecar: Sidecar, truth: Truth): void {
    for (const { weights } of sidecar.seen) {
      for (const [version, shown] of weights) {
        this.looks++;
        const total = Object.values(shown).reduce((sum, weight) => sum + weight, 0);
        const entries = truth.at(version, sidecar.route);
        const same = entries.some(({ shares }) =>
          Object.entries(shown).every(([name, weight]) => Math.abs((shares[name] ?? 0) - weight / total) < 1e-9),
        );
        if (same) continue;
        const told = entries.map(({ revision, shares }) => `${JSON.stringify(shares)} since revision ${revision}`);
        const text = `sidecar ${sidecar.index} shows ${JSON.stringify(shown)} under ${version}, which the service tells as`;
        this.problem(`${text} ${told.join(" or ") || "nothing"}`);
      }
    }
  }
}

/** Versions that were seen in force around a call. */
function versionsOf({ beganMs, endedMs }: Done, seen: readonly Seen[]): string[] {
  const first = seen.findLastIndex(({ atMs }) => atMs <= beganMs - slackMs);
  const after = seen.findIndex(({ atMs }) => atMs >= endedMs + slackMs);
  const last = after < 0 ? seen.length : after + 1;
  return [...new Set(seen.slice(Math.max(0, first), last).flatMap(({ versions }) => versions))];
}

function allowedFor(done: Done, { seen, route }: Sidecar, truth: Truth): string[] {
  const versions = versionsOf(done, seen);
  const entries = versions.flatMap((version) => truth.at(version, route));
  for (const a of versions) for (const b of versions) entries.push(...truth.between(a, b, route));
  return [...new Set(entries.map(({ variants }) => variants[done.user] ?? ""))];
}
