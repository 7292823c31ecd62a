/** `contender sidecar`: the daemon in the pod. Every setting is a flag too; a flag wins over its variable. */
import { Command } from "commander";
import { limitSettings } from "../config/limits.ts";
import { type ProxyRole, parseSettings, settingsOf } from "../config/settings.ts";
import type { Handlers } from "./handlers.ts";
import { examples, helpList, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { addFlags, goodSettings, overlaid } from "./setting-flags.ts";

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
    .addHelpText("after", ({ command: asked }) => limitsText(asked))
    .addHelpText(
      "after",
      examples(
        [
          "nine calls in ten to the champion, one to v2, by user; v3 gets copies of a quarter",
          `contender sidecar --champion 127.0.0.1:8500 --challengers v2=127.0.0.1:8501 \\
    --weights champion=90,v2=10 --shadows v3=127.0.0.1:8502@25% --key metadata:x-user-id \\
    --score 'scores[1]' --route fraud`,
        ],
        ["routes of a mounted ConfigMap, watched", "contender sidecar --config /etc/contender/routes"],
        ["on two cores", "contender sidecar --workers 2"],
      ),
    );
  return runsProxy(command, "sidecar", handlers, io, finish);
}

/** The flags of a role, and what becomes of them: both roles are the same proxy. */
export function runsProxy(
  command: Command,
  role: ProxyRole,
  handlers: Handlers,
  io: Io,
  finish: (code: number) => void,
): Command {
  const settings = settingsOf(role);
  return addFlags(command, settings).action(async () => {
    finish(await handlers.sidecar(goodSettings(parseSettings(overlaid(io.env, settings, command), role))));
  });
}

/** Asked for when help is printed, since its width is known only then. */
export function limitsText(command: Command): string {
  const items = limitSettings.map(
    ({ env, doc, default: byDefault }) => [env, `${doc} (default ${byDefault})`] as const,
  );
  return helpList(command, "Limits, by the environment only:", items);
}
