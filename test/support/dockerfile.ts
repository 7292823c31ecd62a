/**
 * Reads the part of the Dockerfile language that this project's image uses, so that its steps can be checked where no
 * container engine runs. What it does not know it refuses: a step that is silently left out would be a check that lies.
 */

export type Step =
  | { readonly kind: "workdir"; readonly path: string }
  | {
      readonly kind: "copy";
      readonly from: string | undefined;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly kind: "run"; readonly command: string }
  | { readonly kind: "env"; readonly name: string; readonly value: string };

export interface Stage {
  /** What later stages call it; its number where it has no name. */
  readonly name: string;
  readonly base: string;
  readonly steps: readonly Step[];
  readonly user: string | undefined;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
  readonly exposes: readonly number[];
  readonly stopSignal: string | undefined;
}

type Draft = { -readonly [K in keyof Stage]: Stage[K] } & { steps: Step[] };

/** @throws Error with the line, for an instruction, a flag or a form that is not known here */
export function parseDockerfile(text: string): Stage[] {
  const stages: Draft[] = [];
  for (const line of logicalLines(text)) {
    const [, word = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    const stage = stages.at(-1);
    if (word.toUpperCase() === "FROM") stages.push(newStage(rest, stages.length, line));
    else if (stage === undefined) throw new Error(`before the first FROM: ${line}`);
    else instruct(stage, word.toUpperCase(), rest, line);
  }
  return stages;
}

/** Lines without comments, continued ones joined. */
function logicalLines(text: string): string[] {
  const kept = text.split("\n").filter((line) => !line.trimStart().startsWith("#"));
  return kept
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function newStage(rest: string, index: number, line: string): Draft {
  const [, base, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? [];
  if (base === undefined || base.startsWith("--")) throw new Error(`not understood: ${line}`);
  const nothing = { user: undefined, entrypoint: [], cmd: [], healthcheck: [], exposes: [], stopSignal: undefined };
  return { name: name ?? String(index), base, steps: [], ...nothing };
}

function instruct(stage: Draft, word: string, rest: string, line: string): void {
  switch (word) {
    case "WORKDIR":
      stage.steps.push({ kind: "workdir", path: rest });
      break;
    case "COPY":
      stage.steps.push(readCopy(rest, line));
      break;
    case "RUN":
      if (/^(\[|--|<<)/.test(rest)) throw new Error(`RUN takes a plain shell command here: ${line}`);
      stage.steps.push({ kind: "run", command: rest });
      break;
    case "ENV":
      stage.steps.push(...readPairs(rest, line).map(([name, value]) => ({ kind: "env", name, value }) as const));
      break;
    case "LABEL":
      readPairs(rest, line);
      break;
    case "USER":
      stage.user = rest;
      break;
    case "EXPOSE":
      stage.exposes = rest.split(/\s+/).map(Number);
      break;
    case "STOPSIGNAL":
      stage.stopSignal = rest;
      break;
    case "HEALTHCHECK":
      stage.healthcheck = readExec(rest.replace(/^(--\S+\s+)*CMD\s+/, ""), line);
      break;
    case "ENTRYPOINT":
      stage.entrypoint = readExec(rest, line);
      break;
    case "CMD":
      stage.cmd = readExec(rest, line);
      break;
    default:
      throw new Error(`not understood: ${line}`);
  }
}

function readCopy(rest: string, line: string): Step {
  const words = rest.split(/\s+/);
  const flags = words.filter((word) => word.startsWith("--"));
  const paths = words.slice(flags.length);
  const from = flags[0]?.startsWith("--from=") ? flags[0].slice("--from=".length) : undefined;
  const target = paths.pop();
  const understood = flags.length === (from === undefined ? 0 : 1) && !/[*?[\]]/.test(rest);
  if (!understood || target === undefined || paths.length === 0) throw new Error(`not understood: ${line}`);
  return { kind: "copy", from, sources: paths, target };
}

/** `NAME=value` or `NAME="a value"`, any number of them. */
function readPairs(rest: string, line: string): [name: string, value: string][] {
  const pair = /([\w.]+)=(?:"([^"\\]*)"|([^\s"\\]*))(?:\s+|$)/y;
  const pairs: [string, string][] = [];
  while (pair.lastIndex < rest.length) {
    const [, name = "", quoted, bare = ""] = pair.exec(rest) ?? [];
    if (name === "") throw new Error(`not understood: ${line}`);
    pairs.push([name, quoted ?? bare]);
  }
  return pairs;
}

/** The form without a shell, in which signals reach the program itself. */
function readExec(rest: string, line: string): string[] {
  if (!rest.startsWith("[")) throw new Error(`needs the form ["program", "argument"]: ${line}`);
  return JSON.parse(rest);
}

/**
 * Whether a path of the context reaches the builder past `.dockerignore`: the last line that matches decides. Known are
 * `*`, names and paths, each with everything below it, and `!` before one of them.
 */
export function admittedBy(dockerignore: string, path: string): boolean {
  const lines = logicalLines(dockerignore);
  return lines.reduce((admitted, line) => {
    const pattern = line.replace(/^!/, "");
    if (pattern !== "*" && /[*?[\\]/.test(pattern)) throw new Error(`.dockerignore: not understood: ${line}`);
    const matches = pattern === "*" || path === pattern || path.startsWith(`${pattern}/`);
    return matches ? line.startsWith("!") : admitted;
  }, true);
}
