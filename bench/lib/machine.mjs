/**
 * What every bench here begins and ends with: its programs are built, the machine is named, and nothing is left behind.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { killAll } from "./children.mjs";
import { program } from "./measure.mjs";
import { benchDir, projectNode, rootDir, runDir, workDir } from "./peers.mjs";

/** Builds the Go programs where their sources are newer. */
export function buildPrograms(say) {
  const sources = readdirSync(join(benchDir, "load"), { recursive: true })
    .map((name) => join(benchDir, "load", String(name)))
    .filter((path) => /\.go$|go\.(mod|sum)$/.test(path));
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  const built = readdirSync(join(benchDir, "load/cmd")).map(program);
  if (built.every((path) => existsSync(path) && statSync(path).mtimeMs > newest)) return;
  say("building the load generator (Go)");
  mkdirSync(join(workDir, "bin"), { recursive: true });
  try {
    execFileSync("go", ["build", "-o", join(workDir, "bin/"), "./cmd/..."], {
      cwd: join(benchDir, "load"),
      stdio: ["ignore", "inherit", "inherit"],
    });
  } catch (error) {
    throw new Error("the load generator needs Go 1.26 or later and the Go module proxy", { cause: error });
  }
}

/** What a program says first, on either output; some tell their version on standard error. */
function firstLine(command, args, env = {}) {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, ...env } });
  return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n")[0].trim();
}

/**
 * Where and with what: without it no figure means anything.
 *
 * @param {Record<string, { command: string, args: string[], env?: object } | undefined>} [programs] that tell their versions
 */
export function machine(programs = {}) {
  const git = (...args) => firstLine("git", ["-C", rootDir, ...args]);
  const dirty = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes";
  const versions = Object.entries(programs).flatMap(([name, found]) => {
    if (!found) return [];
    const version = /\d+\.\d+\.\d+/.exec(firstLine(found.command, found.args, found.env))?.[0];
    return version === undefined ? [] : [`${name} ${version}`];
  });
  return [
    `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores`,
    `Linux ${firstLine("uname", ["-r"])}`,
    `Node ${firstLine(projectNode(), ["--version"]).slice(1)}`,
    ...versions,
    `commit ${git("rev-parse", "--short", "HEAD")}${dirty}`,
    new Date().toISOString().slice(0, 10),
  ].join("; ");
}

/** Runs a bench: true is exit code 0. Whichever way it ends, its processes and its folder go with it. */
export function runBench(main) {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ]) {
    process.on(signal, () => {
      killAll();
      process.exit(code);
    });
  }
  process.on("exit", () => {
    killAll();
    rmSync(runDir, { recursive: true, force: true });
  });
  main().then(
    (good) => {
      process.exitCode = good ? 0 : 1;
    },
    (error) => {
      process.stderr.write(`bench: ${error.message}\n`);
      // Not left to end by itself: connections and timers of what it was about are still there.
      process.exit(1);
    },
  );
}
