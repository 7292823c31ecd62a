/** Preloaded into a process: tells on standard output, as a log line, when a gRPC library is loaded, and how many ports are open then. */
import { writeSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith("@grpc/")) {
      const ports = process.getActiveResourcesInfo().filter((each) => each === "TCPServerWrap").length;
      writeSync(1, `${JSON.stringify({ event: "loads", what: specifier, ports })}\n`);
    }
    return next(specifier, context);
  },
});
