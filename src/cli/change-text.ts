/** What became of a change, for people and for programs. */
import { type Problem, problemLine } from "../base/parsed.ts";
import type { Author, Changed, Move, RouteChange, Share } from "../model/administration.ts";
import { slotCount } from "../model/slots.ts";
import { formatInstant } from "./instant.ts";
import type { Io } from "./io.ts";
import { percent } from "./percent.ts";
import { grouped, plain } from "./table.ts";

const done: Readonly<Record<string, string>> = {
  weights: "has new weights",
  undone: "is as it was before",
  unchanged: "is unchanged",
};
const wouldBe: Readonly<Record<string, string>> = {
  weights: "would have new weights",
  undone: "would be as it was before",
  unchanged: "would be unchanged",
};

/** What happened on standard output, what is doubtful on standard error. */
export function printChanges({ changes }: Changed, dryRun: boolean, io: Io): void {
  for (const change of changes) {
    for (const line of doubts(change, dryRun)) io.err(`warning: ${plain(line)}\n`);
    const { name, kind, revision } = change;
    const became = dryRun ? (wouldBe[kind] ?? `would be ${kind}`) : (done[kind] ?? `is ${kind}`);
    io.out(`${name} ${became}${dryRun ? "" : `, revision ${revision}`}\n`);
    for (const line of movesText(change)) io.out(`  ${line}\n`);
  }
  if (dryRun) io.err("dry run: nothing was written\n");
}

function doubts({ name, warnings, withheldFrom, withheldCount }: RouteChange, dryRun: boolean): string[] {
  const lines = warnings.map(problemLine);
  if (withheldCount === 0) return lines;
  const whom = withheldCount === 1 ? "a sidecar that lacks" : `${grouped(withheldCount)} sidecars that lack`;
  const others = withheldCount - withheldFrom.length;
  const names = `${withheldFrom.join(", ")}${others > 0 ? ` and ${grouped(others)} more` : ""}`;
  const is = dryRun ? "would be" : "is";
  const hint = dryRun ? "" : `; contender fleet --route ${name} says what`;
  return [...lines, `${name} ${is} withheld from ${whom} what it needs: ${names}${hint}`];
}

/** Whose keys go where, a line each where there are several ways. */
export function movesText({ kind, moves }: Pick<RouteChange, "kind" | "moves">): string[] {
  if (kind === "unchanged" || kind === "deleted") return [];
  const moved = moves.filter(({ from }) => from !== "");
  if (moves.length > moved.length) {
    const shares = moves.map(({ to, slots }) => `${to} ${percent(slots / slotCount)}`);
    return [`keys: ${shares.join(", ")}`];
  }
  const [first] = moved;
  if (first === undefined) return kind === "created" ? [] : ["no slot moves: every key stays where it is"];
  const slots = moved.reduce((sum, move) => sum + move.slots, 0);
  const verb = slots === 1 ? "moves" : "move";
  const head = `${grouped(slots)} of ${grouped(slotCount)} slots ${verb}, ${percent(slots / slotCount)} of keys:`;
  return moved.length === 1
    ? [`${head} ${way(first)}`]
    : [head, ...moved.map((move) => `  ${way(move)} ${part(move)}`)];
}

const way = ({ from, to }: Move): string => `${from} -> ${to}`;
const part = ({ slots }: Move): string => `${grouped(slots)} (${percent(slots / slotCount)})`;

/** `v41 90%, v42 10%`. */
export function sharesText(shares: readonly Share[]): string {
  return shares.map(({ variant, share }) => `${variant} ${percent(share)}`).join(", ");
}

export function changesJson({ changes, revision }: Changed, dryRun: boolean): object {
  return {
    dryRun,
    revision,
    changes: changes.map(({ name, kind, revision: own, moves, warnings, withheldFrom, withheldCount }) => ({
      name,
      kind,
      revision: own,
      moves,
      warnings: warnings.map(problemJson),
      withheldFrom,
      withheldCount,
    })),
  };
}

export function problemJson({ path, message, where }: Problem): object {
  return { path, message, where: where ?? null };
}

export function authorJson({ name, atMs, reason }: Author): object {
  return { by: name, at: formatInstant(atMs), reason };
}

export function printJson(value: object, io: Io): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
