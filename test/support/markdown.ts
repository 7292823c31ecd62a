/**
 * The cells of every table row in a Markdown text, heads and rules left out. Enough for the pages of this project, where
 * no cell holds a `|` of its own.
 */
export function tableRows(text: string): string[][] {
  const isRule = (line: string) => /^\|[\s:|-]+\|$/.test(line);
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line, at) => line.startsWith("|") && !isRule(line) && !isRule(lines[at + 1] ?? ""))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}
