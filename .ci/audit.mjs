/**
 * Asks npm's registry for advisories on what a production install brings. Fails on a finding of moderate or above that
 * `audit-allow.json` does not let through, on an expired or needless entry there, on a version below `audit-floors.json`, and
 * where the registry can't be reached.
 *
 * A mirror may have no advisories to offer (404, 405). That is said, and the floors alone judge: they hold what was known when
 * they were written, and no more.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { allowProblems, auditProblems, floorProblems } from "./audit-rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

const allowed = read("audit-allow.json");
const problems = allowProblems(allowed, new Date().toISOString().slice(0, 10));
problems.push(...floorProblems(read("../package-lock.json").packages, read("audit-floors.json")));

const args = ["audit", "--omit=dev", "--json", "--audit-level=none"];
const { stdout, error } = spawnSync("npm", args, { cwd: root, encoding: "utf8", timeout: 120_000 });
const report = parsed(stdout ?? "");
if (report?.vulnerabilities !== undefined) {
  problems.push(...auditProblems(report, allowed));
  console.log("asked the registry for advisories");
} else if (report?.statusCode === 404 || report?.statusCode === 405) {
  console.log(`this registry has no advisories (${report.statusCode}): judged by audit-floors.json ALONE`);
} else {
  problems.push(`the registry can't be asked: ${report?.message ?? error?.message ?? "no answer"}`);
}

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "nothing found" : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
