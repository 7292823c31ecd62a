/**
 * Other proxies before the same judge: those of the bench, set up as it sets them up, where `bench/setup.sh` has brought
 * them. They are measured for the table, and nothing that they do fails a run.
 */
import { connect } from "node:http2";
import { run } from "../judges/lib/processes.ts";
import { runH2spec } from "./h2spec.ts";
import type { Verdict } from "./reports.ts";

interface Started {
  readonly port: number;
  stop(): unknown;
}

interface Peer {
  readonly name: string;
  missing(): string | undefined;
  start(targets: Readonly<Record<"champion" | "challenger", string>>): Promise<Started>;
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** What is taken of the bench, which is plain JavaScript with packages of its own. */
interface Bench {
  readonly peers: readonly Peer[];
  peerPrograms(): Readonly<Record<string, Program | undefined>>;
}

/** A proxy's name, and its verdict or why there is none. */
export interface PeerVerdict {
  readonly name: string;
  readonly verdict?: Verdict;
  readonly missing?: string;
}

const judged = ["envoy", "haproxy", "nginx"];
const titles: Readonly<Record<string, string>> = { envoy: "Envoy", haproxy: "HAProxy", nginx: "nginx" };

const benchFile = (name: string) => new URL(`../../bench/lib/${name}`, import.meta.url).href;

/** @param upstream HOST:PORT of what answers. @param onDone hears of each as it comes: one takes up to a minute. */
export async function runPeers(
  h2spec: string,
  upstream: string,
  onDone: (peer: PeerVerdict) => void,
): Promise<PeerVerdict[]> {
  const { peers, peerPrograms }: Bench = await import(benchFile("peers.mjs"));
  const { killAll }: { killAll(): void } = await import(benchFile("children.mjs"));
  process.on("exit", killAll);
  const all: PeerVerdict[] = [];
  for (const peer of peers.filter(({ name }) => judged.includes(name))) {
    const found =
      peer.missing() === undefined ? await judgePeer(peer, peerPrograms()[peer.name], h2spec, upstream) : {};
    const verdict = { name: titles[peer.name] ?? peer.name, missing: peer.missing(), ...found } as PeerVerdict;
    all.push(verdict);
    onDone(verdict);
  }
  return all;
}

async function judgePeer(
  peer: Peer,
  program: Program | undefined,
  h2spec: string,
  upstream: string,
): Promise<PeerVerdict> {
  const name = `${titles[peer.name]} ${await versionOf(program)}`;
  const started = await peer.start({ champion: upstream, challenger: upstream });
  try {
    const answer = await ask(started.port);
    if (answer !== "200 with a body")
      return { name, missing: `answers a GET with ${answer}: it would be judged wrongly` };
    return { name, verdict: await runH2spec(h2spec, started.port) };
  } finally {
    await started.stop();
  }
}

/** The first number with dots that the program tells of itself. */
async function versionOf(program: Program | undefined): Promise<string> {
  if (program === undefined) return "";
  const { stdout, stderr } = await run(program.command, program.args, { env: program.env });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "";
}

/** What a plain GET gets: the judge is of no use before one that has no answer. */
export async function ask(port: number): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<string>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":path": "/" });
      let status = 0;
      let bytes = 0;
      stream.on("error", reject);
      stream.on("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("end", () => resolve(`${status} ${bytes > 0 ? "with" : "without"} a body`));
    });
  } finally {
    session.destroy();
  }
}
