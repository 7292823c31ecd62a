/**
 * Waiting until sidecars have applied a change. The service answers when all have, or when a slice of the time is over, so that
 * progress can be shown and a service that starts anew meanwhile costs nothing but a try.
 *
 * One that refused the change, or is not given it, will not have it however long one waits: that ends the wait. One that is gone is
 * not waited for: it takes what is in force when it comes back.
 */
import { ContenderError } from "../base/errors.ts";
import { problemLine } from "../base/parsed.ts";
import type { Administration, SidecarStatus } from "../model/administration.ts";
import { problemJson } from "./change-text.ts";
import { formatInstant } from "./instant.ts";
import type { Io } from "./io.ts";
import { plain } from "./table.ts";

export interface WaitFor {
  /** Routes that were changed. */
  readonly routes: readonly string[];
  readonly revision: number;
  readonly mostMs: number;
}

interface Lagging {
  readonly sidecar: SidecarStatus;
  readonly why: string;
  /** Whether time may mend it. */
  readonly hopeful: boolean;
}

export interface Standing {
  readonly applied: readonly SidecarStatus[];
  readonly lagging: readonly Lagging[];
  readonly gone: readonly SidecarStatus[];
  /** Undefined while it goes on. */
  readonly ended: "settled" | "time" | "interrupted";
  /** Why the service could not be asked at the end: what is known is from before. */
  readonly away?: ContenderError | undefined;
}

type Seen = Omit<Standing, "ended" | "away">;

const sliceMs = 2_000;
/** Between two looks at a service that answers at once, or not at all. */
const pauseMs = 250;

export async function waitForSidecars(service: Administration, what: WaitFor, io: Io): Promise<Standing> {
  const endMs = io.clock.nowMs() + what.mostMs;
  const interrupt = Promise.withResolvers<"interrupted">();
  let standing: Seen | undefined;
  let away: ContenderError | undefined;
  const stopWatching = io.onStop(() => interrupt.resolve("interrupted"));
  try {
    for (;;) {
      const startedMs = io.clock.nowMs();
      const leftMs = Math.max(0, endMs - startedMs);
      const look = lookAt(service, what, Math.min(sliceMs, leftMs));
      look.catch(() => undefined);
      const seen = await Promise.race([look.catch(unreachable), interrupt.promise]);
      if (seen === "interrupted") return ended(standing, "interrupted", away);
      if (seen instanceof ContenderError) away = seen;
      else {
        standing = seen;
        away = undefined;
        draw(standing, io);
        if (!standing.lagging.some(({ hopeful }) => hopeful)) return ended(standing, "settled", away);
      }
      if (io.clock.nowMs() >= endMs) return ended(standing, "time", away);
      if (io.clock.nowMs() - startedMs < pauseMs) {
        const pause = io.pause(Math.min(pauseMs, leftMs));
        if ((await Promise.race([pause, interrupt.promise])) === "interrupted") {
          return ended(standing, "interrupted", away);
        }
      }
    }
  } finally {
    stopWatching();
    if (io.drawsProgress) io.err("\r\u001b[K");
  }
}

/** A service that is away may come back while there is time; anything else that is wrong stays so. */
function unreachable(reason: unknown): ContenderError {
  if (reason instanceof ContenderError && reason.code === "CONTROL_UNREACHABLE") return reason;
  throw reason;
}

const ended = (seen: Seen | undefined, how: Standing["ended"], away: ContenderError | undefined): Standing => ({
  ...(seen ?? { applied: [], lagging: [], gone: [] }),
  ended: how,
  away,
});

async function lookAt(service: Administration, { routes, revision }: WaitFor, atMostMs: number): Promise<Seen> {
  const question = { waitForRevision: revision, waitAtMostMs: atMostMs };
  const answers = await Promise.all(routes.map((route) => service.sidecars({ ...question, route })));
  const all = new Map(answers.flatMap(({ sidecars }) => sidecars.map((each) => [each.instance, each] as const)));
  const here = [...all.values()].filter(
    (sidecar) => sidecar.state !== "gone" && (sidecar.state !== "unrouted" || withheldOf(sidecar, routes).length > 0),
  );
  const lagging = here.flatMap((sidecar): Lagging[] => {
    const lacks = laggardOf(sidecar, routes, revision);
    return lacks === undefined ? [] : [lacks];
  });
  const behind = new Set(lagging.map(({ sidecar }) => sidecar));
  return {
    applied: here.filter((sidecar) => !behind.has(sidecar)),
    lagging,
    gone: [...all.values()].filter(({ state, revision: has }) => state === "gone" && has < revision),
  };
}

