/** What metrics say of the configuration in force: versions, roles, weights. Worked out once, when it is applied. */
import type { RouteSpec, Snapshot, VariantSpec } from "../model/route.ts";
import { type Labels, labelText, type Samples } from "./exposition.ts";
import type { Role } from "./labels.ts";
import type { CurrentVariant } from "./series-store.ts";

interface VariantInfo extends CurrentVariant {
  readonly share: number;
  readonly info: Labels;
}

export class GenerationInfo {
  readonly version: string;
  readonly #source: string;
  readonly #appliedAtMs: number;
  readonly variants: readonly VariantInfo[];

  constructor(snapshot: Snapshot, variants: readonly VariantInfo[], appliedAtMs: number) {
    this.version = snapshot.version;
    this.#source = snapshot.source;
    this.#appliedAtMs = appliedAtMs;
    this.variants = variants;
  }

  addVariants(samples: Samples): void {
    for (const { info } of this.variants) samples.add(info, 1);
  }

  addWeights(samples: Samples): void {
    for (const { route, variant, share } of this.variants) samples.add({ route, variant }, share);
  }

  addConfig(samples: Samples): void {
    samples.add({ version: labelText(this.version), source: labelText(this.#source) }, 1);
  }

  addAppliedAt(samples: Samples): void {
    samples.add({}, this.#appliedAtMs / 1000);
  }
}

/** @param appliedAtMs milliseconds since the Unix epoch */
export function generationInfo(snapshot: Snapshot, appliedAtMs: number): GenerationInfo {
  const variants: VariantInfo[] = [];
  for (const route of snapshot.routes) {
    const total = Object.values(route.weights).reduce((sum, weight) => sum + weight, 0);
    for (const variant of route.variants) {
      const weight = route.weights[variant.name] ?? 0;
      const role = roleOf(route, variant.name, weight);
      variants.push({
        route: route.name,
        variant: variant.name,
        live: role === "champion" || weight > 0,
        share: total > 0 ? weight / total : 0,
        info: { route: route.name, variant: variant.name, role, ...modelOf(route, variant) },
      });
    }
  }
  return new GenerationInfo(snapshot, variants, appliedAtMs);
}

/**
 * One role per variant, so that a query may join on (route, variant). A shadow that also has a weight is a challenger:
 * what users see of it is what counts.
 */
function roleOf(route: RouteSpec, variant: string, weight: number): Role {
  if (variant === route.champion) return "champion";
  if (weight > 0) return "challenger";
  return route.shadows.some((shadow) => shadow.variant === variant) ? "shadow" : "challenger";
}

/** What is expected behind a variant; empty where the configuration doesn't say. */
function modelOf(route: RouteSpec, variant: VariantSpec): { model: string; model_version: string } {
  const only = route.match.models.length === 1 ? route.match.models[0] : undefined;
  const { model } = variant;
  return {
    model: labelText(model?.name ?? only ?? ""),
    model_version: labelText(variant.expectVersion ?? model?.version ?? model?.label ?? ""),
  };
}
