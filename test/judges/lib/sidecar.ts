/** The sidecar that is judged: a process of its own, started as a user starts it, and looked at through its admin port. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type ExposedSample, parseExposition, samplesOf } from "../../support/exposition.ts";
import { Service } from "./processes.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

export const inRepository = (file: string) => path.join(repository, file);

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

  /** Starts one, as it is shipped, on free ports of the loopback. @param env its settings. */
  static async start(env: NodeJS.ProcessEnv): Promise<SidecarUnderTest> {
    const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    const args = [inRepository("bin/contender.js"), "sidecar", ...ports];
    return new SidecarUnderTest(await Service.start("sidecar", process.execPath, args, { env }));
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
