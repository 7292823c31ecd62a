import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseExposition } from "../../support/exposition.ts";

const run = promisify(execFile);
const source = fileURLToPath(new URL("../../../src/observe/process-metrics.ts", import.meta.url));

/** In a process of its own: what observes a process is never taken back. */
const script = `
  import { Registry } from "prom-client";
  import { collectProcessMetrics } from ${JSON.stringify(source)};
  const registry = new Registry();
  collectProcessMetrics(registry);
  console.log(await registry.metrics());
`;

describe("process metrics", () => {
  it("tell CPU, memory, garbage collection and event loop lag, without the gauges that list every socket", async () => {
    // The process is not told to end: a timer or observer that held it would run into the time-out.
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { timeout: 8_000 });
    const names = [...parseExposition(stdout).keys()];
    for (const name of [
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
      "nodejs_eventloop_lag_p99_seconds",
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(names.includes("nodejs_gc_duration_seconds"));
    assert.deepEqual(
      names.filter((name) => name.startsWith("nodejs_active_")),
      [],
    );
  });
});
