/**
 * A program that prints what a call takes from the heap of the process whose only work it is: a sidecar in the main
 * thread; the caller and the model server in a worker, which has a heap of its own. To be run with `--expose-gc` and a
 * young generation that holds a round, so that no collection gives back what it took.
 *
 * `call-memory.ts CALLS ROUNDS BYTES` makes ROUNDS rounds of CALLS calls with an input of BYTES, and prints a line per round:
 * bytes of heap and bytes outside of it (socket reads, copies of messages), per call.
 */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { isMainThread, type MessagePort, parentPort, Worker } from "node:worker_threads";
import { ReportStore } from "../../src/observe/report-store.ts";
import { ClientPeer, ServerPeer } from "./h2-peer.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "./predict.ts";
import { snapshotOf, TestSidecar } from "./sidecar.ts";

const [roundCalls = 0, rounds = 0, inputBytes = 0] = process.argv.slice(2).map(Number);
const atOnce = 10;

async function callers(port: MessagePort): Promise<void> {
  const server = await ServerPeer.answering(framed(tfResponse([0.5])));
  port.postMessage(server.address);
  const [address] = (await once(port, "message")) as [string];
  const client = await ClientPeer.connect(address);
  const message = framed(tfRequest({ inputs: { text: ["x".repeat(inputBytes)] } }));
  let number = 0;
  const call = async (): Promise<void> => {
    number++;
    const answer = await client.unary(tfPredict, message, [
      ["x-user-id", `user-${number % 2_000}`],
      ["x-request-id", `9b1deb4d-3b7d-4bad-9bdd-${number}`],
      ["traceparent", `00-4bf92f3577b34da6a3ce929d0e0e4736-${number}-01`],
      ["authorization", `Bearer ${"t".repeat(600)}`],
      ["grpc-timeout", `${1_000 + (number % 50)}m`],
    ]);
    if (answer.value("grpc-status") !== "0") throw new Error(`call ${number} failed`);
  };
  port.postMessage("ready");
  port.on("message", async () => {
    let left = roundCalls;
    const one = async (): Promise<void> => {
      while (left-- > 0) await call();
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    // The server's list of what it has seen would grow for ever.
    for (const peer of server.peers) peer.streams.length = 0;
    port.postMessage("done");
  });
}

async function sidecar(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  const said = async (): Promise<unknown> => ((await once(worker, "message")) as [unknown])[0];
  const upstream = String(await said());
  const started = await TestSidecar.start(
    snapshotOf({
      match: { dialect: "tensorflow-serving", models: ["fraud"] },
      key: { from: [{ metadata: "x-user-id" }] },
      score: { output: "scores", index: 1, range: [0, 1] },
      variants: { v41: upstream, v42: upstream },
      weights: { v41: 90, v42: 10 },
    }),
    { counts: new ReportStore() },
  );
  worker.postMessage(started.address);
  await said();
  for (let round = 0; round < rounds; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await turn();
    const before = process.memoryUsage();
    worker.postMessage("go");
    await said();
    const after = process.memoryUsage();
    const heap = (after.heapUsed - before.heapUsed) / roundCalls;
    const outside = (after.arrayBuffers - before.arrayBuffers) / roundCalls;
    process.stdout.write(`${Math.round(heap)} ${Math.round(outside)}\n`);
  }
  process.exit();
}

await (isMainThread ? sidecar() : callers(parentPort as MessagePort));
