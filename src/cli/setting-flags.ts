/** Settings as flags: each has one, and a flag wins over its variable. */
import { type Command, Option } from "commander";
import { ContenderError } from "../base/errors.ts";
import { type Parsed, problemLine } from "../base/parsed.ts";
import type { Setting } from "../config/setting.ts";
import type { Strings } from "../config/settings.ts";

/** `CONTENDER_ACCESS_LOG` is `--access-log`. */
export const flagOf = ({ env }: Setting<unknown>): string =>
  `--${env.slice("CONTENDER_".length).toLowerCase().replaceAll("_", "-")}`;

/** @param group heading under which help shows them; beside all others without one */
export function addFlags(command: Command, settings: readonly Setting<unknown>[], group?: string): Command {
  for (const setting of settings) {
    const fallback = setting.default === "" ? "" : `, default ${setting.default}`;
    const about = `${setting.doc} (${setting.env}${fallback})`;
    const option = new Option(`${flagOf(setting)} <${setting.placeholder}>`, about);
    command.addOption(group === undefined ? option : option.helpGroup(group));
  }
  return command;
}

/** The environment, with what the flags of this command say in its place. */
export function overlaid(env: Strings, settings: readonly Setting<unknown>[], command: Command): Strings {
  const flags = settings.flatMap((setting): [string, string][] => {
    const name = flagOf(setting)
      .slice(2)
      .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value: unknown = command.getOptionValue(name);
    return typeof value === "string" ? [[setting.env, value]] : [];
  });
  return { ...env, ...Object.fromEntries(flags) };
}

/** @throws ContenderError SETTINGS_INVALID with every problem. */
export function goodSettings<T>(settings: Parsed<T>): T {
  if (settings.ok) return settings.value;
  const lines = settings.problems.map(problemLine).join("\n");
  throw new ContenderError("SETTINGS_INVALID", `the settings are wrong\n${lines}`);
}