function laggardOf(sidecar: SidecarStatus, routes: readonly string[], revision: number): Lagging | undefined {
  const withheld = withheldOf(sidecar, routes);
  if (sidecar.revision < revision && sidecar.state === "rejected") {
    return { sidecar, why: `rejected: ${sidecar.problems.map(problemLine).join("; ")}`, hopeful: false };
  }
  // By what it has of the change: from before it, the same would be no word of it. One that is given no route takes none of it.
  if (withheld.length > 0 && (sidecar.revision >= revision || sidecar.state === "unrouted")) {
    const lacks = withheld.map(({ route, capabilities }) => `${route} needs ${capabilities.join(", ")}`);
    return { sidecar, why: `withheld: this release can't do what ${lacks.join("; ")}`, hopeful: false };
  }
  if (sidecar.revision >= revision) return undefined;
  return { sidecar, why: `pending: ${standsAt(sidecar)}`, hopeful: true };
}

function withheldOf({ withheld }: SidecarStatus, routes: readonly string[]): SidecarStatus["withheld"] {
  return withheld.filter(({ route }) => routes.includes(route));
}

function standsAt({ revision, lastSeenMs }: SidecarStatus): string {
  const has = revision === 0 ? "it has nothing of this store yet" : `it has revision ${revision}`;
  return lastSeenMs === undefined ? has : `${has}, last heard of at ${formatInstant(lastSeenMs)}`;
}

function draw({ applied, lagging }: Seen, io: Io): void {
  if (!io.drawsProgress) return;
  io.err(`\r\u001b[Ksidecars applied: ${applied.length}/${applied.length + lagging.length}`);
}

/** NAMESPACE/WORKLOAD/POD, as far as they are known; the process where no pod is. */
export function sidecarName({ namespace, workload, pod, instance }: SidecarStatus): string {
  return [namespace, workload, pod === "" ? instance : pod].filter((part) => part !== "").join("/");
}

/** Says how it went. @throws ContenderError NOT_APPLIED where any sidecar has not applied it, or the service's where it is away. */
export function printStanding(standing: Standing, { revision, mostMs, routes }: WaitFor, io: Io, quiet: boolean): void {
  const { applied, lagging, gone, ended: how, away } = standing;
  const count = applied.length + lagging.length;
  if (gone.length > 0) {
    const names = gone.map(sidecarName).join(", ");
    io.err(`not waited for, since they are gone: ${plain(names)}\n`);
  }
  if (how === "time" && away !== undefined) {
    const known =
      count === 0
        ? "which sidecars have applied it is not known"
        : `when the service was last heard, ${applied.length} of ${count} sidecars had applied it`;
    const text = `revision ${revision} is made and stays, and ${known}; contender fleet shows how it goes on`;
    const said = away.message.slice(`[${away.code}] `.length);
    throw new ContenderError(away.code, [said, text, ...reasons(lagging)].join("\n"), { cause: away });
  }
  if (how === "interrupted") {
    const text = `stopped waiting: ${applied.length} of ${count} sidecars are known to have applied revision ${revision}. The change stays; contender fleet shows how it goes on`;
    throw new ContenderError("NOT_APPLIED", [text, ...reasons(lagging)].join("\n"));
  }
  if (lagging.length > 0) {
    const within = how === "time" ? ` within ${mostMs / 1_000}s` : "";
    const text = `${lagging.length} of ${count} sidecars have not applied revision ${revision}${within}:`;
    throw new ContenderError("NOT_APPLIED", [text, ...reasons(lagging)].join("\n"));
  }
  if (quiet) return;
  if (count === 0) io.err(`no sidecar is connected that ${routes.join(", ")} is for: nobody was waited for\n`);
  else io.out(`applied by ${count === 1 ? "the one sidecar" : `all ${count} sidecars`}\n`);
}

const reasons = (lagging: readonly Lagging[]): string[] =>
  lagging.map(({ sidecar, why }) => `  ${plain(sidecarName(sidecar))} ${plain(why)}`);

export function standingJson({ applied, lagging, gone, ended: how }: Standing): object {
  return {
    complete: how === "settled" && lagging.length === 0,
    interrupted: how === "interrupted",
    applied: applied.map(nameJson),
    notApplied: lagging.map(({ sidecar, why }) => ({
      ...nameJson(sidecar),
      state: sidecar.state,
      revision: sidecar.revision,
      why,
      problems: sidecar.problems.map(problemJson),
    })),
    gone: gone.map(nameJson),
  };
}

function nameJson(sidecar: SidecarStatus): object {
  const { namespace, workload, pod, instance } = sidecar;
  return { namespace, workload, pod, instance };
}
