/**
 * `contender init`: from a running model server to a route file that works, and what a sidecar would cost.
 *
 * The file is written before anything is measured: whatever goes wrong from then on, there is a route to begin with.
 */
import { readAddress } from "../base/address.ts";
import { ContenderError, errorTable } from "../base/errors.ts";
import { refuseTaken, writeNewFile } from "../config/new-file.ts";
import { chooseScore, type Seen } from "./choose-score.ts";
import type { Inspector } from "./inspector.ts";
import { type Found, look } from "./look.ts";
import { mended, tensorText } from "./model-facts.ts";
import { ModelServer, type Refusal } from "./model-server.ts";
import type { InitOptions, InitPorts } from "./options.ts";
import { addsUpToOne, readScores, versionOf } from "./read-score.ts";
import { refuseListening } from "./refuse-listening.ts";
import { choiceText, foundText, nextText, trialText } from "./report.ts";
import { type RouteFile, routeFile } from "./route-file.ts";
import { type Filler, samplesOf } from "./sample.ts";
import { printable } from "./text.ts";
import { tryOut } from "./trial.ts";

/** 128 and the signal's number, as shells have it for a command that a signal ended. */
const signalExits: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/**
 * Runs the command. A signal ends it at once, with what it opened closed.
 *
 * @returns the exit code: 0 where the route file is written, also where the model refuses the made-up rows.
 * @throws ContenderError that says what was found at the address and what to do.
 */
export async function runInit(options: InitOptions, ports: InitPorts): Promise<number> {
  const run = new Run(options, ports);
  const stopped = Promise.withResolvers<number>();
  const unwatch = ports.onStop((signal) => {
    ports.err(`\ncontender init: stopped; ${run.written}\n`);
    stopped.resolve(signalExits[signal] ?? 1);
  });
  try {
    const done = run.go();
    // After a stop nobody waits for it any more, and what it was doing fails.
    done.catch(() => undefined);
    return await Promise.race([done, stopped.promise]);
  } finally {
    unwatch();
    await run.close();
  }
}

interface FirstAnswer {
  readonly request: Buffer;
  readonly message: Buffer;
}

class Run {
  readonly #options: InitOptions;
  readonly #ports: InitPorts;
  readonly #stop = new AbortController();
  readonly #opened: { close(): unknown }[] = [];
  /** What there is of the result, in words. */
  written = "nothing was written";

  constructor(options: InitOptions, ports: InitPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  async go(): Promise<number> {
    const { address, output, force } = this.#options;
    if (output !== "-") await refuseTaken(output, force);
    this.#tell(`looking at ${address}`);
    const server = await this.#connect();
    const found = await look(server, this.#options);
    this.#report(`${address}\n${foundText(found)}`);
    if (found.health === "NOT_SERVING") this.#tell("its health service says NOT_SERVING: calls may fail");

    const first = this.#options.calls === 0 ? undefined : await this.#firstAnswer(server, found);
    const file = this.#choose(found, first);
    await this.#write(file);
    const code = first === undefined ? 0 : await this.#measure(server, found, file, first);
    this.#report(`\n${nextText(output === "-" ? undefined : output, file.route, address)}`);
    return code;
  }

  /** Closes what was opened, newest first. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const thing of this.#opened.reverse()) await thing.close();
  }

  async #connect(): Promise<ModelServer> {
    const { address: text, timeoutMs } = this.#options;
    const address = readAddress(text);
    if (!address.ok) throw new ContenderError("SETTINGS_INVALID", address.message);
    await refuseListening(address.value, timeoutMs, this.#ports.clock);
    return this.#open(new ModelServer(text, timeoutMs, this.#ports.clock));
  }

  /** The answer to a made-up row; undefined, and told, where there is none. */
  async #firstAnswer(server: ModelServer, { model, inspector }: Found): Promise<FirstAnswer | undefined> {
    if (model.inputs.length === 0) {
      this.#tell("the server does not describe the model's inputs, so there is nothing to call it with");
      return undefined;
    }
    let refusal: Refusal | undefined;
    for (const filler of [0, 1] satisfies Filler[]) {
      const made = samplesOf(model.inputs, filler);
      if (!made.ok) {
        this.#tell(`no call is made: there is no made-up row for the input ${printable(tensorText(made.input))}`);
        return undefined;
      }
      const request = inspector.request(model, made.samples);
      const answer = await server.askRaw(inspector.predict.path, request);
      if (answer.ok) return { request, message: answer.value.message };
      refusal ??= answer;
    }
    this.#tell(`the model takes neither a row of zeros nor one of ones, so nothing is measured: ${refusal?.text}`);
    return undefined;
  }

  #choose(found: Found, first: FirstAnswer | undefined): RouteFile {
    const learned = first === undefined ? found : learn(found, first.message);
    const choice = chooseScore(learned.model.outputs, first && seenIn(found.inspector, first.message));
    const file = routeFile(learned, choice, this.#options);
    const { score } = file.route;
    const read = first && score && readScores(found.inspector, first.message, score);
    this.#report(choiceText(file.route, choice, read));
    return file;
  }

  async #write({ text }: RouteFile): Promise<void> {
    const { output, force } = this.#options;
    this.#stop.signal.throwIfAborted();
    if (output === "-") this.#ports.out(text);
    else await writeNewFile(output, text, force);
    this.written = output === "-" ? "the route file is printed" : `${output} is written`;
    this.#report(`\n${this.written}\n`);
  }

