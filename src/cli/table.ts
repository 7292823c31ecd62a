/**
 * Tables for people: columns as wide as their widest cell, two spaces apart. Where the terminal is narrower, the last column gives way.
 */

export interface Column {
  readonly head: string;
  readonly right?: true;
}

/** Below it a cut text says nothing any more. */
const narrowest = 8;

/** @param width of the terminal; undefined cuts nothing */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width?: number): string {
  const cells = [columns.map(({ head }) => head), ...rows.map((row) => row.map(plain))];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => lengthOf(row[at] ?? ""))));
  const last = columns.length - 1;
  const before = widths.slice(0, last).reduce((sum, each) => sum + each + 2, 0);
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(narrowest, width - before);
  const line = (row: readonly string[]): string => {
    const parts = columns.map(({ right }, at) => {
      const text = at === last ? cut(row[at] ?? "", room) : (row[at] ?? "");
      const space = " ".repeat(Math.max(0, (widths[at] ?? 0) - lengthOf(text)));
      return right === true ? space + text : at === last ? text : text + space;
    });
    return `${parts.join("  ").trimEnd()}\n`;
  };
  return cells.map(line).join("");
}

/** One line without control characters: what others wrote must not move a terminal's cursor. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
}

const lengthOf = (text: string): number => [...text].length;

function cut(text: string, most: number): string {
  return lengthOf(text) <= most ? text : `${[...text].slice(0, most - 1).join("")}…`;
}

/** `65,536`. */
export const grouped = (count: number): string => count.toLocaleString("en-US");
