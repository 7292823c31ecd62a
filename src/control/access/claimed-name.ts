/** The name that a caller gives itself, where nobody can be asked for more. */

const longest = 100;

/** Ends with a question mark, which no name by certificate or token does. */
export function doubtfulName(claimed: unknown): string {
  const plain = typeof claimed === "string" ? claimed.replace(/[^ -~]/g, "").slice(0, longest) : "";
  return `${plain === "" ? "somebody" : plain}?`;
}
