/** Reads TypeScript sources far enough to see who imports what; TypeScript 7 has no API for it, so oxc's parser does. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

export interface Import {
  /** A file of the tree (`src/base/clock.ts`) or a package's name (`node:net`, `@grpc/grpc-js`). */
  readonly target: string;
  readonly kind: "file" | "package";
  /** Imported names; empty where all of it is taken: `import * as`, `import("…")`, `export * from`. */
  readonly names: readonly string[];
  /** Gone when the program runs: `import type`, `export type`, `import("…").Type`; not `import { type X }`, which stays. */
  readonly erased: boolean;
}

export interface Module {
  readonly path: string;
  readonly imports: readonly Import[];
  readonly exportsDefault: boolean;
  readonly lines: number;
}

/** Every file under `root/folder` that `wanted` takes, as path (with `/`, from `root`) to text. */
export function readSources(root: string, folder: string, wanted: (path: string) => boolean): Map<string, string> {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter(wanted)
    .sort();
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

/**
 * What a source imports, by any means: statements, `import type`, re-exports, `import("…")` as value or as type.
 *
 * @throws Error where the text does not parse, or an `import(…)` has a computed name, which nothing could check
 */
export function parseModule(path: string, text: string): Module {
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports: Import[] = [];
  const add = (specifier: string, erased: boolean, names: readonly string[] = []) =>
    imports.push({ ...resolve(path, specifier), names, erased });

  new Visitor({
    ImportDeclaration({ source, importKind, specifiers }) {
      const names = specifiers.map((one) => (one.type === "ImportSpecifier" ? nameOf(one.imported) : undefined));
      add(source.value, importKind === "type", names.includes(undefined) ? [] : (names as string[]));
    },
    ExportNamedDeclaration({ source, exportKind, specifiers }) {
      if (source === null) return;
      const names = specifiers.map(({ local }) => nameOf(local));
      add(source.value, exportKind === "type", names);
    },
    ExportAllDeclaration({ source, exportKind }) {
      add(source.value, exportKind === "type");
    },
    ImportExpression({ source }) {
      if (source.type !== "Literal" || typeof source.value !== "string") {
        throw new Error(`${path}: import() of a computed name`);
      }
      add(source.value, false);
    },
    TSImportType({ source }) {
      add(source.value, true);
    },
  }).visit(program);

  const exportsDefault = module.staticExports.some(({ entries }) =>
    entries.some(({ exportName }) => exportName.kind === "Default" || exportName.name === "default"),
  );
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return { path, imports, exportsDefault, lines };
}

/** Of an imported or exported name, which may be a string: `import { "a b" as c }`. */
function nameOf(name: { readonly name: string } | { readonly value: string }): string {
  return "name" in name ? name.name : name.value;
}

function resolve(from: string, specifier: string): Pick<Import, "target" | "kind"> {
  if (specifier.startsWith(".")) return { target: posix.join(dirname(from), specifier), kind: "file" };
  const parts = specifier.split("/");
  const isPath = !specifier.startsWith("node:");
  return { target: isPath ? parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/") : specifier, kind: "package" };
}
