/**
 * The clients, brought to a folder of the judge's own: Go programs of fixed versions, a virtual environment for Python, and
 * Debian's packages where their command is missing. What is there already is not fetched again.
 */
import { existsSync, mkdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Finished, run } from "../lib/processes.ts";

const here = path.dirname(fileURLToPath(import.meta.url));
const protos = path.join(here, "../../../proto");

/** Kept from run to run. */
const cache = path.join(os.tmpdir(), "contender-judge-clients");

const goTools = {
  grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
  ghz: "github.com/bojand/ghz/cmd/ghz@v0.121.0",
};
const debianTools = { nghttp: "nghttp2-client", curl: "curl" };
/** Of one installation; most goes by while Go compiles grpcurl, on two processors. */
const longestInstallMs = 240_000;

export type ToolName = keyof typeof goTools | keyof typeof debianTools | "peer" | "python";

/** The command of each tool, or why it can't be had. */
export type Tools = Readonly<Record<ToolName, { readonly command: string } | { readonly missing: string }>>;

/** Where the modules made from the vendored definitions are, for Python. */
export const stubs = path.join(cache, "stubs");

export async function installTools(): Promise<Tools> {
  mkdirSync(cache, { recursive: true });
  // Those that wait for the network run beside those that compile.
  const packages = installDebian();
  const python = attempt(installPython());
  const peer = await attempt(buildPeer());
  const grpcurl = await attempt(installGo("grpcurl"));
  const ghz = await attempt(installGo("ghz"));
  return { peer, grpcurl, ghz, python: await python, ...(await packages) };
}

async function attempt(installing: Promise<string>): Promise<Tools[ToolName]> {
  try {
    return { command: await installing };
  } catch (reason) {
    return { missing: reason instanceof Error ? reason.message : String(reason) };
  }
}

async function must(what: string, finishing: Promise<Finished>): Promise<void> {
  const { code, stdout, stderr } = await finishing;
  if (code !== 0) throw new Error(`${what}:\n${`${stderr}${stdout}`.trim().split("\n").slice(-8).join("\n")}`);
}

/** By version, so that a newer one does not find the older one's program. */
async function installGo(name: keyof typeof goTools): Promise<string> {
  const folder = path.join(cache, goTools[name].slice(goTools[name].lastIndexOf("/") + 1));
  const command = path.join(folder, name);
  if (existsSync(command)) return command;
  const env = { GOBIN: folder };
  const installed = run("go", ["install", goTools[name]], { env, timeoutMs: longestInstallMs });
  await must(`${name} can't be installed`, installed);
  return command;
}

/** Always built: Go knows what has changed, and is done in no time where nothing has. */
async function buildPeer(): Promise<string> {
  const command = path.join(cache, "peer");
  const built = run("go", ["build", "-o", command, "."], { cwd: path.join(here, "peer"), timeoutMs: longestInstallMs });
  await must("the Go peer can't be built", built);
  return command;
}

async function installPython(): Promise<string> {
  const python = path.join(cache, "venv/bin/python");
  const requirements = path.join(here, "requirements.txt");
  if (!existsSync(python)) {
    await must("no virtual environment", run("python3", ["-m", "venv", path.join(cache, "venv")]));
  }
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
  await must("grpcio can't be installed", run(python, install, { timeoutMs: longestInstallMs }));
  await must("the definitions do not compile", run(python, ["-c", compileAll, protos, stubs]));
  return python;
}

/** The vendored definitions in the folders of proto/, with the modules' folder as its last argument: models' callers speak no other. */
const compileAll = `
import pathlib, sys
from grpc_tools import protoc
protos, stubs = map(pathlib.Path, sys.argv[1:])
stubs.mkdir(exist_ok=True)
folders = [origin.parent for origin in protos.glob("*/ORIGIN.md")]
files = [str(file.relative_to(folder)) for folder in folders for file in folder.rglob("*.proto")]
includes = [f"-I{folder}" for folder in folders] + [f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}"]
sys.exit(protoc.main(["protoc", *includes, f"--python_out={stubs}", f"--grpc_python_out={stubs}", *files]))
`;

async function installDebian(): Promise<Pick<Tools, keyof typeof debianTools>> {
  const has = async (name: string) => (await run(name, ["--version"])).code === 0;
  const there = { nghttp: await has("nghttp"), curl: await has("curl") };
  const names = Object.keys(debianTools) as (keyof typeof debianTools)[];
  const lacking = names.filter((name) => !there[name]);
  const installing = lacking.length === 0 ? undefined : aptInstall(lacking.map((name) => debianTools[name]));
  const tool = (name: keyof typeof debianTools) =>
    there[name] ? { command: name } : attempt((installing ?? Promise.resolve()).then(() => name));
  return { nghttp: await tool("nghttp"), curl: await tool("curl") };
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const apt = (...args: string[]) => {
    const [command = "", ...rest] = [...asRoot, "apt-get", ...args];
    return run(command, rest, { env: { DEBIAN_FRONTEND: "noninteractive" }, timeoutMs: longestInstallMs });
  };
  await must("apt-get update", apt("update", "-qq"));
  await must(
    `apt-get install ${packages.join(" ")}`,
    apt("install", "-y", "-qq", "--no-install-recommends", ...packages),
  );
}
