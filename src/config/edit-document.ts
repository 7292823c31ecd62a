/** Changes to a document's text that leave the rest of it as it was written. */
import { type Document, isMap, isScalar, type ParsedNode, parseDocument } from "yaml";

/**
 * A route's document with other weights, and every other character as it was. For texts that have been read before.
 *
 * The weights stand on one line afterwards, as people write them. Where the document has none they come behind the champion.
 */
export function withWeights(text: string, weights: readonly (readonly [variant: string, weight: number])[]): string {
  const document = parseDocument(text, { version: "1.2", schema: "core", merge: false, uniqueKeys: false });
  const spec = document.get("spec", true);
  const pairs = isMap(spec) ? spec.items : [];
  const weighted = pairs.find(({ key }) => isScalar(key) && key.value === "weights");
  const json = text.trimStart().startsWith("{");
  const line = flowMap(weights, json);
  const there = rangeOf(weighted?.value);
  // A block's end is behind its last line break.
  if (there !== undefined) return splice(text, there[0], there[0] + text.slice(...there).trimEnd().length, line);
  const champion = pairs.find(({ key }) => isScalar(key) && key.value === "champion");
  const [from] = rangeOf(champion?.key) ?? [];
  const [, to] = rangeOf(champion?.value) ?? [];
  if (from === undefined || to === undefined || (weighted !== undefined && there === undefined))
    return rewritten(document, weights);
  if (isMap(spec) && spec.flow === true)
    return splice(text, to, to, json ? `, "weights": ${line}` : `, weights: ${line}`);
  const indentation = " ".repeat(from - (text.lastIndexOf("\n", from - 1) + 1));
  const end = text.indexOf("\n", to);
  const at = end < 0 ? text.length : end;
  return splice(text, at, at, `\n${indentation}weights: ${line}`);
}

/** What a document of an odd shape (an alias, an empty value) comes to: as the library would write it. */
function rewritten(document: Document, weights: readonly (readonly [string, number])[]): string {
  const node = document.createNode(new Map(weights));
  if (isMap(node)) node.flow = true;
  document.setIn(["spec", "weights"], node);
  return document.toString({ lineWidth: 0 });
}

function rangeOf(node: unknown): readonly [number, number] | undefined {
  const { range } = (node ?? {}) as Partial<ParsedNode>;
  return range == null || range[1] <= range[0] ? undefined : [range[0], range[1]];
}

const splice = (text: string, from: number, to: number, put: string): string =>
  text.slice(0, from) + put + text.slice(to);

/** A name of digits alone would be a number to YAML, and its text is the same; what else could be misread is quoted. */
function flowMap(weights: readonly (readonly [string, number])[], json: boolean): string {
  const name = (text: string): string => (json || !/^[a-z0-9][-a-z0-9.]*$/.test(text) ? JSON.stringify(text) : text);
  return `{ ${weights.map(([variant, weight]) => `${name(variant)}: ${weight}`).join(", ")} }`;
}
