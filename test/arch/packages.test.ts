/** package-lock.json: what a production install brings, and that nothing of it runs a program of its own on the way. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
}

const root = new URL("../../", import.meta.url);
const { packages } = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8")) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const production = Object.entries(packages).filter(
  ([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional,
);

/** A script that asks for funding or checks a version, and that a production install does without: why, by package. */
const needless: Readonly<Record<string, string>> = {
  "node_modules/@grpc/proto-loader/node_modules/protobufjs":
    "warns of a version scheme it does not know; writes nothing",
  "node_modules/@grpc/reflection/node_modules/protobufjs": "warns of a version scheme it does not know; writes nothing",
};

describe("a production install", () => {
  it("has packages", () => assert.ok(production.length > 20));

  it("runs no package's script: npm is told so, for those who clone and for the image", () => {
    assert.match(readFileSync(new URL(".npmrc", root), "utf8"), /^ignore-scripts=true$/m);
    assert.match(readFileSync(new URL("Dockerfile", root), "utf8"), /COPY package\.json package-lock\.json \.npmrc/);
  });

  it("needs no package's script, and those that have one are known", () => {
    const scripted = production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
    assert.deepEqual(scripted, Object.keys(needless));
  });

  it("takes every package by its hash", () => {
    const unhashed = production.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? "")).map(([path]) => path);
    assert.deepEqual(unhashed, []);
  });
});
