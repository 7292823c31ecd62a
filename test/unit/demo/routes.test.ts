import assert from "node:assert/strict";
import { loadTexts } from "../../../src/config/files.ts";
import { demoRoutes, routeFile } from "../../../src/demo/routes.ts";

const addresses = ["127.0.0.1:9001", "127.0.0.1:9002", "127.0.0.1:9003"] as const;

function load(text: string) {
  return loadTexts("file:routes.yaml", [{ name: "routes.yaml", text }], { local: "127.0.0.1:8500" });
}

describe("the demo's route file", () => {
  const loaded = load(routeFile({ addresses, weights: [80, 20], salt: undefined }));

  it("is taken by the sidecar without a doubt", () => {
    assert.deepEqual([loaded.ok, loaded.ok ? [] : loaded.problems, loaded.warnings], [true, [], []]);
  });

  it("holds a route per dialect with champion, challenger and shadow", () => {
    assert.ok(loaded.ok);
    const routes = loaded.value.routes.map(({ name, match, champion, weights, shadows, variants, salt }) => ({
      ...{ name, dialect: match.dialect, champion, weights, salt },
      shadows: shadows.map(({ variant, percent }) => `${variant} ${percent}`),
      variants: variants.map((variant) => `${variant.name} ${variant.address}`),
    }));
    const each = {
      champion: "v1",
      weights: { v1: 80, v2: 20 },
      shadows: ["v3 25"],
      variants: ["v1 127.0.0.1:9001", "v2 127.0.0.1:9002", "v3 127.0.0.1:9003"],
    };
    assert.deepEqual(
      routes,
      demoRoutes.map(({ name, dialect }) => ({ name, dialect, salt: name, ...each })),
    );
  });

  it("takes any text as salt", () => {
    const salt = 'a: "b" #{c}\n';
    const salted = load(routeFile({ addresses, weights: [99.5, 0.5], salt }));
    assert.ok(salted.ok, JSON.stringify(salted));
    assert.deepEqual(
      salted.value.routes.map((route) => route.salt),
      [salt, salt],
    );
  });
});
