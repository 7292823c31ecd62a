/** Runs a script on both sides, a step at a time, and tells at which step they part. */
import type { Role } from "../../src/http2/connection.ts";
import { preface } from "../../src/http2/constants.ts";
import { settings, settingsAck } from "../support/h2-frames.ts";
import type { Outcome } from "./differential-outcome.ts";
import { ScriptWriter, type Step } from "./differential-script.ts";
import { NodeSide, OurSide } from "./differential-sides.ts";

export interface Difference {
  /** The step after which the outcomes differ, and its place in the script. */
  readonly script: readonly Step[];
  readonly step: Step;
  readonly at: number;
  /** One line for each thing that differs: `stream 1 reset: ours PROTOCOL_ERROR, theirs none`. */
  readonly lines: readonly string[];
  readonly ours: Outcome;
  readonly theirs: Outcome;
  /** The outcomes before that step, when they were the same. */
  readonly before: Outcome;
}

export async function compare(role: Role, script: readonly Step[]): Promise<Difference | undefined> {
  const writer = new ScriptWriter(role);
  const ours = new OurSide(role);
  const theirs = new NodeSide(role);
  try {
    const greeting = [settings(), settingsAck()];
    if (role === "server") greeting.unshift(preface);
    await ours.send(Buffer.concat(greeting));
    await theirs.send(Buffer.concat(greeting));
    for (const [at, step] of script.entries()) {
      const before = structuredClone(ours.outcome);
      if (step.step === "open") {
        if (role === "server" || !ours.canOpen || !theirs.canOpen) continue;
        const id = writer.opened();
        await ours.open(id, step.end);
        await theirs.open(id, step.end);
      } else {
        const bytes = writer.bytesOf(step);
        await ours.send(bytes);
        await theirs.send(bytes);
      }
      const lines = differences(ours.outcome, theirs.outcome);
      if (lines.length > 0) {
        return {
          script,
          step,
          at,
          lines,
          before,
          ours: structuredClone(ours.outcome),
          theirs: structuredClone(theirs.outcome),
        };
      }
      if (ours.outcome.connection !== "open") return undefined;
    }
    return undefined;
  } finally {
    ours.close();
    theirs.close();
  }
}

function differences(ours: Outcome, theirs: Outcome): string[] {
  const lines: string[] = [];
  const differ = (what: string, a: unknown, b: unknown) => {
    const [left, right] = [a, b].map((value) => (value === undefined ? "none" : JSON.stringify(value)));
    if (left !== right) lines.push(`${what}: ours ${left}, theirs ${right}`);
  };
  differ("connection", ours.connection, theirs.connection);
  // What an ended connection still says of its streams is nobody's business any more.
  if (lines.length > 0 || ours.connection !== "open") return lines;
  differ("settings", ours.settings, theirs.settings);
  differ("pings", ours.pings, theirs.pings);
  const ids = new Set([...Object.keys(ours.streams), ...Object.keys(theirs.streams)].map(Number));
  for (const id of ids) {
    const [a, b] = [ours.streams[id] ?? {}, theirs.streams[id] ?? {}];
    for (const part of ["head", "body", "trailers", "ended", "reset", "failed", "sent"] as const) {
      differ(`stream ${id} ${part}`, a[part], b[part]);
    }
  }
  return lines;
}
