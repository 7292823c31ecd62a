/**
 * h2specd, which plays a server that breaks HTTP/2's rules: a port for each rule, and a page that tells how its client took it.
 *
 * Its client is a sidecar's upstream half. One sidecar has a route for each port, and a caller makes a call on each route, one
 * after the other. Between sidecar and port stands a `Gate`: a sidecar connects before it is asked and again when a
 * connection ends, where h2specd wants one connection, with a request at once, and counts every further one as another try.
 *
 * What the rules say of the caller is ours to add: every call is answered, whatever its upstream did, and the sidecar goes
 * on.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Service } from "../judges/lib/processes.ts";
import { scratchFile } from "../judges/lib/scratch.ts";
import { SidecarUnderTest } from "../judges/lib/sidecar.ts";
import { GrpcClient } from "../support/grpc-js.ts";
import { routeDocument } from "../support/route-document.ts";
import { h2specdReport, h2specdVerdict, type Report, type Verdict } from "./reports.ts";

/** Where the first of h2specd's ports may lie: below those that systems hand out by themselves. */
const portBase = 20_000;
const portSpan = 9_000;
const attempts = 10;

/** One case takes h2specd's own limit of two seconds for each answer, of which some want several. */
const caseMs = 30_000;
const callMs = 20_000;

export interface UpstreamVerdict extends Verdict {
  /** Cases whose call was left without an answer. */
  readonly unanswered: readonly string[];
}

export async function runH2specd(command: string, spare: string): Promise<UpstreamVerdict> {
  const judge = await Judge.start(command);
  const { cases } = await judge.report();
  const gates = await Promise.all(cases.map(({ port }) => Gate.open(port)));
  const routes = gates.map((gate, i) => caseRoute(i, `127.0.0.1:${gate.port}`));
  routes.push(routeDocument("spare", { default: true, variants: { v1: { address: spare } }, champion: "v1" }));
  for (const [i, route] of routes.entries()) scratchFile(`h2specd/route-${i}.json`, route);
  const folder = scratchFile("h2specd/route-0.json", routes[0] ?? "").replace(/[^/]*$/, "");
  const sidecar = await SidecarUnderTest.start({
    CONTENDER_CONFIG: folder,
    // A connection is not ready before its case begins.
    CONTENDER_LIMIT_CONNECT_TIMEOUT: "1h",
    CONTENDER_LIMIT_QUEUE_TIMEOUT: "10s",
  });
  const client = new GrpcClient(sidecar.address);
  const unanswered: string[] = [];
  try {
    for (const [i, { title }] of cases.entries()) {
      const answered = callOnce(client, `/h2specd.Case${i}/Call`);
      gates[i]?.lead();
      if (!(await answered)) unanswered.push(title);
      await judge.settled(i);
    }
    if (!(await sidecar.isReady())) unanswered.push("the sidecar itself, afterwards");
    return { ...h2specdVerdict(await judge.report()), unanswered };
  } finally {
    client.close();
    await Promise.all([sidecar.service.stop(), judge.stop()]);
    for (const gate of gates) gate.close();
  }
}

function caseRoute(i: number, address: string): string {
  return routeDocument(`case-${i}`, {
    match: { services: [`h2specd.Case${i}`] },
    variants: { v1: { address } },
    champion: "v1",
  });
}

/** @returns whether the call had an end that was not only its own deadline's. */
async function callOnce(client: GrpcClient, path: string): Promise<boolean> {
  const deadlineExceeded = 4;
  const { status } = await client.unary(path, Buffer.alloc(16), { timeoutMs: callMs });
  return status.code !== deadlineExceeded || status.details.startsWith("contender:");
}

/** The process and its page. */
class Judge {
  readonly #service: Service;
  readonly #page: string;

  private constructor(service: Service, page: string) {
    this.#service = service;
    this.#page = page;
  }

  /** Where one of its many ports is another's, it ends, and others are tried. */
  static async start(command: string): Promise<Judge> {
    for (let attempt = 1; ; attempt++) {
      const base = portBase + Math.floor(Math.random() * portSpan);
      const args = ["--host", "127.0.0.1", "--port", String(base), "--from-port", String(base + 1)];
      try {
        const service = await Service.start("h2specd", command, args, {
          readyWhen: (line) => (line.includes("Report server is listened") ? {} : undefined),
        });
        const judge = new Judge(service, `http://127.0.0.1:${base}/report`);
        await judge.report();
        return judge;
      } catch (reason) {
        if (attempt === attempts) throw reason;
      }
    }
  }

  async report(): Promise<Report> {
    const signal = AbortSignal.timeout(caseMs);
    // It says that it listens before it does.
    for (let attempt = 1; ; attempt++) {
      try {
        return h2specdReport(await (await fetch(this.#page, { signal })).text());
      } catch (reason) {
        if (attempt === attempts) throw reason;
        await sleep(50);
      }
    }
  }

  /** Waits until a case has its result, or has had time enough. */
  async settled(i: number): Promise<void> {
    const end = performance.now() + caseMs;
    while ((await this.report()).cases[i]?.state === "open" && performance.now() < end) await sleep(20);
  }

  async stop(): Promise<void> {
    await this.#service.stop();
  }
}

/** Lets one connection through, once it is led; all others find nobody. */
class Gate {
  readonly #server: Server;
  readonly #behind: number;
  #first: Socket | undefined = undefined;
  #led = false;

  private constructor(server: Server, behind: number) {
    this.#server = server;
    this.#behind = behind;
    server.on("connection", (socket) => {
      socket.on("error", () => socket.destroy());
      if (this.#first !== undefined) {
        socket.destroy();
        return;
      }
      this.#first = socket.pause();
      this.#join();
    });
  }

  static async open(behind: number): Promise<Gate> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const gate = new Gate(server, behind);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  lead(): void {
    this.#led = true;
    this.#join();
  }

  #join(): void {
    const socket = this.#first;
    if (!this.#led || socket === undefined) return;
    const further = connect({ host: "127.0.0.1", port: this.#behind, allowHalfOpen: true, noDelay: true });
    further.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("close", () => further.destroy());
    socket.pipe(further).pipe(socket);
  }

  close(): void {
    this.#first?.destroy();
    this.#server.close();
  }
}
