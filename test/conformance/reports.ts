/**
 * What h2spec and h2specd report, read: of the one its JUnit report, of the other the page that it serves. The counts that
 * they tell themselves are only held against what was read.
 */
export interface Failure {
  /** Such as `http2/5.1`: whose requirement, and where it stands. */
  readonly section: string;
  readonly title: string;
  /** What should have come, and what came; one after the other, as h2spec writes it. */
  readonly detail: string;
}

export interface Verdict {
  readonly cases: number;
  readonly passed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly failures: readonly Failure[];
  /** Why these figures mean nothing; "" where they do. */
  readonly problem: string;
}

/** @param xml the JUnit report. @param printed all that h2spec wrote on its standard output. */
export function h2specVerdict(xml: string, printed: string): Verdict {
  const cases = [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)];
  const failures: Failure[] = [];
  let skipped = 0;
  for (const [, section = "", title = "", inner = ""] of cases) {
    if (/<skipped/.test(inner)) skipped++;
    else if (inner.trim() !== "") failures.push({ section, title: plainText(title), detail: plainText(inner) });
  }
  const failed = failures.length;
  const passed = cases.length - skipped - failed;
  const summary = `${cases.length} tests, ${passed} passed, ${skipped} skipped, ${failed} failed`;
  const said = /^\d+ tests, .*$/m.exec(printed)?.[0] ?? "nothing";
  const problem = said === summary ? "" : `h2spec says "${said}", and its report "${summary}"`;
  return { cases: cases.length, passed, skipped, failed, failures, problem };
}

/** Why a verdict is none that we want, as lines; "" where it is. */
export function problemOf({ cases, skipped, failures, problem }: Verdict): string {
  if (problem !== "") return problem;
  if (cases === 0) return "no case was run";
  const lines = failures.map(({ section, title, detail }) => `${section}: ${title}: ${detail}`);
  if (skipped > 0) lines.unshift(`${skipped} skipped`);
  if (failures.length > 0) lines.unshift(`${failures.length} of ${cases} failed:`);
  return lines.join("\n");
}

export interface ReportedCase {
  readonly port: number;
  readonly section: string;
  readonly title: string;
  readonly state: "open" | "passed" | "failed";
  readonly detail: string;
}

export interface Report {
  readonly cases: readonly ReportedCase[];
  readonly skipped: number;
}

/** @param html the page that h2specd makes of its results. */
export function h2specdReport(html: string): Report {
  const cases: { port: number; section: string; title: string; state: ReportedCase["state"]; detail: string }[] = [];
  let section = "";
  for (const [, inner = ""] of html.matchAll(/<div[^>]*>(.*?)<\/div>/gs)) {
    const [, mark = "", port = "", title = ""] =
      /^<span[^>]*>(.*?)<\/span><a href="[a-z]+:\/\/[^"]*:(\d+)\/"[^>]*>[^<]*<\/a>(.*)$/s.exec(inner) ?? [];
    if (port !== "") {
      const state = mark === "✔" ? "passed" : mark === "✖" ? "failed" : "open";
      cases.push({ port: Number(port), section, title: plainText(title), state, detail: "" });
    } else if (/^\d[\d.]*\. /.test(inner)) {
      section = inner.split(". ")[0] ?? "";
    } else {
      const last = cases.at(-1);
      if (last?.state === "failed") last.detail = `${last.detail} ${plainText(inner)}`.trim();
    }
  }
  return { cases, skipped: Number(/(\d+) skipped/.exec(html)?.[1] ?? Number.NaN) };
}

export function h2specdVerdict({ cases, skipped }: Report): Verdict {
  const failures: Failure[] = cases
    .filter(({ state }) => state !== "passed")
    .map(({ section, title, state, detail }) => ({ section, title, detail: state === "open" ? "never came" : detail }));
  const failed = failures.length;
  const passed = cases.length - failed - skipped;
  return { cases: cases.length, passed, skipped, failed, failures, problem: "" };
}

/** Text of an element, on one line. */
function plainText(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&nbsp;/g, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ")
    .trim();
}
