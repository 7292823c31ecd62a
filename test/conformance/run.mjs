/**
 * Lets the judges of HTTP/2 and gRPC judge a sidecar, as it is shipped, and prints what they found.
 *
 *     npm run conformance -- --help
 *
 * Needs Go, which builds the judges (`setup.sh`). Prints a line per judged thing and exits 1 if any failed, or, with CI=true,
 * if any could not be judged.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { run, Service } from "../judges/lib/processes.ts";
import { inRepository, SidecarUnderTest } from "../judges/lib/sidecar.ts";
import { Table } from "../judges/lib/table.ts";
import { runH2spec } from "./h2spec.ts";
import { runH2specd } from "./h2specd.ts";
import { certificatePair, judgeInterop } from "./interop.ts";
import { failedSections, h2Table, interopTable, writeFigures } from "./page.ts";
import { ask, runPeers } from "./peers.ts";
import { problemOf } from "./reports.ts";

const page = inRepository("docs/conformance.md");
const parts = ["h2spec", "h2specd", "interop"];

const help = `Judges a sidecar by h2spec (its listening half), h2specd (its upstream half) and gRPC's interop cases.

Usage: npm run conformance -- [options]

  --only LIST  parts to run, separated by commas: ${parts.join(", ")}; all by default
  --peers      also let h2spec judge Envoy, HAProxy and nginx, where bench/setup.sh has brought them (two minutes)
  --write      write the figures into docs/conformance.md; wants all parts and --peers
  --help       this text

The judges are built with Go, in the versions of test/conformance/go.mod, into test/conformance/.work. What can't be judged is
skipped, and has failed where CI=true. Ctrl-C ends everything that was started.`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", default: parts.join(",") },
        peers: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const only = values.only.split(",").map((part) => part.trim());
    const unknown = only.filter((part) => !parts.includes(part));
    if (unknown.length > 0) throw new Error(`--only: want ${parts.join(", ")}, got ${unknown.join(", ")}`);
    const whole = values.peers && parts.every((part) => only.includes(part));
    if (values.write && !whole)
      throw new Error("--write wants all parts and --peers: the page's figures are of one run");
    return { ...values, only };
  } catch (reason) {
    console.error(`${reason.message}\n\n${help}`);
    process.exit(64);
  }
}

const { only, peers, write, help: helpWanted } = options();
if (helpWanted) {
  console.log(help);
  process.exit(0);
}

const table = new Table();
const tool = (name) => inRepository(`test/conformance/.work/${name}`);
/** Rows of the page: who was judged by h2spec or h2specd, and how. */
const rows = [];
const notes = [];

/** @returns whether the judges are there. */
async function setUp() {
  const { code, stdout, stderr } = await run("bash", [inRepository("test/conformance/setup.sh")], {
    timeoutMs: 600_000,
  });
  if (code === 0) return true;
  for (const part of only) table.skip(part, `the judges could not be built\n${stderr}${stdout}`);
  return false;
}

/** An upstream that answers every request with 200 and a body. */
async function upstream() {
  return await Service.start("upstream", tool("upstream"), []);
}

/** Of a module in go.mod, without what Go puts behind it. */
function versionOf(module) {
  return new RegExp(`${module} (v[0-9.]+)`).exec(readFileSync(inRepository("test/conformance/go.mod"), "utf8"))?.[1];
}

function judged(who, verdict, more = "") {
  rows.push({ who, verdict });
  const problem = problemOf(verdict);
  const { cases, passed, skipped, failed } = verdict;
  table.row(who, `${problem}${more}`, `${cases} cases, ${passed} passed, ${skipped} skipped, ${failed} failed`);
}

const portOf = ({ address }) => Number(address.split(":").at(-1));

