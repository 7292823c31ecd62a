/**
 * The sidecar under test: built and laid out as it is shipped, started by its launcher, with an inspector that its users
 * would not have. What it says of itself is read where they would read it.
 */
import { execFileSync } from "node:child_process";
import { cp, readdir, readFile, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/base/clock.ts";
import { Child } from "../../src/demo/children.ts";
import { type ExposedMetric, parseExposition } from "../support/exposition.ts";
import { Inspector } from "./inspector.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const endWithParent = fileURLToPath(new URL("../../src/demo/end-with-parent.ts", import.meta.url));

/** Longest that a drain may take; calls have ended before it. */
const endMs = 20_000;

/** A port that is free now, and that nobody else is likely to take in the next moments. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}

/** Builds it into this folder. */
export async function build(folder: string): Promise<void> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const args = [compiler, "-p", join(root, "tsconfig.build.json"), "--outDir", join(folder, "dist")];
  execFileSync(process.execPath, args, { stdio: "inherit" });
  for (const name of ["bin", "proto", "config", "package.json"]) {
    await cp(join(root, name), join(folder, name), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
}

export class Subject {
  readonly address: string;
  readonly #admin: string;
  readonly #child: Child;
  readonly inspector: Inspector;

  private constructor(child: Child, address: string, admin: string, inspector: Inspector) {
    this.#child = child;
    this.address = address;
    this.#admin = admin;
    this.inspector = inspector;
  }

  static async start(folder: string, routes: string): Promise<Subject> {
    const port = await freePort();
    const { PATH = "" } = process.env;
    const child = new Child({
      title: "the sidecar",
      args: [`--inspect=127.0.0.1:${port}`, "--import", endWithParent, join(folder, "bin/contender.js"), "sidecar"],
      env: {
        PATH,
        CONTENDER_CONFIG: routes,
        CONTENDER_LISTEN: "127.0.0.1:0",
        CONTENDER_ADMIN: "127.0.0.1:0",
        CONTENDER_DRAIN_DELAY: "0s",
        NODE_ENV: "production",
        NODE_DISABLE_COMPILE_CACHE: "1",
      },
      clock: systemClock,
      startTimeoutMs: 20_000,
    });
    try {
      const { listen, admin } = await child.ready;
      return new Subject(child, String(listen), String(admin), await Inspector.connect(port));
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  get ended(): Promise<string> {
    return this.#child.ended;
  }

  async metrics(): Promise<ReadonlyMap<string, ExposedMetric>> {
    const response = await fetch(`http://${this.#admin}/metrics`);
    return parseExposition(await response.text());
  }

  /** Descriptors that it has open. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.#child.pid}/fd`)).length;
  }

  /** Memory that it has from the system, in bytes. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    const [, kib = Number.NaN] = /^VmRSS:\s+([0-9]+) kB$/m.exec(status) ?? [];
    return Number(kib) * 1_024;
  }

  /** Processor time that it has used, in seconds. */
  async processorSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, "utf8");
    const [user = "0", system = "0"] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return (Number(user) + Number(system)) / 100; // Linux counts in hundredths for whoever reads /proc
  }

  /** Asks it to end in order, and says how it did. */
  async end(): Promise<string> {
    this.inspector.close();
    await this.#child.end(endMs);
    const how = await this.ended;
    return how === "exit code 0" ? how : `${how}${this.#child.lastWords()}`;
  }

  kill(): void {
    this.inspector.close();
    this.#child.kill();
  }
}
