/**
 * One window: load on one proxy, and what the proxy spent meanwhile.
 */
import { join } from "node:path";
import process from "node:process";
import { Child } from "./children.mjs";
import { workDir } from "./peers.mjs";
import { cpuSeconds, rssBytes, tree } from "./proc.mjs";

/** How often memory is looked at during a window. */
const rssEveryMs = 250;

export const program = (name) => join(workDir, "bin", name);

/** Starts the model servers: champion 41, challenger 42, shadow 43. `tls` is a folder of certificates. */
export async function startUpstream(size, extra = [], tls = undefined) {
  const listen = "41=127.0.0.1:0,42=127.0.0.1:0,43=127.0.0.1:0";
  const secure = tls === undefined ? [] : ["-tls", tls];
  const child = new Child(program("upstream"), ["-listen", listen, "-size", String(size), ...secure, ...extra]);
  const { addresses } = await child.next("listening");
  return { child, champion: addresses[41], challenger: addresses[42], shadow: addresses[43] };
}

/**
 * @param {{ pid: number | undefined, port: number }} proxy no pid: nothing but the load generator's figures
 * @param {{ load: string[], size: number, warmupMs: number, windowMs: number, seed: number, upstream?: object,
 *   tls?: string }} options
 * @returns figures of the window; times in microseconds, memory in bytes
 */
export async function measure(proxy, { load, size, warmupMs, windowMs, seed, upstream, tls }) {
  const child = new Child(program("load"), [
    ...["-target", `127.0.0.1:${proxy.port}`, "-size", String(size), "-seed", String(seed)],
    ...["-warmup", `${warmupMs}ms`, "-duration", `${windowMs}ms`],
    ...(tls === undefined ? [] : ["-tls", tls]),
    ...load,
  ]);
  await child.next("start");
  const pids = proxy.pid === undefined ? [] : tree(proxy.pid);
  const cpuBefore = cpuSeconds(pids);
  const startedAt = process.hrtime.bigint();
  const countsBefore = upstream === undefined ? undefined : upstream.child.counts();
  let rss = rssBytes(pids);
  const sampler = setInterval(() => {
    rss = Math.max(rss, rssBytes(pids));
  }, rssEveryMs);
  await child.next("stop").finally(() => clearInterval(sampler));
  const cpu = cpuSeconds(pids) - cpuBefore;
  const endedAt = process.hrtime.bigint();
  const countsAfter = upstream === undefined ? undefined : upstream.child.counts();
  const result = await child.next("result");
  await child.ended;
  const copies = countsBefore === undefined ? undefined : (await countsAfter)[43] - (await countsBefore)[43];
  return {
    calls: result.calls,
    callsEver: result.callsEver,
    errors: result.errors,
    errorReasons: result.errorReasons,
    callsPerSecond: result.callsPerSecond,
    cpuUsPerCall: proxy.pid === undefined ? Number.NaN : (cpu / result.calls) * 1e6,
    cpuShare: proxy.pid === undefined ? Number.NaN : cpu / result.seconds,
    rssBytes: proxy.pid === undefined ? Number.NaN : rss,
    ...result.latency,
    sendLagP99Us: result.sendLagP99Us,
    challengerShare: (result.versions[42] ?? 0) / result.calls,
    usersUnsticky: result.usersUnsticky,
    variants: result.variants,
    copiesPerCall: copies === undefined ? Number.NaN : copies / result.calls,
    window: { startedAt, endedAt },
  };
}
