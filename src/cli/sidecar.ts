/** `contender sidecar`: the daemon in the pod. Every setting is a flag too; a flag wins over its variable. */
import { Command, Option } from "commander";
import { errorTable } from "../base/errors.ts";
import { problemLine } from "../base/parsed.ts";
import { limitSettings } from "../config/limits.ts";
import type { Setting } from "../config/setting.ts";
import { parseSettings, type Strings } from "../config/settings.ts";
import { settingsTable } from "../config/settings-table.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";

export function sidecarCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("sidecar")
    .summary("stand beside a model server: split, shadow, measure")
    .description(
      paragraphs(`Stands between callers and model servers: splits Predict calls between variants, copies them to shadows, and
exports latency and score histograms on its admin port. SIGTERM drains it; a second one ends it at once. One process, on
one core, serves all calls; --workers has several do so, behind the same ports.

Every flag has a variable in the environment, which the flag overrides. Routes come from the environment, for one route,
or from route files, an HTTP server or etcd (--config), for any number; not from both. Without any, all calls go to --local.
A config service (--control) goes before both, which serve until it has given routes.`),
    )
    .addHelpText("after", `${limitsText()}\n`)
    .addHelpText(
      "after",
      examples(
        [
          "nine calls in ten to the champion, one to v2, by user; v3 gets copies of a quarter",
          `contender sidecar --champion 127.0.0.1:8500 --challengers v2=127.0.0.1:8501 --weights champion=90,v2=10 \\
    --shadows v3=127.0.0.1:8502@25% --key metadata:x-user-id --score 'scores[1]' --route fraud`,
        ],
        ["routes of a mounted ConfigMap, watched", "contender sidecar --config /etc/contender/routes"],
        ["on two cores", "contender sidecar --workers 2"],
      ),
    );
  const settings: Setting<unknown>[] = Object.values(settingsTable);
  for (const setting of settings) {
    const fallback = setting.default === "" ? "" : `, default ${setting.default}`;
    command.addOption(
      new Option(`${flagOf(setting)} <${setting.placeholder}>`, `${setting.doc} (${setting.env}${fallback})`),
    );
  }
  return command.action(async () => {
    finish(await run(overlaid(io.env, settings, command), handlers, io));
  });
}

async function run(env: Strings, handlers: Handlers, io: Io): Promise<number> {
  const settings = parseSettings(env);
  if (settings.ok) return await handlers.sidecar(settings.value);
  io.err("contender: [SETTINGS_INVALID] the settings are wrong\n");
  for (const problem of settings.problems) io.err(`${problemLine(problem)}\n`);
  return errorTable.SETTINGS_INVALID.exitCode;
}

/** `CONTENDER_ACCESS_LOG` is `--access-log`. */
const flagOf = ({ env }: Setting<unknown>): string =>
  `--${env.slice("CONTENDER_".length).toLowerCase().replaceAll("_", "-")}`;

function overlaid(env: Strings, settings: readonly Setting<unknown>[], command: Command): Strings {
  const flags = settings.flatMap((setting): [string, string][] => {
    const name = flagOf(setting)
      .slice(2)
      .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value: unknown = command.getOptionValue(name);
    return typeof value === "string" ? [[setting.env, value]] : [];
  });
  return { ...env, ...Object.fromEntries(flags) };
}

function limitsText(): string {
  const width = Math.max(...limitSettings.map(({ env }) => env.length)) + 2;
  const lines = limitSettings.map((limit) => `  ${limit.env.padEnd(width)}${limit.doc} (default ${limit.default})`);
  return ["", "Limits, by the environment only:", ...lines].join("\n");
}
