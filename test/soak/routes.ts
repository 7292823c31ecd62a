/** The soak's route file: a split with an insured challenger and a shadow for predictions, a plain one for streams. */

import assert from "node:assert/strict";
import { loadTexts } from "../../src/config/files.ts";
import { explain } from "../../src/router/explain.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import { routeDocument } from "../support/route-document.ts";
import type { Step } from "./weights.ts";

export interface Addresses {
  readonly v41: string;
  readonly v42: string;
  readonly v43: string;
}

export const users = 2_000;

/** Weights of the champion, one after the other: small steps, so that most users' variant is certain at any time. */
const champions = [90, 85, 80, 75, 70, 75, 80, 85];

/** The file for these weights: two routes in it. */
export function routeFile({ v41, v42, v43 }: Addresses, champion: number): string {
  const common = {
    key: { from: [{ metadata: "x-user-id" }] },
    salt: "soak", // the same for both: a user has one variant
    champion: "v41",
    weights: { v41: champion, v42: 100 - champion },
  };
  const predictions = {
    default: true,
    match: { dialect: "tensorflow-serving", models: ["fraud"] },
    ...common,
    score: { output: "scores", index: 1, range: [0, 1] },
    variants: {
      v41: { address: v41 },
      v42: { address: v42, onFailure: "champion" },
      v43: { address: v43 },
    },
    shadows: { v43: { percent: 50, timeout: "500ms" } },
  };
  const streams = {
    match: { services: ["soak.Model"] },
    ...common,
    variants: { v41: { address: v41 }, v42: { address: v42 } },
  };
  return `${routeDocument("predictions", predictions)}\n---\n${routeDocument("streams", streams)}\n`;
}

/** Every step's weights with the variant of every user, as the sidecar works it out. */
export function stepsOf(addresses: Addresses): Step[] {
  return champions.map((champion) => {
    const texts = [{ name: "routes.yaml", text: routeFile(addresses, champion) }];
    const loaded = loadTexts("soak", texts, { local: "127.0.0.1:8500" });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    const [variants = [], others] = loaded.value.routes.map((route) => {
      const assigner = compileAssigner(route);
      assert.ok(assigner.ok);
      return Array.from({ length: users }, (_, user) => explain(assigner.value, `user-${user}`).variant ?? "");
    });
    assert.deepEqual(variants, others);
    return { champion, variants };
  });
}
