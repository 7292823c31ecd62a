/** What stands above and below a command's options in its help. */
import type { Command } from "commander";

/** Beyond it lines are hard to read, however wide a terminal is; what goes to a file or a pager is as wide. */
const widest = 100;
const narrowest = 60;

/** A column of text may be that narrow before commander gives up and breaks nothing. */
export const narrowestText = 20;

export const helpWidth = (columns: number | undefined): number =>
  Math.min(Math.max(columns ?? widest, narrowest), widest);

/** A list of names and what each is, in the form and width of the command's own help. */
export function helpList(command: Command, heading: string, items: readonly (readonly [string, string])[]): string {
  const help = command.createHelp();
  const width = Math.max(...items.map(([name]) => name.length));
  const lines = items.map(([name, about]) => help.formatItem(name, width, about, help));
  return ["", heading, ...lines].join("\n");
}

/** Lines joined to paragraphs, which commander breaks to the terminal's width; an empty line parts them. */
export function paragraphs(text: string): string {
  return text.replace(/(\S)\n(?=\S)/g, "$1 ");
}

/** The examples under a command's help: what it does, then the line to type. */
export function examples(...pairs: readonly (readonly [string, string])[]): string {
  return ["", "Examples:", ...pairs.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`])].join("\n");
}
