/**
 * What the clients call: the demo's model servers with real models, a server of every kind of streams by grpc-go, and
 * sidecars as they are shipped, in front of both.
 *
 * The sidecar works as it would in a pod: it splits between champion and challenger, copies to a shadow and reads scores.
 * Both variants hold the same model, so that an answer through it can be compared with the champion's own.
 */
import path from "node:path";
import { loadCreditData } from "../../../src/demo/data.ts";
import { routeDocument } from "../../support/route-document.ts";
import { Service } from "../lib/processes.ts";
import { scratchFile } from "../lib/scratch.ts";
import { inRepository, SidecarUnderTest } from "../lib/sidecar.ts";

/** Applications for credit, as the models read them. */
export const rows = loadCreditData().heldOut.map(({ features }) => features);

/** The features of the one application that single predictions are asked for. */
export const oneRow = rows[0] ?? [];

export class World {
  /** The champion's own address, for direct calls of a model. */
  readonly models: string;
  /** The streams' own address. */
  readonly echo: string;
  readonly #routes: string;

  private constructor(models: string, echo: string, routes: string) {
    this.models = models;
    this.echo = echo;
    this.#routes = routes;
  }

  /** @param peer command of the Go peer. */
  static async start(peer: string): Promise<World> {
    const server = async (title: string, command: string, args: readonly string[]) =>
      `127.0.0.1:${(await Service.start(title, command, args)).ready.port}`;
    const model = (file: string, version: string) =>
      server(`model server ${version}`, process.execPath, [
        ...[inRepository("src/demo/model-server.ts"), "--until-stdin-ends"],
        ...["--model", inRepository(`src/demo/models/${file}`), "--version", version],
      ]);
    const [champion, challenger, shadow, echo] = await Promise.all([
      model("credit-v1.onnx", "1"),
      model("credit-v1.onnx", "1"),
      model("credit-v2.onnx", "2"),
      server("streams", peer, ["serve"]),
    ]);
    const credit = {
      default: true,
      match: { models: ["credit"] },
      key: { from: [{ metadata: "x-user-id" }] },
      score: { output: "scores", index: 1, range: [0, 1] },
      variants: { v1: { address: champion }, v1b: { address: challenger }, v2: { address: shadow } },
      champion: "v1",
      weights: { v1: 80, v1b: 20 },
      shadows: { v2: { percent: 10 } },
    };
    const streams = {
      match: { services: ["contender.judge.Echo"] },
      variants: { v1: { address: echo } },
      champion: "v1",
    };
    scratchFile("routes/credit.json", routeDocument("credit", credit));
    return new World(
      champion,
      echo,
      path.dirname(scratchFile("routes/streams.json", routeDocument("streams", streams))),
    );
  }

  async sidecar(env: NodeJS.ProcessEnv = {}): Promise<SidecarUnderTest> {
    return await SidecarUnderTest.start({ ...env, CONTENDER_CONFIG: this.#routes });
  }
}
