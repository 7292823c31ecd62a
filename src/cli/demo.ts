/** `contender demo`: everything on one machine. */
import { Command } from "commander";
import { weightPair, weightPairOrNone, wholeNumber } from "./arguments.ts";
import type { DemoOptions, Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";

/** `then` is the flag's word. */
type Given = Partial<Omit<DemoOptions, "salt" | "nextWeights">> & {
  readonly salt?: string;
  readonly then?: ReturnType<typeof weightPairOrNone>;
};

export function demoCommand(handlers: Handlers, finish: (code: number) => void): Command {
  const { defaults } = handlers.demo;
  return new Command("demo")
    .summary("real models, real data, a split, a shadow, on this machine; no set-up")
    .description(
      paragraphs(`Starts two real model servers and a shadow, a config service and a sidecar that follows it, each as a process of its own,
and traffic of real rows from a few thousand users, one route speaking TensorFlow Serving and one the Open Inference
Protocol. After three fifths of --seconds it changes the weights of the first route by contender route weights.

Ends with a table per variant: requests, users' share, errors, latency, and the distribution of scores; and with what each
change of weights did: shares before and after, and whether the users who moved are those whose slot changed hands.
Everything listens on loopback, on ports that the system chooses.`),
    )
    .option("--once", "stop by itself after --seconds; otherwise it goes on until Ctrl-C")
    .option("--seconds <N>", "length of the traffic with --once", wholeNumber(1, 86_400), defaults.seconds)
    .option("--json", "print one JSON document, and nothing else, on standard output")
    .option("--weights <A/B>", `of champion and challenger (default: ${defaults.weights.join("/")})`, weightPair)
    .option(
      "--then <A/B>",
      `weights of the first route after the change; "none" changes nothing (default: ${defaults.nextWeights?.join("/")})`,
      weightPairOrNone,
    )
    .option("--salt <TEXT>", "salt of the assignment: another one puts other users on the challenger")
    .option("--rate <N>", "calls a second on each of the two routes", wholeNumber(1, 100_000), defaults.rate)
    .addHelpText(
      "after",
      examples(
        ["watch it", "contender demo"],
        ["for scripts", "contender demo --once --seconds 15 --json"],
        ["an even match from the start, other users", "contender demo --weights 50/50 --then none --salt spring"],
      ),
    )
    .action(async (given: Given) => {
      const { once = false, json = false, seconds = defaults.seconds, rate = defaults.rate } = given;
      const { weights = defaults.weights, then: next = defaults.nextWeights, salt } = given;
      const nextWeights = next === "none" ? undefined : next;
      finish(await handlers.demo.run({ once, json, seconds, rate, weights, nextWeights, salt }));
    });
}
