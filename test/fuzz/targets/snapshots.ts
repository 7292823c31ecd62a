/**
 * Messages of a config service of any bytes.
 *
 * What must hold: bytes are no message, or a message that is judged in time; routes that were read can be compiled, and are shown and read again as what they were; what is refused says why, a line each.
 */
import assert from "node:assert/strict";
import type { WatchResponse } from "../../../src/api/messages.ts";
import { method } from "../../../src/api/protos.ts";
import { readSnapshot } from "../../../src/api/read-snapshot.ts";
import { type Problem, problemLine } from "../../../src/base/parsed.ts";
import { effectiveRoutes, loadEffective, tablesOf } from "../../../src/config/effective-routes.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import { planSnapshot } from "../../../src/plan/plan.ts";
import { judge } from "../../../src/sync/judge.ts";
import { receivedOf } from "../../../src/sync/received.ts";
import { answer, sentRoute } from "../../support/snapshots.ts";
import type { ByteTarget } from "../target.ts";

const longestMs = 2_000;
const around = { local: "127.0.0.1:8500" };
const { responseSerialize } = method<object, WatchResponse>("ConfigService", "Watch");
const inForce = "0123456789ab-5-00000000";

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

function checkProblems(problems: readonly Problem[]): void {
  assert.ok(problems.length > 0, "what is refused has a reason");
  for (const problem of problems) {
    const line = problemLine(problem);
    assert.ok(problem.message !== "" && !/[\n\r]/.test(line), `a problem is one line: ${JSON.stringify(line)}`);
  }
}

function check(bytes: Buffer): void {
  const received = attempt(() => receivedOf(bytes));
  if (received === undefined) return;
  const { message, digest } = received;
  assert.equal(digest === undefined, message.snapshot === null, "a snapshot has a digest");
  for (const before of [undefined, inForce]) {
    const verdict = judge(received, before);
    if (verdict.kind === "refuse") checkProblems(verdict.problems);
  }
  if (message.snapshot === null) return;
  const loaded = readSnapshot(message.version, message.snapshot, "fuzz", around);
  if (!loaded.ok) {
    checkProblems(loaded.problems);
    return;
  }
  const plan = planSnapshot(loaded.value);
  assert.ok(plan.ok, `what was read can be compiled: ${plan.ok ? "" : plan.problems.map(problemLine).join("; ")}`);
  const shown = JSON.stringify({ routes: loaded.value.routes.map(toDocument), tables: tablesOf(loaded.value) });
  const again = effectiveRoutes(shown);
  assert.ok(again !== undefined, "what is shown is routes");
  const back = loadEffective("again", again, around);
  assert.ok(back.ok, `what was shown is read: ${back.ok ? "" : back.problems.map(problemLine).join("; ")}`);
  assert.deepEqual(tablesOf(back.value), tablesOf(loaded.value), "with the tables that it had");
}

const words = (...list: readonly string[]) => list.map((word) => Buffer.from(word));
const bytesOf = (sent: object): Buffer => responseSerialize(sent as WatchResponse);

export const snapshots: ByteTarget = {
  kind: "bytes",
  name: "snapshots",
  about: "messages of a config service: no message, or routes that can be compiled, or why not",
  replay: (input) => {
    const begun = performance.now();
    check(input);
    assert.ok(performance.now() - begun < longestMs, "a message takes too long");
  },
  seeds: () => [
    bytesOf(answer(6, [sentRoute({ weights: { v1: 90, v2: 10 } })])),
    bytesOf(answer(6, [sentRoute(), sentRoute({ name: "other", spec: { match: { models: ["m"] }, ttl: "1m" } })])),
    bytesOf(
      answer(6, [
        sentRoute({
          spec: {
            score: { output: "scores", range: [0, 1] },
            shadows: { v2: { percent: 5, maxPerSecond: 1 } },
            gates: { errors: { maxRatio: 2, action: "pause" } },
            maxTimeout: "1s",
            pin: true,
          },
        }),
      ]),
    ),
    bytesOf({ ...answer(6, [sentRoute()]), snapshot: null }),
    bytesOf({ version: inForce, nonce: "", heartbeat: { seconds: 10, nanos: 0 } }),
  ],
  dictionary: words(
    "v1",
    "v2",
    "fraud",
    inForce,
    "champion",
    "md5-100",
    "local",
    "tls://a:1",
    "\x1a\x00",
    "\x08\x96\x01",
  ),
};
