/**
 * Text to plain values, with the line of every path. JSON is read by the same parser, as it is YAML.
 *
 * YAML 1.2's core schema and nothing more: no merge keys, no custom tags, duplicate keys refused, aliases bounded. Maps
 * come out as `Map`, which keeps the document's order whatever the keys look like.
 */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  visit,
  type YAMLMap,
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

/** Within each other: a route has eight levels. What is deeper is nothing of ours, and takes time that grows with the square of it. */
const mostLevels = 100;

/** Of one document; after so many nobody reads on, and each has a place that has to be found. */
const mostErrors = 100;

/** Pieces of text that are read between two places to stop: about a millisecond. */
const piecesAtOnce = 1_024;

/** Reads every document of a text; empty ones (comments, a trailing `---`) are left out. */
export function parseDocuments(text: string): ParsedDocument[] {
  return [...readDocuments(text)].filter((document) => document !== undefined);
}

/** The same, piece by piece: undefined where whoever reads may stop for a while. */
export function* readDocuments(text: string): Generator<ParsedDocument | undefined> {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    // It compares each key with each other one; `faultsOf` looks them up.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  let from = 0;
  const read = (document: Document.Parsed): ParsedDocument | undefined => {
    const own = text.slice(from, document.range[2]);
    from = document.range[2];
    const parsed = readDocument(own.replace(/^---\s/, "").replace(/^\.\.\.\s*$/m, ""), document, lines);
    const { value, errors } = parsed;
    return errors.length > 0 || (value !== null && value !== undefined) ? parsed : undefined;
  };
  let pieces = 0;
  for (const piece of new Lexer().lex(text)) {
    for (const token of parser.next(piece)) for (const document of composed(composer.next(token))) yield read(document);
    if (parser.stack.length > mostLevels + 1) {
      yield tooDeep(lines.lineStarts.length);
      return;
    }
    if (++pieces % piecesAtOnce === 0) yield undefined;
  }
  for (const token of parser.end()) for (const document of composed(composer.next(token))) yield read(document);
  for (const document of composed(composer.end())) yield read(document);
}

/** An error is an object with a trace of calls, which is most of what a text that is nothing but errors costs. Nobody reads those traces. */
function composed(documents: Iterable<Document.Parsed>): Document.Parsed[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return [...documents];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function tooDeep(line: number): ParsedDocument {
  const message = `want at most ${mostLevels} levels within each other`;
  return { value: null, text: "", lineOf: () => line, errors: [{ line, path: [], message }] };
}

function readDocument(text: string, document: Document.Parsed, lines: LineCounter): ParsedDocument {
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const faults = [
    ...[...document.errors, ...document.warnings].map(({ pos, message }) => ({ offset: pos[0], message })),
    ...faultsOf(document),
  ];
  const errors = faults.slice(0, mostErrors).map(
    ({ offset, message }): ParseError => ({
      line: lineAt(offset),
      path: pathAt(document.contents, offset),
      message: oneLine(message),
    }),
  );
  const [more] = faults.slice(mostErrors);
  if (more !== undefined) {
    const message = `and ${faults.length - mostErrors} more`;
    errors.push({ line: lineAt(more.offset), path: [], message });
  }
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
  const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, unknown>>();
  return {
    value,
    text,
    errors,
    lineOf: (path) => lineAt(offsetOf(document.contents, path, pairs) ?? firstToken(document)),
  };
}

/** What the parser lets through: keys that are there twice, and aliases of nothing. */
function faultsOf(document: Document.Parsed): { readonly offset: number; readonly message: string }[] {
  const faults: { offset: number; message: string }[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        if (anchors.has(node.source)) return;
        const message = `there is no anchor for the alias "*${node.source}" before it`;
        faults.push({ offset: node.range?.[0] ?? 0, message });
        return;
      }
      if (node.anchor !== undefined) anchors.add(node.anchor);
      if (isMap(node)) for (const offset of twice(node)) faults.push({ offset, message: twiceMessage });
    },
  });
  return faults;
}

/** Where the keys are that a map has already. */
function* twice({ items }: YAMLMap): Iterable<number> {
  const seen = new Set<unknown>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) yield key.range?.[0] ?? 0;
    seen.add(key.value);
  }
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
function offsetOf(
  root: ParsedNode | null,
  path: Path,
  known: WeakMap<YAMLMap, ReadonlyMap<string, unknown>>,
): number | undefined {
  let node: unknown = root;
  let offset = root?.range[0];
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) {
      const pairs = known.get(node) ?? pairsOf(node);
      known.set(node, pairs);
      const pair = pairs.get(String(step)) as YAMLMap["items"][number] | undefined;
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

/** By their keys; of a key that is there twice the first. */
function pairsOf({ items }: YAMLMap): ReadonlyMap<string, unknown> {
  const pairs = new Map<string, unknown>();
  for (const pair of items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
    if (key !== undefined && !pairs.has(key)) pairs.set(key, pair);
  }
  return pairs;
}
