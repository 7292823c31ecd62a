/**
 * Documents of a request, read in turns. A second and more is what a hostile text of some megabytes takes to read, and what an honest
 * one of fifty documents does; nobody else waits for it. What could not be applied anyhow is told from a glance at the text.
 */
import { ContenderError } from "../../base/errors.ts";
import type { Problem } from "../../base/parsed.ts";
import { type RouteText, readingTexts, type WrittenRoutes } from "../../config/files.ts";
import type { Turns } from "../turns.ts";
import { judgedAt } from "./route-set.ts";

/** Documents that are applied together; more would not fit into one commit of a store. */
export const mostDocuments = 50;

/** Of one document: it is kept beside the one before it, in one record. */
export const longestDocument = 131_072;

/** Lines that begin or end a document. There may be empty ones among them, which count for nothing. */
const mostMarkers = 256;
const marker = /^(?:---|\.\.\.)(?=\s|$)/gm;

/** Of a request that is refused. */
const mostProblems = 1_000;

/**
 * @param turns tells whether to go on at once
 * @param gone whether whoever asks does not wait any more
 * @throws ContenderError CONFLICT where they are gone.
 */
export async function readDocumentsOf(
  texts: readonly RouteText[],
  turns: Turns,
  gone: () => boolean,
): Promise<WrittenRoutes> {
  const problems = faultsOf(texts);
  if (problems.length > 0) return { candidates: [], problems, warnings: [] };
  const reading = readingTexts("request", texts, judgedAt);
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return { ...value, problems: few(value.problems) };
    if (!turns.over) continue;
    await turns.next();
    if (gone()) throw new ContenderError("CONFLICT", "nothing was changed: whoever asked for it has gone meanwhile");
  }
}

/** What is wrong with texts whatever is in them. */
function faultsOf(texts: readonly RouteText[]): Problem[] {
  const problems: Problem[] = [];
  let markers = 0;
  for (const { name, text } of texts) {
    let from = 0;
    const end = (at: number): void => {
      const bytes = Buffer.byteLength(text.slice(from, at));
      if (bytes > longestDocument) {
        const line = text.slice(0, from).split("\n").length;
        const message = `want at most ${longestDocument} bytes, got ${bytes}`;
        problems.push({ path: "", message, where: `${name}:${line}` });
      }
      from = at;
    };
    for (const { index } of text.matchAll(marker)) {
      if (++markers > mostMarkers) {
        return [{ path: "", message: `want at most ${mostDocuments} documents at once, got more`, where: name }];
      }
      end(index);
    }
    end(text.length);
  }
  return problems;
}

function few(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= mostProblems) return problems;
  const more = { path: "", message: `and ${problems.length - mostProblems} more problems` };
  return [...problems.slice(0, mostProblems), more];
}
