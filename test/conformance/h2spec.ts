/**
 * h2spec, which plays a client that breaks HTTP/2's rules, one after the other, and knows what a server must answer.
 */
import { readFileSync } from "node:fs";
import { run } from "../judges/lib/processes.ts";
import { scratchPath } from "../judges/lib/scratch.ts";
import { h2specVerdict, type Verdict } from "./reports.ts";

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
    return h2specVerdict(readFileSync(report, "utf8"), stdout.toString());
  } catch (reason) {
    const problem = `h2spec ended without a report: ${stderr}${stdout.toString().slice(-500)} (${reason})`;
    return { cases: 0, passed: 0, skipped: 0, failed: 0, failures: [], problem };
  }
}
