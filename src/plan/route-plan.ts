/**
 * A route compiled: everything about it that can be worked out before a call comes.
 *
 * Pure: no sockets and no counters in here. The proxy binds a plan to its pools and metric cells.
 */
import { type Address, readAddress } from "../base/address.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import type { DialectName, RouteSpec, VariantSpec } from "../model/route.ts";
import type { Dialect, Override, RequestReader, ScoreReader } from "../protocol/dialect.ts";
import { dialects } from "../protocol/index.ts";
import { compileAssigner, type RouteAssigner } from "../router/route-assigner.ts";

/** Where a key may be, in the order in which to look. */
export type KeyStep =
  | { readonly kind: "metadata"; readonly names: readonly string[] }
  | { readonly kind: "message"; readonly readers: ReadonlyMap<DialectName, RequestReader> };

export interface VariantPlan {
  readonly spec: VariantSpec;
  /** Its place among the route's variants. */
  readonly index: number;
  readonly address: Address;
  /** Empty where the upstream is asked for the model the caller named. */
  readonly overrides: ReadonlyMap<DialectName, Override>;
}

export interface RoutePlan {
  readonly spec: RouteSpec;
  readonly assigner: RouteAssigner;
  readonly variants: readonly VariantPlan[];
  readonly keySteps: readonly KeyStep[];
  /** Reads no key: model, sequence and shared memory only. */
  readonly factsReaders: ReadonlyMap<DialectName, RequestReader>;
  /** Empty where nothing of an answer is looked at. */
  readonly scoreReaders: ReadonlyMap<DialectName, ScoreReader>;
  /** There is something to choose or to copy; otherwise nobody needs to look into a message. */
  readonly chooses: boolean;
}

/** A call notes who gets a copy in the bits of one small integer: shadows, and variants that are being warmed up. */
const mostShadows = 30;

/** Compiles one checked route. @returns problems with paths below `spec`. */
export function planRoute(spec: RouteSpec): Parsed<RoutePlan> {
  const problems: Problem[] = [];
  const assigner = compileAssigner(spec);
  if (!assigner.ok) problems.push(...assigner.problems);
  if (spec.shadows.length > mostShadows) {
    problems.push({ path: "shadows", message: `want at most ${mostShadows}, got ${spec.shadows.length}` });
  }
  const warmed = spec.variants.filter(({ warmup }) => (warmup?.copies ?? 0) > 0).length;
  if (warmed > 0 && spec.shadows.length + warmed > mostShadows) {
    problems.push({
      path: "variants",
      message: `want at most ${mostShadows} shadows and variants with a warmup together, got ${spec.shadows.length + warmed}`,
    });
  }
  const variants = spec.variants.map((variant, index) => planVariant(variant, index, problems));
  if (!assigner.ok || problems.length > 0) return { ok: false, problems };
  const looksAtAnswers = spec.score !== undefined || spec.variants.some((v) => v.expectVersion !== undefined);
  return {
    ok: true,
    value: {
      spec,
      assigner: assigner.value,
      variants,
      keySteps: assigner.value.keyRules.stages.map((stage) =>
        stage.kind === "metadata"
          ? stage
          : { kind: "message", readers: perDialect((dialect) => dialect.requestReader(stage.from, spec.key.ignore)) },
      ),
      factsReaders: perDialect((dialect) => dialect.requestReader([], [])),
      scoreReaders: looksAtAnswers ? perDialect((dialect) => dialect.scoreReader(spec.score)) : new Map(),
      chooses: Object.values(spec.weights).filter((weight) => weight > 0).length > 1 || spec.shadows.length > 0,
    },
  };
}

function planVariant(spec: VariantSpec, index: number, problems: Problem[]): VariantPlan {
  const address = readAddress(spec.address);
  if (!address.ok) problems.push({ path: `variants.${spec.name}.address`, message: address.message });
  const { model } = spec;
  return {
    spec,
    index,
    address: address.ok ? address.value : { kind: "tcp", host: "", port: 0 },
    overrides: model === undefined ? new Map() : perDialect((dialect) => dialect.override(model)),
  };
}

function perDialect<T>(make: (dialect: Dialect) => T): ReadonlyMap<DialectName, T> {
  return new Map(Object.values(dialects).map((dialect) => [dialect.name, make(dialect)]));
}