  async #measure(server: ModelServer, { inspector }: Found, { text, route }: RouteFile, { request }: FirstAnswer) {
    const { calls, timeoutMs } = this.#options;
    const { clock } = this.#ports;
    this.#tell(`measuring: ${calls} calls directly, as many through a sidecar`);
    const sidecar = this.#open(await this.#ports.startSidecar(text));
    const through = this.#open(new ModelServer(sidecar.address, timeoutMs, clock));
    const { signal } = this.#stop;
    const trial = await tryOut(server, through, { path: inspector.predict.path, request, calls, clock, signal });
    if (trial.directMs.length > 0) this.#report(`\n${trialText(trial)}`);
    const { directFailed, sidecarFailed, failure, variant } = trial;
    if (directFailed > 0)
      this.#tell(`${directFailed} calls failed directly, at the model server itself: ${failure?.text}`);
    if (sidecarFailed > directFailed) {
      this.#tell(`${sidecarFailed} calls through the sidecar failed: ${failure?.text}; ${this.written}`);
      return errorTable.UPSTREAM_UNREACHABLE.exitCode;
    }
    if (trial.directMs.length > 0 && variant !== route.champion) {
      throw new ContenderError(
        "INTERNAL",
        `the sidecar says that ${variant ?? "nobody"} answered, not ${route.champion}`,
      );
    }
    return 0;
  }

  #open<T extends { close(): unknown }>(thing: T): T {
    this.#opened.push(thing);
    return thing;
  }

  #tell(text: string): void {
    this.#ports.err(`contender init: ${text}\n`);
  }

  /** Part of the result, which leaves standard output to the route file where that goes there. */
  #report(text: string): void {
    if (this.#options.output === "-") this.#ports.err(text);
    else this.#ports.out(text);
  }
}

/** What an answer adds to what the server told of the model. */
function learn(found: Found, answer: Buffer): Found {
  const { model, inspector } = found;
  const outputs = mended(model.outputs, inspector.outputsOf(answer));
  return { ...found, model: { ...model, outputs, version: versionOf(inspector, answer) ?? model.version } };
}

function seenIn(inspector: Inspector, answer: Buffer): Seen {
  const names = inspector.outputsOf(answer).map(({ name }) => name);
  return {
    has: ({ name }) => names.includes(name),
    addsUpToOne: (output) => addsUpToOne(inspector, answer, output),
  };
}
