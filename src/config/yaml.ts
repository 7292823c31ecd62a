/**
 * Text to plain values, with the line of every path. JSON is read by the same parser, as it is YAML.
 *
 * YAML 1.2's core schema and nothing more: no merge keys, no custom tags, duplicate keys refused, aliases bounded. Maps
 * come out as `Map`, which keeps the document's order whatever the keys look like.
 */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  visit,
} from "yaml";
import type { Path } from "./decode.ts";

export interface ParsedDocument {
  readonly value: unknown;
  /** The document alone, as it was written: comments are part of it, the `---` around it are not. */
  readonly text: string;
  /** Line, from 1, of the value at `path`, or of the nearest thing around it that exists. */
  lineOf(path: Path): number;
  /** What the parser itself refuses, with its place. */
  readonly errors: readonly ParseError[];
}

export interface ParseError {
  readonly line: number;
  readonly path: Path;
  readonly message: string;
}

/** What is said of a key that a map has twice. */
export const twiceMessage = "this key is there twice";

/** A ConfigMap holds 1 MiB at most, all keys together: https://kubernetes.io/docs/concepts/configuration/configmap/ */
export const largestTextBytes = 1_048_576;

/** A route needs few repeats; the limit is what keeps nested aliases from growing without bound. */
const maxAliasCount = 100;

/** Reads every document of a text; empty ones (comments, a trailing `---`) are left out. */
export function parseDocuments(text: string): ParsedDocument[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  if (!Array.isArray(documents)) return [];
  const parsed = documents.map((document, index) => {
    const own = text.slice(documents[index - 1]?.range[2] ?? 0, document.range[2]);
    return readDocument(own.replace(/^---\s/, "").replace(/^\.\.\.\s*$/m, ""), document, lines);
  });
  return parsed.filter(({ value, errors }) => errors.length > 0 || (value !== null && value !== undefined));
}

function readDocument(text: string, document: Document.Parsed, lines: LineCounter): ParsedDocument {
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const errorAt = (offset: number, message: string): ParseError => {
    return { line: lineAt(offset), path: pathAt(document.contents, offset), message: oneLine(message) };
  };
  const errors = [...document.errors, ...document.warnings].map((error) => {
    const twice = error.code === "DUPLICATE_KEY";
    return errorAt(error.pos[0], twice ? twiceMessage : error.message);
  });
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      errors.push(errorAt(alias.range?.[0] ?? 0, `there is no anchor for the alias "*${alias.source}" before it`));
    },
  });
  let value: unknown = null;
  if (errors.length === 0) {
    try {
      value = document.toJS({ mapAsMap: true, maxAliasCount });
    } catch (reason) {
      // Aliases of aliases are counted here and not by the parser: a small text must not become a large document.
      const message = reason instanceof Error ? reason.message : String(reason);
      errors.push({ line: lineAt(firstToken(document)), path: [], message: oneLine(message) });
    }
  }
  return {
    value,
    text,
    errors,
    lineOf: (path) => lineAt(offsetOf(document.contents, path) ?? firstToken(document)),
  };
}

const oneLine = (message: string): string => message.replace(/\s+/g, " ").trim();

const firstToken = (document: Document.Parsed): number =>
  isNode(document.contents) ? document.contents.range[0] : document.range[0];

/** The path of the innermost key or element that begins at `offset` or holds it. */
function pathAt(root: ParsedNode | null, offset: number): Path {
  const path: (string | number)[] = [];
  let node: unknown = root;
  for (;;) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => isNode(key) && key.range && key.range[0] <= offset);
      if (pair === undefined) return path;
      path.push(String(isScalar(pair.key) ? pair.key.value : pair.key));
      if (isNode(pair.key) && pair.key.range && offset < pair.key.range[1]) return path;
      next = pair.value;
    } else if (isSeq(node)) {
      const index = node.items.findLastIndex((item) => isNode(item) && item.range && item.range[0] <= offset);
      if (index < 0) return path;
      path.push(index);
      next = node.items[index];
    } else return path;
    node = next;
  }
}

/** Where `path` starts in the text: a map's entry at its key, a list's at its value. */
function offsetOf(root: ParsedNode | null, path: Path): number | undefined {
  let node: unknown = root;
  let offset = root?.range[0];
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      next = pair.value;
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
      if (!isNode(next) || !next.range) break;
      offset = next.range[0];
    } else break;
    node = next;
  }
  return offset;
}
