/** `contender healthcheck`: the image's probe, so that it needs no curl. */
import { Command } from "commander";
import { formatAddress } from "../base/address.ts";
import { adminAddress } from "./admin-address.ts";
import { timeoutOption } from "./arguments.ts";
import type { Handlers } from "./handlers.ts";
import { examples } from "./help-text.ts";
import type { Io } from "./io.ts";
import { warnOfUnknownSettings } from "./unknown-settings.ts";

/** Docker knows 0 and 1 only: https://docs.docker.com/reference/dockerfile/#healthcheck */
const unhealthy = 1;

export function healthcheckCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  return new Command("healthcheck")
    .summary("ask a running sidecar whether it is alive")
    .description(
      "Asks /healthz of an admin port. Exits with 0 where it answers 200, with 1 where not, and with 64 where a flag is wrong.",
    )
    .option("--admin <ADDRESS>", "the admin port to ask (default: CONTENDER_ADMIN, else 127.0.0.1:7401)")
    .option("--ready", "ask /readyz instead: whether it wants calls")
    .addOption(timeoutOption("how long to wait for the answer", 2_000))
    .addHelpText(
      "after",
      examples(
        ["in a Dockerfile", 'HEALTHCHECK CMD ["contender", "healthcheck"]'],
        ["wait until it is ready", "until contender healthcheck --ready; do sleep 0.2; done"],
      ),
    )
    .action(async (options: { admin?: string; ready?: true; timeout: number }) => {
      const path = options.ready === true ? "/readyz" : "/healthz";
      const address = adminAddress(options.admin, io.env);
      try {
        const { status, body } = await handlers.askAdmin(address, "GET", path, options.timeout);
        io.out(`${formatAddress(address)}${path} ${status} ${body.trim().slice(0, 200)}\n`);
        finish(status === 200 ? 0 : unhealthy);
      } catch (reason) {
        // A probe that succeeds has nothing to say; one that fails may have asked at the wrong place.
        warnOfUnknownSettings(io);
        io.err(`${reason instanceof Error ? reason.message : String(reason)}\n`);
        finish(unhealthy);
      }
    });
}
