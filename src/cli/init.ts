/** `contender init`: from a running model server to a route file. */
import { Command, InvalidArgumentError, Option } from "commander";
import { formatAddress, readAddress } from "../base/address.ts";
import { routeName, timeoutOption, wholeNumber } from "./arguments.ts";
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
      paragraphs(`Looks at a running model server and writes a route file with that server as the champion: which protocol it speaks
(TensorFlow Serving's or the Open Inference Protocol, found by server reflection or by asking), which model and version,
which of its outputs is the score, and where a user's key may come from. Comments in the file say why, and hold a
challenger and a shadow to be filled in.

Then sends calls of made-up rows (zeros of the right shape and type) to the server, directly and through a sidecar on
loopback, by turns, and prints the latency that the sidecar adds. The file is written before that, so it is there whatever
the model makes of such rows.

A server that can't list its models, as TensorFlow Serving can't, needs --model. The route goes to FILE, progress to
standard error and the result to standard output; with --output - the route alone goes to standard output. Exits with 0
where the route is written.`),
    )
    .argument("<ADDRESS>", "HOST:PORT, or unix:/PATH, of the model server's gRPC port, without TLS", address)
    .addOption(
      new Option("-o, --output <FILE>", 'where the route file goes; "-" is standard output').default(
        "route.yaml",
        "route.yaml",
      ),
    )
    .option("--force", "replace FILE where it is there already")
    .option("--route <NAME>", "name of the route (default: the model's)", routeName)
    .option("--model <NAME>", "which model, where the server has several or can't list them")
    .option("--calls <N>", "calls sent each way to measure with; 0 sends none", wholeNumber(0, 10_000), 100)
    .addOption(timeoutOption("of each request to the model server", 5_000))
    .addHelpText(
      "after",
      examples(
        ["a TensorFlow Serving, to route.yaml", "contender init 127.0.0.1:8500 --model fraud"],
        ["the only model of a Triton", "contender init 127.0.0.1:8001"],
        [
          "one of several, straight into the check",
          "contender init 127.0.0.1:8001 --model fraud -o - | contender check -",
        ],
        [
          "a new look at the same server, without calls",
          "contender init 127.0.0.1:8500 --model fraud --force --calls 0",
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
