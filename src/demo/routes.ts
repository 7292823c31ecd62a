/** The demo's route file: what a person would write to put a challenger and a shadow beside a champion. */
import type { DialectName } from "../model/route.ts";

/** The name under which callers know the model. */
export const modelName = "credit";

export interface DemoRoute {
  readonly name: string;
  readonly dialect: DialectName;
  /** For headings. */
  readonly title: string;
}

export const demoRoutes: readonly DemoRoute[] = [
  { name: "credit-tfs", dialect: "tensorflow-serving", title: "TensorFlow Serving" },
  { name: "credit-oip", dialect: "open-inference", title: "Open Inference Protocol v2" },
];

export const routeTitles: ReadonlyMap<string, string> = new Map(demoRoutes.map(({ name, title }) => [name, title]));

/** The route whose weights the demo changes; nobody may move on the other. */
export const changedRoute = "credit-tfs";

/** What one types to give a route other weights, after `contender`. */
export function weightsCommand(route: string, [v1, v2]: readonly [number, number]): string[] {
  return ["route", "weights", route, `v1=${v1},v2=${v2}`];
}

/** Share of the champion's users whose calls the shadow gets too, in percent. */
export const shadowPercent = 25;

export interface RouteFileOptions {
  /** `HOST:PORT` of v1 (champion), v2 (challenger) and v3 (shadow). */
  readonly addresses: readonly [string, string, string];
  /** Of champion and challenger. */
  readonly weights: readonly [number, number];
  /** The route's name where it is undefined. */
  readonly salt: string | undefined;
}

/** Both routes as one YAML file. Texts are quoted as JSON, which YAML includes. */
export function routeFile({ addresses, weights, salt }: RouteFileOptions): string {
  const [v1, v2, v3] = addresses.map((address) => JSON.stringify(address));
  const documents = demoRoutes.map(
    ({ name, dialect }, i) => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name} }
spec:
  default: ${i === 0}
  match: { dialect: ${dialect}, models: [${modelName}] }
  key: { from: [{ metadata: x-user-id }] }
${salt === undefined ? "" : `  salt: ${JSON.stringify(salt)}\n`}  score: { output: scores, index: 1, range: [0, 1] }
  variants:
    v1: { address: ${v1}, expectVersion: "1" }
    v2: { address: ${v2}, expectVersion: "2" }
    v3: { address: ${v3}, expectVersion: "3" }
  champion: v1
  weights: { v1: ${weights[0]}, v2: ${weights[1]} }
  shadows:
    v3: { percent: ${shadowPercent} }
`,
  );
  return documents.join("---\n");
}
