/** What changes of weights did, as text: the command and its words, shares before and after, and who moved. */
import type { ChangeReport, RouteChange } from "./change.ts";
import { aligned, percent, whole } from "./report.ts";

/** Enough to see what was tried; a script may make hundreds. */
const mostShown = 5;

export function formatChanges(changes: readonly ChangeReport[]): string {
  const shown = changes.slice(-mostShown);
  const earlier = changes.length - shown.length;
  return [...(earlier === 0 ? [] : [`(${whole(earlier)} earlier changes)\n`]), ...shown.map(formatChange)].join("\n");
}

export function formatChange({ command, printed, leftOut, tookMs, routes }: ChangeReport): string {
  const words = printed === null || printed === "" ? [] : printed.split("\n");
  const between = `${whole(leftOut)} answers came within the ${(tookMs / 1000).toFixed(1)} s between, and count for neither side`;
  return [
    command === null ? "the routes were changed from elsewhere" : `$ ${command}`,
    ...words,
    "",
    ...sharesTable(routes),
    "",
    ...routes.map((route) => `  ${movesText(route)}`),
    `  ${between}`,
    "",
  ].join("\n");
}

function sharesTable(routes: readonly RouteChange[]): string[] {
  const heads = ["route", "variant", "weight before", "share", "users", "weight after", "share", "users"];
  const rows = routes.flatMap(({ route, variants }) =>
    variants.map(({ name, before, after }) => [
      ...[route, name],
      ...[before, after].flatMap(({ weight, share, users }) => [percent(weight), percent(share), whole(users)]),
    ]),
  );
  return aligned(
    [heads, ...rows],
    heads.map((_, i) => (i < 2 ? "left" : "right")),
  );
}

/** One line: whether those moved who must, and nobody else. */
export function movesText({ route, moves }: RouteChange): string {
  if (moves === null) return `${route}: no table says who must move`;
  const { met, mustMove, moved, movedOtherwise, stayedOtherwise } = moves;
  const told =
    movedOtherwise + stayedOtherwise === 0 ? "as the tables say" : `which the tables say of ${whole(mustMove)}`;
  const others = `moved otherwise: ${whole(movedOtherwise)}, stayed otherwise: ${whole(stayedOtherwise)}`;
  return `${route}: of ${whole(met)} users met before and after, ${whole(moved)} moved, ${told}; ${others}`;
}
