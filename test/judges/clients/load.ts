/** Clients in numbers: thousands of calls by ghz, and ten thousand messages of one conversation in bounded memory. */
import { fileURLToPath } from "node:url";
import { run } from "../lib/processes.ts";
import type { SidecarUnderTest } from "../lib/sidecar.ts";
import type { Table } from "../lib/table.ts";
import { predictJson } from "./command-line.ts";
import type { World } from "./world.ts";

export const pythonClient = fileURLToPath(new URL("client.py", import.meta.url));

export interface GhzResult {
  /** "" where every one of the calls ended well. */
  readonly problem: string;
  readonly detail: string;
}

/** Predicts `calls` times, each for another user. @param options further ones of ghz. */
export async function ghz(
  command: string,
  address: string,
  calls: number,
  ...options: readonly string[]
): Promise<GhzResult> {
  const asked = ["--insecure", "--call", "tensorflow.serving.PredictionService.Predict", "-d", predictJson];
  const users = ["-m", '{"x-user-id":"u-{{.RequestNumber}}"}'];
  const finished = await run(command, [...asked, ...users, "-n", String(calls), "-O", "json", ...options, address]);
  if (finished.code !== 0)
    return { problem: `exit ${finished.code}: ${finished.stderr}${finished.stdout}`, detail: "" };
  const { count, average, rps, statusCodeDistribution, errorDistribution } = JSON.parse(finished.stdout.toString());
  const good = count === calls && statusCodeDistribution?.OK === calls;
  const statuses = `${JSON.stringify(statusCodeDistribution)} ${JSON.stringify(errorDistribution ?? {})}`;
  return {
    problem: good ? "" : `${count} of ${calls} calls: ${statuses}`,
    detail: `${count} calls, 0 errors, ${Math.round(rps)}/s, mean ${(average / 1e6).toFixed(1)} ms`,
  };
}

const manyCalls = 4_000;
const workers = ["-c", "20", "--connections", "4"];

/** A fifth of as many users is the challenger's; five standard deviations to each side. */
const fewest = manyCalls * 0.2 - 5 * Math.sqrt(manyCalls * 0.2 * 0.8);
const most = manyCalls * 0.2 + 5 * Math.sqrt(manyCalls * 0.2 * 0.8);

export async function judgeGhz(table: Table, command: string, world: World, sidecar: SidecarUnderTest): Promise<void> {
  const direct = await ghz(command, world.models, 500, ...workers);
  table.row("ghz: 500 calls directly", direct.problem, direct.detail);
  const counted = async (variant: string) => await sidecar.calls({ route: "credit", variant, method: "Predict" });
  const [championBefore, challengerBefore] = [await counted("v1"), await counted("v1b")];
  const through = await ghz(command, sidecar.address, manyCalls, ...workers);
  table.row("ghz: thousands of calls", through.problem, through.detail);
  const champion = (await counted("v1")) - championBefore;
  const challenger = (await counted("v1b")) - challengerBefore;
  const split = champion + challenger === manyCalls && challenger >= fewest && challenger <= most;
  const shares = `${champion} by the champion, ${challenger} by the challenger`;
  table.row("ghz: the split of them", split ? "" : `${shares}, want 80:20 of ${manyCalls}`, shares);
}

const messages = 10_000;
const messageBytes = 32_768;
/**
 * Most that a fresh sidecar's memory may grow by while they pass, of which 45 to 75 MiB were seen: V8's heap reaches its
 * working size, and buffers wait to be collected. All messages are 312 MiB each way: whatever queued them would need more.
 */
const growthBytes = 96 << 20;

export async function judgeFlood(table: Table, python: string, world: World): Promise<void> {
  const sidecar = await world.sidecar();
  const before = sidecar.rssBytes();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, sidecar.rssBytes());
  }, 20);
  const args = [pythonClient, "flood", sidecar.address, String(messages), String(messageBytes)];
  const { stdout, stderr } = await run(python, args);
  clearInterval(sampling);
  const after = sidecar.rssBytes();
  sidecar.service.kill("SIGKILL");
  const [, problem] = /"problem": "(.*)"/.exec(stdout.toString()) ?? [undefined, `no answer: ${stderr}`];
  table.row(`grpcio: ${messages} messages both ways`, problem ?? "", `of ${messageBytes} bytes, in order`);
  const memory = `${mib(before)} before, ${mib(peak)} at most, ${mib(after)} after; may grow by ${mib(growthBytes)}`;
  table.row("sidecar's memory meanwhile", peak - before <= growthBytes ? "" : memory, memory);
}

const mib = (bytes: number) => `${(bytes / (1 << 20)).toFixed(0)} MiB`;
