/** `contender completion`: the command line at the press of a key. */
import { Argument, Command } from "commander";
import { commandTree } from "./command-tree.ts";
import { completionScript, type Shell, shells } from "./completion-scripts.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";

/** @param program with all its commands by the time that this one runs */
export function completionCommand(program: Command, io: Io, finish: (code: number) => void): Command {
  return new Command("completion")
    .summary("print a script that completes the command line in a shell")
    .description(
      paragraphs(`Prints a script that completes commands, flags and their values in bash, zsh or fish. Names of routes, and of the variants of a
route that is given weights, are asked of the config service, for a second at most, where CONTENDER_CONTROL names one. Print
it anew after an update.

In a clone, where the program is npx contender, bash and fish complete that as well. For zsh, make a function of it.`),
    )
    .addArgument(new Argument("<SHELL>", "which shell").choices(shells))
    .addHelpText(
      "after",
      examples(
        ["bash, in ~/.bashrc", "source <(contender completion bash)"],
        ["zsh, once, into a folder of fpath", `contender completion zsh > "\${fpath[1]}/_contender"`],
        ["in a clone, bash", "source <(npx contender completion bash)"],
        [
          "in a clone, zsh, after compinit",
          'contender() { npx contender "$@" }; source <(npx contender completion zsh)',
        ],
        ["fish, once", "contender completion fish > ~/.config/fish/completions/contender.fish"],
      ),
    )
    .action((shell: Shell) => {
      io.out(completionScript(shell, commandTree(program)));
      finish(0);
    });
}
