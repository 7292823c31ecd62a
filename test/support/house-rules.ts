/** The rules of the house over a parsed tree: each function gives one line per violation, none where all is well. */
import type { Module } from "./modules.ts";

/** What each folder of src/ may import besides itself. */
export type Layers = Readonly<Record<string, readonly string[] | "anything">>;

export interface Home {
  /** Folders (`src/transport/`) or files (`src/app.ts`) that may import the package. */
  readonly homes: readonly string[];
  /** Names of it that anyone may import: they touch nothing outside the process. */
  readonly free?: readonly string[];
}

/** Packages with a home; one that is absent has none, unless it is Node's own. */
export type Homes = Readonly<Record<string, Home>>;

/** The folder of src/ that a file belongs to, or the file's own name at the top: `src/http2/hpack/x.ts` is `http2`. */
export function layerOf(path: string): string {
  return path.split("/")[1] ?? path;
}

/** Imports that reach into a folder the importer may not know, and folders that nobody has placed. */
export function layerViolations(modules: readonly Module[], layers: Layers): string[] {
  return modules.flatMap(({ path, imports }) => {
    const layer = layerOf(path);
    const allowed = layers[layer];
    if (allowed === undefined) return [`${path}: src/${layer} is not in the table of layers`];
    if (allowed === "anything") return [];
    return imports
      .filter(({ kind, target }) => kind === "file" && layerOf(target) !== layer)
      .filter(({ target }) => !(target.startsWith("src/") && allowed.includes(layerOf(target))))
      .map(({ target }) => `${path}: src/${layer} may not import ${target}`);
  });
}

/** Packages imported outside their home, and packages that have none. */
export function homeViolations(modules: readonly Module[], homes: Homes): string[] {
  return modules.flatMap(({ path, imports }) =>
    imports
      .filter(({ kind }) => kind === "package")
      .flatMap(({ target, names }) => {
        const home = homes[target];
        if (home === undefined) return target.startsWith("node:") ? [] : [`${path}: ${target} has no home`];
        const atHome = home.homes.some((place) => path === place || (place.endsWith("/") && path.startsWith(place)));
        const onlyFree = names.length > 0 && names.every((name) => home.free?.includes(name));
        return atHome || onlyFree ? [] : [`${path}: ${target} belongs to ${home.homes.join(", ") || "nobody"}`];
      }),
  );
}

/** Circles in a graph, each once, as `a -> b -> a`. */
export function cycles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (at: string, trail: readonly string[]): void => {
    const from = trail.indexOf(at);
    if (from >= 0) found.push([...trail.slice(from), at].join(" -> "));
    if (from >= 0 || done.has(at)) return;
    for (const next of imports.get(at) ?? []) walk(next, [...trail, at]);
    done.add(at);
  };
  for (const path of imports.keys()) walk(path, []);
  return found;
}

/**
 * Which files each file loads when the program runs, for `cycles`. Types are left out: the parts of one thing, such as a
 * connection and its streams, may know each other's shape within a folder, and between folders the table has no circle.
 */
export function fileGraph(modules: readonly Module[]): Map<string, string[]> {
  const loads = ({ imports }: Module) => imports.filter(({ kind, erased }) => kind === "file" && !erased);
  return new Map(modules.map((module) => [module.path, [...new Set(loads(module).map(({ target }) => target))]]));
}

/** Files longer than one idea. */
export function sizeViolations(modules: readonly Module[], limitOf: (path: string) => number): string[] {
  return modules
    .filter(({ path, lines }) => lines > limitOf(path))
    .map(({ path, lines }) => `${path}: ${lines} lines, at most ${limitOf(path)}`);
}

/** Default exports, which every importer names as they please. */
export function defaultExports(modules: readonly Module[]): string[] {
  return modules.filter(({ exportsDefault }) => exportsDefault).map(({ path }) => `${path}: has a default export`);
}

/** Folders and files whose names are not in kebab case. */
export function nameViolations(paths: Iterable<string>): string[] {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mts|js|mjs)$/;
  const folder = /^[a-z0-9]+(-[a-z0-9]+)*$/;
  return [...paths]
    .filter((path) => {
      const parts = path.split("/");
      return !(kebab.test(parts.at(-1) ?? "") && parts.slice(0, -1).every((part) => folder.test(part)));
    })
    .map((path) => `${path}: not in kebab case`);
}
