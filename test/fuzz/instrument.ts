/**
 * Counters in the code under test: a hook of the module loader writes one into each block of `src/` as it is loaded, at the start
 * of what may run or not (blocks, branches of expressions, cases).
 *
 * V8's own counters (`node:inspector`) would need no change to the code. A look at them takes 10 ms with what the targets load,
 * as long as fifty inputs, and tells nothing of the single input; these cost an input a few microseconds.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "oxc-parser";

/** More than there are in all of `src/`. */
const mostBlocks = 1 << 16;
/** What instrumented code calls the counters. */
const name = "contenderReached";

/** Times that each block ran, up to 255 and round again. */
export const reached = new Uint8Array(mostBlocks);
let blocks = 0;

/** Counters in use. */
export function blockCount(): number {
  return blocks;
}

/** From now on, modules of `src/` that are loaded count. */
export function instrumentSources(): void {
  Object.assign(globalThis, { [name]: reached });
  registerHooks({
    load(url, context, next) {
      if (!url.includes("/src/") || url.includes("/node_modules/")) return next(url, context);
      const source = instrument(url, readFileSync(fileURLToPath(url), "utf8"));
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/** The same program with counters; lines stay where they are. */
function instrument(file: string, text: string): string {
  const insertions: [number, string][] = [];
  const mark = () => `${name}[${blocks++}]++`;
  /** Before a statement of its own, or around one that has no braces. */
  const statement = (node: Span | null | undefined) => {
    if (node === null || node === undefined) return;
    if (node.type === "BlockStatement") insertions.push([node.start + 1, `${mark()};`]);
    else insertions.push([node.start, `{${mark()};`], [node.end, "}"]);
  };
  const expression = (node: Span) => insertions.push([node.start, `(${mark()},`], [node.end, ")"]);
  const { program } = parseSync(file, text);
  new Visitor({
    FunctionDeclaration: ({ body }) => statement(body as Span | null),
    FunctionExpression: ({ body }) => statement(body as Span | null),
    ArrowFunctionExpression: ({ body }) => {
      if (body.type === "BlockStatement") statement(body);
    },
    IfStatement: ({ consequent, alternate }) => {
      statement(consequent);
      if (alternate !== null && alternate.type !== "IfStatement") statement(alternate);
    },
    WhileStatement: ({ body }) => statement(body),
    DoWhileStatement: ({ body }) => statement(body),
    ForStatement: ({ body }) => statement(body),
    ForOfStatement: ({ body }) => statement(body),
    SwitchCase: ({ consequent }) => {
      const [first] = consequent;
      if (first !== undefined) insertions.push([first.start, `${mark()};`]);
    },
    CatchClause: ({ body }) => statement(body),
    ConditionalExpression: ({ consequent, alternate }) => {
      expression(consequent);
      expression(alternate);
    },
    LogicalExpression: ({ right }) => expression(right),
  }).visit(program);
  // From the end, so that places stay right; of two at one place the one that was found later lies within the other.
  insertions.sort(([a], [b]) => b - a);
  let out = text;
  for (const [at, piece] of insertions) out = out.slice(0, at) + piece + out.slice(at);
  return out;
}
