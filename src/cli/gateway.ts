/** `contender gateway`: the proxy of the sidecar as a workload of its own. */
import { Command } from "commander";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { limitsText, runsProxy } from "./sidecar.ts";

export function gatewayCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("gateway")
    .summary("the same proxy as a workload of its own, in front of models in other pods")
    .description(
      paragraphs(`The proxy of contender sidecar as a workload of its own, in front of models whose pods it can't be put into. Callers go to
the gateway's Service, and its routes name the Services of the models.

It has the sidecar's settings but for --local: there is no model server beside it, so an address "local" is refused, and
it needs routes, by --control, --config or --champion. Every flag has a variable in the environment, which the flag overrides.
Several replicas with the same routes give each user the same variant.`),
    )
    .addHelpText("after", ({ command: asked }) => limitsText(asked))
    .addHelpText(
      "after",
      examples(
        ["routes of the config service", "contender gateway --control tls://control.contender:7410"],
        ["routes of a mounted ConfigMap", "contender gateway --config /etc/contender/routes"],
        [
          "one route, between two Services",
          `contender gateway --champion v41=fraud-v41.ml:8500 --challengers v42=fraud-v42.ml:8500 \\
    --weights v41=90,v42=10`,
        ],
      ),
    );
  return runsProxy(command, "gateway", handlers, io, finish);
}
