/**
 * Whether the demo can run here at all. Its model servers need packages and files that an installation for production
 * leaves out on purpose.
 */
import { existsSync } from "node:fs";
import { dataFile, modelFile, schemaFile } from "./assets.ts";

const developmentPackages = ["onnxruntime-web"];

/** What is missing, in words for people, or undefined where everything is there. */
export function whyUnavailable(
  isInstalled: (name: string) => boolean = resolves,
  isThere: (file: string) => boolean = existsSync,
): string | undefined {
  const missing = [
    ...developmentPackages.filter((name) => !isInstalled(name)).map((name) => `package ${name}`),
    ...[dataFile, schemaFile, modelFile(1), modelFile(2), modelFile(3)].filter((file) => !isThere(file)),
  ];
  if (missing.length === 0) return undefined;
  return [
    "the demo is not part of an installation for production; here it lacks",
    ...missing.map((what) => `    ${what}`),
    "  Run it in a clone of the repository: npm ci && npm start",
  ].join("\n");
}

function resolves(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
