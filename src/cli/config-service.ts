/** How a command asks the config service: the flags that say where it is and who asks, and errors that say what to do next. */
import type { Command } from "commander";
import { ContenderError } from "../base/errors.ts";
import { controlClientSettings, parseControlClient } from "../config/control-client.ts";
import type { Setting } from "../config/setting.ts";
import type { Administration } from "../model/administration.ts";
import { timeoutOption } from "./arguments.ts";
import type { Handlers } from "./handlers.ts";
import type { Io } from "./io.ts";
import { addFlags, goodSettings, overlaid } from "./setting-flags.ts";

const settings: readonly Setting<unknown>[] = Object.values(controlClientSettings);
const { control, controlCert, controlKey, controlTokenFile } = controlClientSettings;
const group = "The config service:";

/** `--control`, those of TLS and of who asks, and `--timeout`. */
export function addServiceFlags(command: Command): Command {
  addFlags(command, settings, group);
  return command.addOption(timeoutOption("how long to wait for each answer", 10_000).helpGroup(group));
}

/** Whether the environment or a flag names a service. */
export function namesService(command: Command, io: Io): boolean {
  return (overlaid(io.env, settings, command)[control.env]?.trim() ?? "") !== "";
}

/** @param route that the command is about, for what errors suggest */
export async function askService<T>(
  command: Command,
  handlers: Handlers,
  io: Io,
  ask: (service: Administration) => Promise<T>,
  route = "NAME",
): Promise<T> {
  const env = overlaid(io.env, settings, command);
  const client = goodSettings(parseControlClient(env));
  const timeoutMs = command.getOptionValue("timeout") as number;
  const service = await handlers.administration(client, { actor: io.who, timeoutMs });
  try {
    return await ask(service);
  } catch (reason) {
    if (!(reason instanceof ContenderError)) throw reason;
    const named = withText(reason, textOf(reason).replace("route history NAME", `route history ${route}`));
    const proves = client.tokenFile !== undefined || client.tls?.cert !== undefined;
    const assumed = namesService(command, io) ? undefined : service.where;
    const hint = hintFor(named, {
      route,
      assumed,
      proves,
      past: command.getOptionValue("at") !== undefined,
      ofRoute: command.getOptionValue("to") !== undefined,
    });
    throw hint === undefined ? named : withHint(named, hint);
  } finally {
    service.close();
  }
}

/** The same error, with a line below that says what to do. */
export function withHint(error: ContenderError, hint: string): ContenderError {
  return withText(error, `${textOf(error)}\n${hint}`);
}

const textOf = ({ code, message }: ContenderError): string => message.slice(`[${code}] `.length);
const withText = (error: ContenderError, text: string): ContenderError =>
  new ContenderError(error.code, text, { cause: error });

interface Asking {
  readonly route: string;
  /** Where was asked because nobody said where. */
  readonly assumed: string | undefined;
  /** Whether anything says who asks. */
  readonly proves: boolean;
  /** Whether it was about what was at a time. */
  readonly past: boolean;
  /** Whether it was about one of the route's changes. */
  readonly ofRoute: boolean;
}

function hintFor(
  { code, message }: ContenderError,
  { route, assumed, proves, past, ofRoute }: Asking,
): string | undefined {
  switch (code) {
    case "CONTROL_UNREACHABLE":
      if (assumed === undefined || message.includes(`${control.env}=`)) return undefined;
      return `${control.env} is not set, so ${assumed} was asked: set ${control.env}=HOST:PORT (tls://HOST:PORT with TLS), or give --control`;
    case "CONFLICT":
      return `look again: contender route get ${route} and contender route history ${route} show what is there now`;
    case "ROUTE_UNKNOWN":
      if (ofRoute && !message.includes("no route was ever named"))
        return `contender route history ${route} shows its changes with their revisions`;
      if (past) return `contender route history ${route} shows since when there is one`;
      return "contender route list shows which there are";
    case "FORBIDDEN":
      if (proves) return undefined;
      return `to say who asks, set ${controlTokenFile.env}, or ${controlCert.env} and ${controlKey.env}`;
    case "STORE_UNAVAILABLE":
      return "sidecars go on with what they have, and nothing can be changed until the store is well";
    default:
      return undefined;
  }
}
