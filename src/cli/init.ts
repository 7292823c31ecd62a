/** `contender init`: from a running model server to a route file. */
import { Command, InvalidArgumentError } from "commander";
import { formatAddress, readAddress } from "../base/address.ts";
import { nameRule } from "../config/route-document.ts";
import { durationMs, wholeNumber } from "./arguments.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";

interface Given {
  readonly output: string;
  readonly force?: true;
  readonly route?: string;
  readonly model?: string;
  readonly calls: number;
  readonly timeout: number;
}

export function initCommand(handlers: Handlers, finish: (code: number) => void): Command {
  return new Command("init")
    .summary("look at a running model server and write a route file for it")
    .description(
      paragraphs(`Looks at a model server (its protocol, models, versions, outputs), writes a route file with that server as the
champion, sends a few calls to it directly and through a sidecar, and prints the latency that the sidecar adds.`),
    )
    .argument("<ADDRESS>", "HOST:PORT of the model server's gRPC port", address)
    .option("-o, --output <FILE>", 'where the route file goes; "-" is standard output', "route.yaml")
    .option("--force", "replace FILE where it is there already")
    .option("--route <NAME>", "name of the route (default: the model's)", routeName)
    .option("--model <NAME>", "which model, where the server has several")
    .option("--calls <N>", "calls sent each way to measure with; 0 sends none", wholeNumber(0, 10_000), 50)
    .option("--timeout <DURATION>", "of each request to the model server", durationMs, 5_000)
    .addHelpText(
      "after",
      examples(
        ["a TensorFlow Serving", "contender init 127.0.0.1:8500"],
        [
          "one of several models of a Triton, to the terminal",
          "contender init 127.0.0.1:8001 --model fraud --output -",
        ],
      ),
    )
    .action(async (place: string, { output, force, route, model, calls, timeout }: Given) => {
      const options = { address: place, output, force: force === true, route, model, calls, timeoutMs: timeout };
      finish(await handlers.init(options));
    });
}

function address(text: string): string {
  const reading = readAddress(text);
  if (!reading.ok) throw new InvalidArgumentError(`W${reading.message.slice(1)}.`);
  return formatAddress(reading.value);
}

function routeName(text: string): string {
  if (nameRule.pattern.test(text)) return text;
  throw new InvalidArgumentError(`Want ${nameRule.wants}.`);
}