async function judgeListener() {
  const behind = await upstream();
  const champion = { CONTENDER_LOCAL: `127.0.0.1:${behind.ready.port}` };
  const refusing = await SidecarUnderTest.start(champion);
  judged("h2spec: Contender, which refuses what is not gRPC", await runH2spec(tool("h2spec"), portOf(refusing)));

  const forwarding = await SidecarUnderTest.start({ ...champion, CONTENDER_NON_GRPC: "forward" });
  const verdict = await runH2spec(tool("h2spec"), portOf(forwarding));
  judged("h2spec: Contender, which passes it on", verdict);
  const passed = (await forwarding.samples("contender_plain_requests_total", { status: "2xx" }))[0]?.value ?? 0;
  const answer = await ask(portOf(forwarding));
  const detail = `${passed} of its requests were the upstream's to answer, and the next gets ${answer}`;
  table.row("h2spec: they were passed on", passed >= 20 && answer === "200 with a body" ? "" : detail, detail);

  const secure = await SidecarUnderTest.start({
    ...champion,
    CONTENDER_NON_GRPC: "forward",
    ...certificatePair(tool("tls")),
  });
  const overTls = await runH2spec(tool("h2spec"), portOf(secure), { tls: true });
  judged("h2spec: Contender, which passes it on, over TLS", overTls);
  await Promise.all([refusing, forwarding, secure].map(({ service }) => service.stop()));
  await behind.stop();
}

async function judgePeers() {
  const behind = await upstream();
  await runPeers(tool("h2spec"), `127.0.0.1:${behind.ready.port}`, ({ name, verdict, missing }) => {
    if (verdict === undefined) {
      console.log(`left out  ${name}: ${missing}`);
      return;
    }
    rows.push({ who: `h2spec: ${name}`, verdict });
    const { cases, passed, skipped, failed, problem } = verdict;
    console.log(
      `peer  ${`h2spec: ${name}`.padEnd(40)}  ${cases} cases, ${passed} passed, ${skipped} skipped, ${failed} failed`,
    );
    if (problem !== "") console.log(`      ${problem}`);
    if (failed > 0) notes.push(`${name} fails in ${failedSections(verdict)}.`);
  });
  await behind.stop();
}

async function judgeUpstreamHalf() {
  const spare = await upstream();
  const { unanswered, ...verdict } = await runH2specd(tool("h2specd"), `127.0.0.1:${spare.ready.port}`);
  judged("h2specd: Contender's upstream half", verdict);
  table.row(
    "h2specd: every call was answered",
    unanswered.join("\n"),
    `${verdict.cases} calls, and the sidecar goes on`,
  );
  await spare.stop();
}

/** @returns whether there was a judge. */
async function judgeAll() {
  if (!(await setUp())) return false;
  const began = performance.now();
  if (only.includes("h2spec")) await judgeListener();
  if (peers) await judgePeers();
  if (only.includes("h2specd")) await judgeUpstreamHalf();
  const interop = only.includes("interop")
    ? await judgeInterop(table, {
        client: tool("interop-client"),
        server: tool("interop-server"),
        certificates: tool("tls"),
      })
    : [];
  const figures = [
    `Measured on ${new Date().toISOString().slice(0, 10)} in one run, h2spec ${versionOf("summerwind/h2spec")} and grpc-go ${versionOf("google.golang.org/grpc")}:`,
    "",
    ...(rows.length > 0 ? h2Table(rows) : []),
    ...(notes.length > 0 ? ["", ...notes] : []),
    ...(interop.length > 0 ? ["", ...interopTable(interop)] : []),
  ];
  console.log(`\n${figures.join("\n")}\n`);
  console.log(`judged in ${Math.round((performance.now() - began) / 1_000)} s`);
  if (write) writeFigures(page, figures);
  return true;
}

let built = true;
try {
  built = await judgeAll();
} catch (reason) {
  table.row("the judge itself", String(reason?.stack ?? reason), "");
}
const good = table.end();
// Without Go there is nothing to judge by, which is only wrong where everything must be judged.
process.exit(good || (!built && process.env.CI !== "true") ? 0 : 1);
