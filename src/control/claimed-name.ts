/** The name that a caller gives itself, where nobody can be asked for more. */
import type { AnyCall } from "./callers.ts";

/** Metadata under which commands say who types them. */
export const actorKey = "contender-actor";
const longest = 100;

/** Ends with a question mark, which no name by certificate or token does. */
export function userName(call: AnyCall): string {
  const [claimed] = call.metadata.get(actorKey);
  const plain = typeof claimed === "string" ? claimed.replace(/[^ -~]/g, "").slice(0, longest) : "";
  return `${plain === "" ? "somebody" : plain}?`;
}
