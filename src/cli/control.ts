/** `contender control`: the config service. Every setting is a flag too; a flag wins over its variable. */
import { Command } from "commander";
import { controlSettings, parseControlSettings } from "../config/control-settings.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { addFlags, goodSettings, overlaid } from "./setting-flags.ts";

export function controlCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("control")
    .summary("the config service: hands every sidecar its routes and weights")
    .description(
      paragraphs(`Keeps routes with their history, hands every sidecar those that are for it, and knows what each has applied. Sidecars
follow it by CONTENDER_CONTROL, and go on with what they have when it is away. contender route and contender fleet
speak to it.

Every flag has a variable in the environment, which the flag overrides. It needs a store: a directory, for one replica, or
an etcd, which several share. It serves this machine alone; for others it needs --access, which says who may do what, and TLS.
SIGTERM ends it: streams are told to go elsewhere, and a leader hands over.`),
    )
    .addHelpText(
      "after",
      examples(
        ["on one machine", "contender control --store dir:/var/lib/contender"],
        [
          "one of several replicas, with TLS",
          `contender control --store etcd:http://10.0.0.1:2379,http://10.0.0.2:2379 \\
    --control-listen 0.0.0.0:7410 --control-advertise 10.0.1.7:7410 --control-tls-cert tls.crt \\
    --control-tls-key tls.key --control-tls-client-ca ca.crt --access access.yaml`,
        ],
      ),
    );
  addFlags(command, controlSettings);
  return command.action(async () => {
    finish(await handlers.control(goodSettings(parseControlSettings(overlaid(io.env, controlSettings, command)))));
  });
}
