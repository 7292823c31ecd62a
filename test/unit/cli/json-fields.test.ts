import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Administration } from "../../../src/model/administration.ts";
import { atMs, author, changed, routeState, routeText, scripted, sidecar } from "../../support/administration.ts";
import { contender } from "../../support/cli.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tableRows } from "../../support/markdown.ts";

/** What is said of a value: nothing, what its elements are, or what its fields are; a field in capitals stands for any name. */
type Shape = undefined | [Shape] | Map<string, Shape>;

/** Reads `{name, list: [{a, b}], shares: {VARIANT: share}}`. */
function readShape(text: string): Shape {
  const tokens = text.match(/[{}[\]]|\w+:?/g) ?? [];
  const read = (): Shape => {
    const token = tokens.shift();
    if (token === "[") {
      const of = read();
      tokens.shift();
      return [of];
    }
    if (token !== "{") return undefined;
    const fields = new Map<string, Shape>();
    for (let name = tokens.shift(); name !== undefined && name !== "}"; name = tokens.shift()) {
      fields.set(name.replace(":", ""), name.endsWith(":") ? read() : undefined);
    }
    return fields;
  };
  return read();
}

const isMap = (shape: Shape): shape is Map<string, Shape> => shape instanceof Map;

function said(shape: Shape, at = ""): string[] {
  if (isMap(shape)) return [...shape].flatMap(([name, of]) => said(of, `${at}.${name}`));
  return shape === undefined ? [at] : said(shape[0], `${at}[]`);
}

/** As `said` has it: the path of every value that is printed. */
function printed(value: unknown, shape: Shape, at = ""): string[] {
  if (Array.isArray(value))
    return value.flatMap((each) => printed(each, isMap(shape) ? undefined : shape?.[0], `${at}[]`));
  if (typeof value !== "object" || value === null) return [at];
  const fields = isMap(shape) ? shape : new Map<string, Shape>();
  const any = [...fields.keys()].find((name) => name === name.toUpperCase());
  return Object.entries(value).flatMap(([name, of]) => printed(of, fields.get(any ?? name), `${at}.${any ?? name}`));
}

const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort();

/** `{…}` with which a text begins. */
function braces(text: string): string {
  let depth = 0;
  const end = [...text].findIndex((char) => {
    depth += char === "{" ? 1 : char === "}" ? -1 : 0;
    return depth === 0;
  });
  return text.slice(0, end + 1);
}

/** The fields that a command's help tells, those of --wait apart. */
async function fieldsOf(command: string): Promise<{ always: string; waited: string }> {
  const help = (await contender([...command.split(" "), "--help"], { columns: 100 })).out.replace(/\s+/g, " ");
  const [, always = "", waited = ""] =
    /--json print (\{.*?)(?:; with --wait also waited: (\{.*))?(?: -h, --help|$)/.exec(help) ?? [];
  return { always: braces(always), waited: braces(waited) };
}

const problems = [{ path: "spec", message: "is odd", where: "fraud.yaml:4" }];
const change = changed({ warnings: problems, withheldFrom: ["fraud-0"] });
const entry = { revision: 12, kind: "weights", author: author(), document: routeText };
const { weights, table } = routeState();
const rejecting = sidecar({ instance: "i-2", state: "rejected", revision: 11, problems });
const everybody = [
  sidecar({ withheld: [{ route: "loans", capabilities: ["ttl"] }] }),
  rejecting,
  sidecar({ instance: "i-3", state: "gone", revision: 11 }),
];
const answers: Partial<Administration> = {
  apply: () => Promise.resolve(change),
  setWeights: () => Promise.resolve(change),
  undo: () => Promise.resolve(change),
  delete: () => Promise.resolve(change),
  get: () =>
    Promise.resolve(
      routeState({
        document: `${routeText}  shadows: { v42: { percent: 100 } }\n`.replace("v42: 10", "v42: 0"),
        table,
      }),
    ),
  list: () => Promise.resolve({ routes: [routeState()], revision: 12 }),
  history: () => Promise.resolve([{ ...entry, weights, moves: [{ from: "v41", to: "v42", slots: 1 }] }]),
  sidecars: () => Promise.resolve({ sidecars: everybody, revision: 12 }),
};

const env = { CONTENDER_CONTROL: "127.0.0.1:7410" };

async function answer(argv: readonly string[]): Promise<unknown> {
  const clock = new ManualClock({ wallMs: atMs(0) });
  const { out } = await contender([...argv, "--json"], {
    env,
    handlers: scripted(answers).handlers,
    stdin: routeText,
    clock,
  });
  return JSON.parse(out);
}

const lines: readonly (readonly [string, ...string[]])[] = [
  ["route apply", "-f", "-"],
  ["route weights", "fraud", "v41=1"],
  ["route undo", "fraud"],
  ["route delete", "fraud"],
  ["route get", "fraud"],
  ["route list"],
  ["route history", "fraud"],
  ["fleet"],
  ["why", "fraud", "--key", "k"],
];

describe("what commands print with --json", () => {
  for (const [command, ...rest] of lines) {
    const words = command.split(" ");

    it(`has the fields that the help of ${command} tells, and no others`, async () => {
      const shape = readShape((await fieldsOf(command)).always);
      assert.deepEqual(sorted(printed(await answer([...words, ...rest]), shape)), sorted(said(shape)));
    });
  }

  for (const [command, ...rest] of lines.slice(0, 3)) {
    it(`tells of the sidecars that ${command} waited for what its help says`, async () => {
      const { always, waited } = await fieldsOf(command);
      const shape = readShape(`${always.slice(0, -1)}, waited: ${waited}}`);
      assert.deepEqual(
        sorted(printed(await answer([...command.split(" "), ...rest, "--wait"]), shape)),
        sorted(said(shape)),
      );
    });
  }

  it("stands in docs/control.md as it does in the help of each command", async () => {
    const page = readFileSync(new URL("../../../docs/control.md", import.meta.url), "utf8");
    const [, programs = ""] = page.split("\n### For programs\n");
    const rows = tableRows(programs.split("\n### ")[0] ?? "");
    const first = (cell = ""): string => /`(.*?)`/.exec(cell)?.[1] ?? "";
    const told = rows.flatMap(([commands = "", fields]) =>
      [...commands.matchAll(/`contender (.*?)`/g)].map(([, command = ""]) => [command, first(fields)] as const),
    );
    const helps = lines.map(async ([command]) => [command, (await fieldsOf(command)).always] as const);
    assert.deepEqual(new Map(told), new Map(await Promise.all(helps)));
    assert.ok(programs.includes(`\`${(await fieldsOf("route apply")).waited}\``));
  });
});
