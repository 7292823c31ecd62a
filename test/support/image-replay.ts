/**
 * Carries out the steps of a Dockerfile in plain folders, one per stage, and starts what comes out: a check of the image's
 * contents without a container engine. The base image is stood in for by Node and npm of this machine and its system
 * tools; a stage's root begins empty.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, delimiter, join, posix } from "node:path";
import { admittedBy, parseDockerfile, type Stage, type Step } from "./dockerfile.ts";

export interface Image {
  readonly stage: Stage;
  /** Folder that stands for `/`. */
  readonly root: string;
  /** Of the final stage, as a path inside the image. */
  readonly workdir: string;
  /** What ENV sets, PATH left out. */
  readonly env: Readonly<Record<string, string>>;
  /** PATH with the image's own folders as they are on this machine. */
  readonly path: string;
}

interface Running {
  readonly root: string;
  workdir: string;
  readonly env: Record<string, string>;
}

/** The PATH that Debian's images start with. */
const basePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Builds the image of the Dockerfile in `context` under `work`, which must be empty.
 *
 * @throws Error for a step that fails, with what it printed
 */
export function replayImage(context: string, work: string): Image {
  const tools = layOutTools(join(work, "tools"));
  const admitted = (path: string) => admittedBy(readFileSync(join(context, ".dockerignore"), "utf8"), path);
  const stages = parseDockerfile(readFileSync(join(context, "Dockerfile"), "utf8"));
  const built = new Map<string, Running>();
  for (const stage of stages) {
    const running: Running = { root: join(work, stage.name), workdir: "/", env: { PATH: basePath } };
    mkdirSync(running.root);
    for (const step of stage.steps) carryOut(step, running, { context, admitted, tools, built });
    built.set(stage.name, running);
  }
  const stage = stages.at(-1);
  const last = built.get(stage?.name ?? "");
  if (stage === undefined || last === undefined) throw new Error("the Dockerfile has no stage");
  const { PATH: _, ...env } = last.env;
  return { stage, root: last.root, workdir: last.workdir, env, path: hostPath(last, tools) };
}

interface Surroundings {
  readonly context: string;
  readonly admitted: (path: string) => boolean;
  readonly tools: string;
  readonly built: ReadonlyMap<string, Running>;
}

function carryOut(step: Step, running: Running, around: Surroundings): void {
  switch (step.kind) {
    case "workdir":
      running.workdir = posix.resolve(running.workdir, step.path);
      mkdirSync(join(running.root, running.workdir), { recursive: true });
      break;
    case "env":
      running.env[step.name] = step.value.replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (_, bare, braced) => {
        return running.env[bare ?? braced] ?? "";
      });
      break;
    case "copy":
      copy(step, running, around);
      break;
    case "run":
      run(step.command, running, around);
      break;
  }
}

function copy(step: Extract<Step, { kind: "copy" }>, running: Running, around: Surroundings): void {
  const from = step.from === undefined ? undefined : around.built.get(step.from);
  if (step.from !== undefined && from === undefined) throw new Error(`COPY --from=${step.from}: no such stage`);
  const target = join(running.root, posix.resolve(running.workdir, step.target));
  const intoFolder = step.sources.length > 1 || /(^|\/)\.?\/?$/.test(step.target);
  for (const source of step.sources) {
    const origin = from === undefined ? join(around.context, source) : join(from.root, posix.resolve("/", source));
    const isLeftOut = (path: string) =>
      from === undefined && path !== "" && !around.admitted(posix.join(posix.normalize(source), path));
    if (!existsSync(origin) || isLeftOut(".")) throw new Error(`COPY ${source}: not in ${step.from ?? "the context"}`);
    const isFolder = statSync(origin).isDirectory();
    const destination = isFolder || !intoFolder ? target : join(target, basename(source));
    mkdirSync(isFolder ? destination : join(destination, ".."), { recursive: true });
    cpSync(origin, destination, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !isLeftOut(posix.relative(origin, path)),
    });
  }
}

function run(command: string, running: Running, { tools }: Surroundings): void {
  const ours = /^(npm_(lifecycle_|package_|config_local_prefix|command|execpath|node_execpath)|INIT_CWD|NODE_|MOCHA_)/;
  const host = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", command], {
    cwd: join(running.root, running.workdir),
    env: { ...host, ...running.env, PATH: hostPath(running, tools) },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`RUN ${command}: exit code ${status}\n${stdout}${stderr}`);
}

/** Folders that the image adds to PATH, in its root; Node before the system's own tools. */
function hostPath(running: Running, tools: string): string {
  const added = (running.env.PATH ?? "").split(":").filter((folder) => !basePath.split(":").includes(folder));
  return [...added.map((folder) => join(running.root, folder)), tools, "/usr/bin", "/bin"].join(delimiter);
}

/** Node and npm in a folder that any user may read, wherever this machine keeps them. */
function layOutTools(folder: string): string {
  mkdirSync(folder);
  copyFileSync(process.execPath, join(folder, "node"));
  chmodSync(join(folder, "node"), 0o755);
  const npm = process.env.npm_execpath ?? findOnPath("npm");
  symlinkSync(realpathSync(npm), join(folder, "npm"));
  return folder;
}

function findOnPath(name: string): string {
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not on the PATH`);
  return found;
}

/** Every file and link below `root`, with what tells a change of it. */
export function inventory(root: string): Map<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = lstatSync(path);
      return [path.slice(root.length), `${size} ${mtimeMs}`];
    }),
  );
}
