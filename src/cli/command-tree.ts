/** What a shell has to know of the command line, taken from the commands themselves: a flag that is added is completed. */
import type { Argument, Command, Option } from "commander";
import { controlSettings } from "../config/control-settings.ts";
import { allSettings } from "../config/settings.ts";
import { flagOf } from "./setting-flags.ts";

/** What a value is: a path, a route's name, weights of its variants, one of some words, or anything. `optional` is anything, or none. */
export type Value = "file" | "route" | "weights" | "any" | "optional" | readonly string[];

export interface CommandNode {
  /** `contender route apply` */
  readonly path: string;
  readonly commands: readonly string[];
  /** Every spelling of every flag. */
  readonly flags: readonly { readonly name: string; readonly value: Value | undefined }[];
  /** In order; the last one goes on where `endless`. */
  readonly values: readonly Value[];
  readonly endless: boolean;
}

/** Every command that help shows, the program first. */
export function commandTree(command: Command, above = ""): CommandNode[] {
  const path = `${above}${command.name()}`;
  const help = command.createHelp();
  const visible = help.visibleCommands(command);
  // Commander's own `help` takes a command's name again; it is offered, and not walked into.
  const commands = visible.filter((each) => command.commands.includes(each));
  const values = command.registeredArguments.map((argument) => valueOfArgument(argument));
  // A flag that takes several values takes what stands where arguments would.
  const list = values.length === 0 ? command.options.find(({ variadic }) => variadic) : undefined;
  const several = list && valueOfFlag(list);
  const node: CommandNode = {
    path,
    commands: visible.map((each) => each.name()),
    flags: help.visibleOptions(command).flatMap((option) => {
      const value = valueOfFlag(option);
      return [option.short, option.long].flatMap((name) => (name == null ? [] : [{ name, value }]));
    }),
    values: several === undefined ? values : [several],
    endless: several !== undefined || command.registeredArguments.at(-1)?.variadic === true,
  };
  return [node, ...commands.flatMap((each) => commandTree(each, `${path} `))];
}

const wordsOfFlags = new Map(
  [...allSettings, ...controlSettings].flatMap((setting) => (setting.words ? [[flagOf(setting), setting.words]] : [])),
);

function valueOfFlag(option: Option): Value | undefined {
  const placeholder = /[<[](.*?)(?:\.\.\.)?[\]>]$/.exec(option.flags)?.[1];
  if (placeholder === undefined) return undefined;
  const words = option.argChoices ?? wordsOfFlags.get(option.long ?? "");
  if (words !== undefined) return words;
  if (placeholder === "BOOL") return ["true", "false"];
  if (placeholder === "PATH" || placeholder === "FILE" || option.long === "--config") return "file";
  if (option.long === "--route" && placeholder === "NAME" && option.description.includes("this route")) return "route";
  return option.required ? "any" : "optional";
}

function valueOfArgument(argument: Argument): Value {
  if (argument.argChoices !== undefined) return argument.argChoices;
  if (argument.name() === "FILE") return "file";
  if (argument.name() === "WEIGHTS") return "weights";
  return argument.description === "name of the route" ? "route" : "any";
}
