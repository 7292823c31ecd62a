/** Changes to a document's text that leave the rest of it as it was written. */
import { isMap, parseDocument } from "yaml";

/** A route's document with other weights, and everything else as it was: comments, order, quotes. For texts that have been read before. */
export function withWeights(text: string, weights: readonly (readonly [variant: string, weight: number])[]): string {
  const document = parseDocument(text, { version: "1.2", schema: "core", merge: false });
  const node = document.createNode(new Map(weights));
  // On one line, as people write them.
  if (isMap(node)) node.flow = true;
  document.setIn(["spec", "weights"], node);
  return document.toString({ lineWidth: 0 });
}
