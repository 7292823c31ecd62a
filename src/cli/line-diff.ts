/** What changed between two documents, line by line: the longest common subsequence, and what is left of each side. */

/** Beyond it the table of the comparison would be large, and nobody reads that on a terminal anyway. */
const mostLines = 2_000;
/** Lines around a change that say where it is. */
const contextLines = 2;

/** Lines with `+`, `-` or a space in front; empty where both are the same. */
export function lineDiff(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  if (before === after) return [];
  if (a.length > mostLines || b.length > mostLines) return [`(more than ${mostLines} lines: not compared)`];
  return aroundChanges(compared(a, b));
}

function compared(a: readonly string[], b: readonly string[]): string[] {
  // lengths[i][j]: of the longest common subsequence of a from i on and b from j on.
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = lengths[i] as Uint16Array;
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i++]}`);
      j++;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) lines.push(`- ${a[i++]}`);
    else lines.push(`+ ${b[j++]}`);
  }
  return lines;
}

function aroundChanges(lines: readonly string[]): string[] {
  const near = (at: number): boolean =>
    lines.slice(Math.max(0, at - contextLines), at + contextLines + 1).some((line) => !line.startsWith("  "));
  const kept = lines.map((line, at) => (near(at) ? line : undefined));
  return kept.flatMap((line, at) =>
    line !== undefined ? [line] : at > 0 && kept[at - 1] === undefined ? [] : ["  …"],
  );
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
