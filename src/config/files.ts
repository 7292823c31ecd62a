/**
 * Texts of route files to a snapshot. Reading the texts is `sources/file.ts`' business: this is pure, and `check`, the
 * watcher and tests share it.
 */
import type { Problem } from "../base/parsed.ts";
import { type Fault, type Path, pathText } from "./decode.ts";
import { decodeRoute } from "./route-document.ts";
import type { RouteDraft } from "./route-draft.ts";
import { judgeRoute, type Surroundings } from "./route-rules.ts";
import { assemble, type Candidate, type Loaded } from "./snapshot.ts";
import { largestTextBytes, type ParsedDocument, readDocuments } from "./yaml.ts";

export interface RouteText {
  /** As problems shall name it. */
  readonly name: string;
  readonly text: string;
}

/** A route that was read, before it is judged together with others. */
export interface WrittenRoute extends Candidate {
  readonly draft: RouteDraft;
  /** Its document alone. */
  readonly text: string;
}

/** What texts hold: routes, each judged alone, and what is wrong or doubtful about them. */
export interface WrittenRoutes {
  readonly candidates: readonly WrittenRoute[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Reads the routes of all `texts`; what one holds is judged together with what the others hold. */
export function loadTexts(source: string, texts: readonly RouteText[], around: Surroundings): Loaded {
  const { candidates, problems, warnings } = readTexts(source, texts, around);
  return assemble(source, candidates, problems, warnings);
}

/** Reads the routes of all `texts`, each judged alone. */
export function readTexts(source: string, texts: readonly RouteText[], around: Surroundings): WrittenRoutes {
  const reading = readingTexts(source, texts, around);
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return value;
  }
}

/** The same, a piece at a time: where it yields, whoever reads may stop for a while. */
export function* readingTexts(
  source: string,
  texts: readonly RouteText[],
  around: Surroundings,
): Generator<void, WrittenRoutes> {
  const reader = new Texts(around);
  for (const text of texts) yield* reader.read(text);
  if (reader.candidates.length === 0 && reader.problems.length === 0) {
    reader.problems.push({ path: "", message: "there is no route document", where: texts[0]?.name ?? source });
  }
  return reader;
}

class Texts implements WrittenRoutes {
  readonly candidates: WrittenRoute[] = [];
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  *read({ name, text }: RouteText): Generator<void> {
    const bytes = Buffer.byteLength(text);
    if (bytes > largestTextBytes) {
      this.problems.push({ path: "", message: `want at most ${largestTextBytes} bytes, got ${bytes}`, where: name });
      return;
    }
    const documents: ParsedDocument[] = [];
    for (const document of readDocuments(text)) {
      if (document !== undefined) documents.push(document);
      yield;
    }
    for (const [index, document] of documents.entries()) {
      this.#document(name, document, documents.length > 1 ? [`documents[${index}]`] : []);
      yield;
    }
  }

  #document(file: string, document: ParsedDocument, prefix: readonly string[]): void {
    const locate = (path: Path, message: string): Problem => ({
      path: [...prefix, pathText(path)].filter((part) => part !== "").join("."),
      message,
      where: `${file}:${document.lineOf(path)}`,
    });
    for (const { line, path, message } of document.errors) {
      this.problems.push({ ...locate(path, message), where: `${file}:${line}` });
    }
    if (document.errors.length > 0) return;
    const shape: Fault[] = [];
    const draft = decodeRoute(document.value, shape);
    const judged = draft === undefined ? undefined : judgeRoute(draft, shape, this.#around);
    const faults = [...shape, ...(judged?.faults ?? [])];
    const lined = faults.map((fault) => ({ ...fault, line: document.lineOf(fault.path) }));
    lined.sort((a, b) => a.line - b.line);
    for (const { path, message } of lined) this.problems.push(locate(path, message));
    if (judged === undefined || draft === undefined) return;
    // What is doubtful about a route that must be mended anyway is noise.
    if (faults.length === 0) this.warnings.push(...judged.warnings.map(({ path, message }) => locate(path, message)));
    const comparable = !shape.some(({ path: [, section] }) => section === "match" || section === "default");
    const { text } = document;
    this.candidates.push({ route: judged.route, draft, text, locate, default: draft.default, comparable });
  }
}
