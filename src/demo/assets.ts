/**
 * Where the demo's files lie.
 *
 * Models and data are kept once, beside the sources, and are found from there whether this module runs as written or
 * compiled into `dist/`: both lie two folders below the package's root.
 */
import { fileURLToPath } from "node:url";

const packageRoot = new URL("../../", import.meta.url);
const demoRoot = new URL("src/demo/", packageRoot);

/** The program that people start, for child processes: whatever it does at its start, the demo does too. */
export const contenderBin = fileURLToPath(new URL("bin/contender.js", packageRoot));

export const dataFile = fileURLToPath(new URL("data/german-credit.csv", demoRoot));
export const schemaFile = fileURLToPath(new URL("data/schema.json", demoRoot));

/** `dialect`: a folder of `proto/`. */
export function protoFolder(dialect: "tensorflow-serving" | "tensorflow" | "open-inference"): string {
  return fileURLToPath(new URL(`proto/${dialect}`, packageRoot));
}

export function modelFile(version: number): string {
  return fileURLToPath(new URL(`models/credit-v${version}.onnx`, demoRoot));
}

/** A module of this folder to be run as a process of its own: `.ts` beside sources, `.js` beside compiled files. */
export function demoModule(name: string): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./${name}.${extension}`, import.meta.url);
}
