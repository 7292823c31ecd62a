/**
 * What the clients call: the demo's model servers with real models, a server of every kind of streams by grpc-go, and
 * sidecars as they are shipped, in front of both.
 *
 * The sidecar works as it would in a pod: it splits between champion and challenger, copies to a shadow and reads scores.
 * Both variants hold the same model, so that an answer through it can be compared with the champion's own.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadCreditData } from "../../../src/demo/data.ts";
import { type ExposedSample, parseExposition, samplesOf } from "../../support/exposition.ts";
import { Service } from "./processes.ts";
import { scratchFile } from "./scratch.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const inRepository = (file: string) => path.join(repository, file);

/** Applications for credit, as the models read them. */
export const rows = loadCreditData().heldOut.map(({ features }) => features);

/** The features of the one application that single predictions are asked for. */
export const oneRow = rows[0] ?? [];

/** One `contender sidecar`. */
export class SidecarUnderTest {
  readonly service: Service;
  readonly address: string;
  readonly #admin: string;

  constructor(service: Service) {
    this.service = service;
    this.address = String(service.ready.listen);
    this.#admin = String(service.ready.admin);
  }

  /** Samples of a metric with these labels, from the admin port. */
  async samples(name: string, labels: Readonly<Record<string, string>> = {}): Promise<ExposedSample[]> {
    const response = await fetch(`http://${this.#admin}/metrics`);
    return samplesOf(parseExposition(await response.text()), name, labels);
  }

  /** Live calls that ended, of a route or of all. */
  async calls(labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const samples = await this.samples("contender_requests_total", { traffic: "live", ...labels });
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  /** Whether /readyz says so; a sidecar that has ended is not ready. */
  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://${this.#admin}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /** Resident memory in bytes. */
  rssBytes(): number {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.service.pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) * 1_024;
  }
}

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
    scratchFile("routes/credit.json", document("credit", credit));
    return new World(champion, echo, path.dirname(scratchFile("routes/streams.json", document("streams", streams))));
  }

  async sidecar(env: NodeJS.ProcessEnv = {}): Promise<SidecarUnderTest> {
    const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config", this.#routes];
    const args = [inRepository("bin/contender.js"), "sidecar", ...ports];
    return new SidecarUnderTest(await Service.start("sidecar", process.execPath, args, { env }));
  }
}

const document = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: "contender.dev/v1alpha1", kind: "ModelRoute", metadata: { name }, spec });
