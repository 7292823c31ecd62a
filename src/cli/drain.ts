/** `contender drain`: begins a drain from inside the container, as a preStop hook does. */
import { Command } from "commander";
import { formatAddress } from "../base/address.ts";
import { ContenderError } from "../base/errors.ts";
import { adminAddress } from "./admin-address.ts";
import { timeoutOption } from "./arguments.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { warnOfUnknownSettings } from "./unknown-settings.ts";

export function drainCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  return new Command("drain")
    .summary("begin the drain of a running sidecar")
    .description(
      paragraphs(`Tells the sidecar behind an admin port to drain, and waits for its answer. It then is no longer ready, goes on
accepting for CONTENDER_DRAIN_DELAY, finishes what is in flight and ends within CONTENDER_GRACE_PERIOD.

It is for sidecars and gateways. A config service is drained by SIGTERM: its clients come back by themselves, to another
replica or to the next process, so there is nothing to begin before.`),
    )
    .option("--admin <ADDRESS>", "the admin port to ask (default: CONTENDER_ADMIN, else 127.0.0.1:7401)")
    .addOption(timeoutOption("how long to wait for the answer", 30_000))
    .addHelpText(
      "after",
      examples(
        ["in the container of the sidecar", "contender drain"],
        ["the preStop hook of a pod", 'preStop: { exec: { command: ["contender", "drain"] } }'],
      ),
    )
    .action(async (options: { admin?: string; timeout: number }) => {
      warnOfUnknownSettings(io);
      const address = adminAddress(options.admin, io.env);
      const { status, body } = await handlers.askAdmin(address, "POST", "/drain", options.timeout);
      if (status < 200 || status > 299) {
        const text = `${formatAddress(address)} answers /drain with ${status}: ${body.trim().slice(0, 200)}`;
        throw new ContenderError("UPSTREAM_UNREACHABLE", text);
      }
      io.out(`${body.trim() === "" ? "draining" : body.trim()}\n`);
      finish(0);
    });
}
