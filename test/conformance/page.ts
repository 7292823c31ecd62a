/** The table of docs/conformance.md: from a run's verdicts to its rows, and into the page. */
import { readFileSync, writeFileSync } from "node:fs";
import type { InteropVerdict } from "./interop.ts";
import type { Verdict } from "./reports.ts";

export interface H2Row {
  readonly who: string;
  readonly verdict: Verdict;
}

const marks = { start: "<!-- figures: from here", end: "<!-- figures: to here -->" } as const;

/** Counts of h2spec and h2specd, one row for each who was judged. */
export function h2Table(rows: readonly H2Row[]): string[] {
  return [
    "| who | cases | passed | skipped | failed |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...rows.map(({ who, verdict }) => {
      return `| ${who} | ${verdict.cases} | ${verdict.passed} | ${verdict.skipped} | ${verdict.failed} |`;
    }),
  ];
}

export function interopTable(verdicts: readonly InteropVerdict[]): string[] {
  return [
    "| through the sidecar | cases | as directly |",
    "| --- | ---: | ---: |",
    ...verdicts.map(({ mode, cases, alike }) => `| ${mode} | ${cases} | ${alike} |`),
  ];
}

/** Sections in which a peer failed, with how many cases each. */
export function failedSections({ failures }: Verdict): string {
  const counts = new Map<string, number>();
  for (const { section } of failures) counts.set(section, (counts.get(section) ?? 0) + 1);
  return [...counts].map(([section, count]) => (count === 1 ? section : `${section} (${count})`)).join(", ");
}

/** Replaces what stands between the marks of a page. @throws where it has none. */
export function withFigures(page: string, figures: readonly string[]): string {
  const start = page.indexOf("\n", page.indexOf(marks.start));
  const end = page.indexOf(marks.end);
  if (!page.includes(marks.start) || end < start) throw new Error("the page has no place for figures");
  return `${page.slice(0, start)}\n\n${figures.join("\n")}\n\n${page.slice(end)}`;
}

export function writeFigures(file: string, figures: readonly string[]): void {
  writeFileSync(file, withFigures(readFileSync(file, "utf8"), figures));
}
