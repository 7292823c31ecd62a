/** What stands above and below a command's options in its help. */

/** Lines joined to paragraphs, which commander breaks to the terminal's width; an empty line parts them. */
export function paragraphs(text: string): string {
  return text.replace(/(\S)\n(?=\S)/g, "$1 ");
}

/** The examples under a command's help: what it does, then the line to type. */
export function examples(...pairs: readonly (readonly [string, string])[]): string {
  return ["", "Examples:", ...pairs.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`])].join("\n");
}
