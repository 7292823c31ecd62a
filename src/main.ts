/** Entry point: argv to exit code. The only file that may end the process. */
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { text } from "node:stream/consumers";
import { handlers } from "./app.ts";
import { keptAlive, systemClock } from "./base/clock.ts";
import type { Io } from "./cli/io.ts";
import { fail, run } from "./cli/program.ts";
import { environment } from "./config/environment.ts";
import type { RawHandle } from "./transport/door.ts";
import type { ParentPort, ToWorker } from "./workers/messages.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

// Node tells developers what will change (an IP address as a TLS server name, which gRPC's library gives it); who typed a command
// can't mend that.
process.noDeprecation = true;

// Whoever reads along may have seen enough, as `| head` has: no reason to fail, whatever is being done.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

const io: Io = {
  out: (line: string) => void process.stdout.write(line),
  err: (line: string) => void process.stderr.write(line),
  stdin: () => text(process.stdin),
  env: environment(),
  clock: systemClock,
  pause: keptAlive,
  who: whoAmI(),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  drawsProgress: process.stderr.isTTY,
  onStop,
};

// A bug in a callback, which no promise carries to `run`.
process.on("uncaughtException", (reason) => process.exit(fail(reason, io)));

/** As this machine has it; a container's user may have no name. */
function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `${process.getuid?.() ?? "unknown"}@${hostname()}`;
  }
}

function onStop(fn: (signal: string) => void): () => void {
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) process.on(signal, fn);
  return () => {
    for (const signal of signals) process.off(signal, fn);
  };
}

/** Where this process is somebody's worker: its end of the channel, on which nothing it sends can fail it. */
function parentPort(): ParentPort | undefined {
  if (process.send === undefined) return undefined;
  return {
    send: (message, done) => void process.send?.(message, undefined, undefined, () => done?.()),
    onMessage: (fn) => void process.on("message", (message, handle) => fn(message as ToWorker, handle as RawHandle)),
    onDisconnect: (fn) => void process.once("disconnect", fn),
  };
}

const { stderr } = process;
const commands = handlers({
  version,
  nodeVersion: process.version,
  out: io.out,
  err: io.err,
  env: io.env,
  demoEnv: { ...io.env },
  screen: {
    write: io.err,
    get columns() {
      return stderr.isTTY ? stderr.columns : undefined;
    },
  },
  onStop,
  program: process.argv[1] ?? "",
  parent: parentPort(),
});
process.exitCode = await run(process.argv.slice(2), commands, io);
// What is still open by now (a connection that lingers, a watcher) must not keep a finished command alive.
if (process.stdout.destroyed || process.stdout.writableLength === 0) process.exit();
for (const end of ["drain", "close"]) process.stdout.once(end, () => process.exit());
