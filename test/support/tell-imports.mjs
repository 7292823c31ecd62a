/** Preloaded into a process: tells on standard output, as a log line, when a gRPC library is loaded. */
import { writeSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith("@grpc/")) writeSync(1, `${JSON.stringify({ event: "loads", what: specifier })}\n`);
    return next(specifier, context);
  },
});
