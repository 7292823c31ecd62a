/** Our connection and nghttp2 (by way of `node:http2`) get the same script; where they part, there must be a reason. */
import type fc from "fast-check";
import type { Role } from "../../src/http2/connection.ts";
import { compare, type Difference } from "./differential-compare.ts";
import { explain } from "./differential-exceptions.ts";
import { clientScript, type Step, serverScript } from "./differential-script.ts";
import type { PropertyTarget } from "./target.ts";

/** @throws Error where the sides part without a reason that is listed. */
export async function checkScript(role: Role, script: readonly Step[]): Promise<void> {
  const difference = await compare(role, script);
  if (difference !== undefined && explain(role, difference).length === 0) throw new Error(describe(difference));
}

function describe({ step, at, lines }: Difference): string {
  return [`after a step of ${step.step}: ${lines.join("; ")}`, `step ${at}: ${JSON.stringify(step)}`].join("\n");
}

function target(role: Role, arbitrary: fc.Arbitrary<Step[]>): PropertyTarget<Step[]> {
  return {
    kind: "property",
    name: `differential-${role}`,
    about: `frame sequences to our ${role} and to nghttp2's: the same outcome, or a difference that is listed with its reason`,
    arbitrary,
    check: async (script) => await checkScript(role, script),
    replay: async (input) => await checkScript(role, JSON.parse(input.toString("utf8"))),
  };
}

export const differentialServer = target("server", serverScript);
export const differentialClient = target("client", clientScript);
