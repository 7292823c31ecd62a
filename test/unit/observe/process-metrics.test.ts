import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseExposition } from "../../support/exposition.ts";
import { tableRows } from "../../support/markdown.ts";

const run = promisify(execFile);
const source = fileURLToPath(new URL("../../../src/observe/process-metrics.ts", import.meta.url));

/** Read from /proc. */
const linuxOnly = ["process_virtual_memory_bytes", "process_heap_bytes", "process_open_fds", "process_max_fds"];

/** In a process of its own: what observes a process is never taken back. */
const script = `
  import { Registry } from "prom-client";
  import { collectProcessMetrics } from ${JSON.stringify(source)};
  const registry = new Registry();
  collectProcessMetrics(registry);
  console.log(await registry.metrics());
`;

describe("process metrics", () => {
  it("are those that docs/metrics.md lists, and hold no process alive", async () => {
    // The process is not told to end: a timer or observer that held it would run into the time-out.
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { timeout: 8_000 });
    const exposed = parseExposition(stdout);
    const page = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
    const documented = tableRows(page).map(([name = "", type]) => [name.replaceAll("`", ""), type]);
    const hidden = process.platform === "linux" ? [] : linuxOnly;
    assert.deepEqual(
      Array.from(exposed, ([name, { type }]) => [name, type]).sort(),
      documented.filter(([name = ""]) => /^(process|nodejs)_/.test(name) && !hidden.includes(name)).sort(),
    );
  });
});
