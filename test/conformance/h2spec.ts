/**
 * h2spec, which plays a client that breaks HTTP/2's rules, one after the other, and knows what a server must answer.
 *
 * Its report is read, not its colours: the counts it prints are only held against the report's.
 */
import { readFileSync } from "node:fs";
import { run } from "../judges/lib/processes.ts";
import { scratchPath } from "../judges/lib/scratch.ts";

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

/** For one answer that may not come: h2spec's own default. What passes never waits for it. */
const answerSeconds = 2;
/** All cases at their limit, twice over: nothing that answers at all takes a tenth of it. */
const longestMs = 600_000;

export interface H2specOptions {
  /** Over TLS, by whatever certificate there is. */
  readonly tls?: boolean;
}

export async function runH2spec(command: string, port: number, { tls = false }: H2specOptions = {}): Promise<Verdict> {
  const report = scratchPath(`h2spec-${port}.xml`);
  const args = ["--strict", "--host", "127.0.0.1", "--port", String(port), "--timeout", String(answerSeconds)];
  const secure = tls ? ["--tls", "--insecure"] : [];
  const { stdout, stderr } = await run(command, [...args, ...secure, "--junit-report", report], {
    timeoutMs: longestMs,
  });
  try {
    return verdictOf(readFileSync(report, "utf8"), stdout.toString());
  } catch (reason) {
    const problem = `h2spec ended without a report: ${stderr}${stdout.toString().slice(-500)} (${reason})`;
    return { cases: 0, passed: 0, skipped: 0, failed: 0, failures: [], problem };
  }
}

/** @param xml the JUnit report. @param printed all that h2spec wrote on its standard output. */
export function verdictOf(xml: string, printed: string): Verdict {
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

/** Text of an element, on one line. */
function plainText(xml: string): string {
  return xml
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ")
    .trim();
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
