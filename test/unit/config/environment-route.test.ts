import assert from "node:assert/strict";
import { environmentSnapshot, routeSettingsBesideFile } from "../../../src/config/environment-route.ts";
import { parseSettings, type Strings } from "../../../src/config/settings.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

const load = (env: Strings) => environmentSnapshot(parsedValue(parseSettings(env)));
const route = (env: Strings) => parsedValue(load(env)).routes[0];
const problems = (env: Strings) => problemLinesOf(load(env));

const common = {
  CONTENDER_CHAMPION: "127.0.0.1:8500",
  CONTENDER_CHALLENGERS: "v2=127.0.0.1:8501",
  CONTENDER_WEIGHTS: "champion=90,v2=10",
  CONTENDER_SHADOWS: "v3=127.0.0.1:8502@25%",
  CONTENDER_KEY: "metadata:x-user-id",
  CONTENDER_SCORE: "scores[1]",
  CONTENDER_ROUTE: "fraud",
} as const;

describe("the route of the environment", () => {
  it("is the common case, in nine variables", () => {
    const { source, routes } = parsedValue(load(common));
    assert.equal(source, "environment");
    assert.equal(routes.length, 1);
    const [fraud] = routes;
    assert.equal(fraud?.name, "fraud");
    assert.equal(fraud.default, true);
    assert.deepEqual(fraud.match, { dialect: undefined, models: [], services: [] });
    assert.deepEqual(
      fraud.variants.map(({ name, address }) => [name, address]),
      [
        ["champion", "127.0.0.1:8500"],
        ["v2", "127.0.0.1:8501"],
        ["v3", "127.0.0.1:8502"],
      ],
    );
    assert.equal(fraud.champion, "champion");
    assert.deepEqual(fraud.weights, { champion: 90, v2: 10 });
    assert.deepEqual(
      fraud.shadows.map(({ variant, percent }) => [variant, percent]),
      [["v3", 25]],
    );
    assert.deepEqual(fraud.key, { from: [{ kind: "metadata", name: "x-user-id" }], ignore: [""] });
    assert.equal(fraud.score?.index, 1);
    assert.equal(fraud.salt, "fraud");
  });

  it("raises no warning in the common case: there, the name `champion` is meant", () => {
    assert.deepEqual(load(common).warnings, []);
  });

  it("sends everything to the pod's own model server where nothing is said", () => {
    const lone = route({ CONTENDER_LOCAL: "127.0.0.1:9000" });
    assert.deepEqual(
      lone?.variants.map(({ name, address }) => [name, address]),
      [["champion", "127.0.0.1:9000"]],
    );
    assert.deepEqual(lone?.weights, { champion: 1 });
    assert.equal(lone?.name, "default");
  });

  it("names the champion as it is told", () => {
    const named = route({ CONTENDER_CHAMPION: "v41=local", CONTENDER_WEIGHTS: "v41=1" });
    assert.equal(named?.champion, "v41");
    assert.deepEqual(named?.weights, { v41: 1 });
  });

  it("gives the champion all where no weights are given, and says so", () => {
    const env = { CONTENDER_CHAMPION: "v1=local", CONTENDER_CHALLENGERS: "v2=127.0.0.1:8501" };
    assert.deepEqual(route(env)?.weights, { v1: 1 });
    assert.match(load(env).warnings[0]?.message ?? "", /no weights, so "v1" gets every call/);
  });

  it("carries the settings that shape it", () => {
    const shaped = route({
      CONTENDER_CHAMPION: "v1=local",
      CONTENDER_CHALLENGERS: "v2=127.0.0.1:8501",
      CONTENDER_WEIGHTS: "v1=95,v2=5",
      CONTENDER_KEY: "metadata:X-User, input:user_id, parameter:user",
      CONTENDER_SCORE: "logits[argmax]",
      CONTENDER_SALT: "spring",
      CONTENDER_PIN: "true",
      CONTENDER_VARIANT_HEADER: "false",
      CONTENDER_ASSIGNMENT: "md5-100",
    });
    assert.deepEqual(shaped?.key.from, [
      { kind: "metadata", name: "x-user" },
      { kind: "input", name: "user_id" },
      { kind: "parameter", name: "user" },
    ]);
    assert.equal(shaped?.score?.reduce, "argmax");
    assert.deepEqual(
      [shaped?.salt, shaped?.pin, shaped?.variantHeader, shaped?.assignment],
      ["spring", true, false, "md5-100"],
    );
  });

  it("tells every problem at once, under the variable that has it", () => {
    const lines = problems({
      CONTENDER_CHAMPION: "v41=models",
      CONTENDER_CHALLENGERS: "v42=10.0.0.2:85000,v41=10.0.0.3:8500",
      CONTENDER_WEIGHTS: "champion=90,v42=10",
      CONTENDER_SHADOWS: "v42=10.0.0.4:8500,v43=http://models:1",
    });
    assert.deepEqual(lines, [
      'CONTENDER_CHALLENGERS: "v41" is named in CONTENDER_CHAMPION already',
      'CONTENDER_SHADOWS: "v42" is named in CONTENDER_CHALLENGERS already',
      'CONTENDER_CHAMPION: want HOST:PORT, the port is missing in "models"',
      'CONTENDER_CHALLENGERS: want a port from 1 to 65535, got "10.0.0.2:85000"',
      'CONTENDER_SHADOWS: want HOST:PORT without "http://", got "http://models:1"',
      'CONTENDER_WEIGHTS: no variant is named "champion", the variants are v41, v42, v43',
      "CONTENDER_SHADOWS: a variant with a weight can't be a shadow too: it would be measured twice",
    ]);
  });

  it("refuses weights without a sum", () => {
    assert.deepEqual(problems({ CONTENDER_CHAMPION: "local", CONTENDER_WEIGHTS: "champion=0" }), [
      "CONTENDER_WEIGHTS: want a sum above 0: with no weight at all nobody would answer",
    ]);
  });

  it("misses a champion beside challengers, shadows or weights", () => {
    for (const name of ["CONTENDER_CHALLENGERS", "CONTENDER_SHADOWS"]) {
      assert.deepEqual(problems({ [name]: "v2=127.0.0.1:8501" }), [
        "CONTENDER_CHAMPION: is missing, and the others need a champion beside them",
      ]);
    }
  });

  it("refuses to call itself", () => {
    assert.match(problems({ CONTENDER_CHAMPION: "127.0.0.1:7400" })[0] ?? "", /in circles$/);
    assert.match(problems({ CONTENDER_LOCAL: "localhost:7400" })[0] ?? "", /in circles$/);
  });

  it("is refused beside a route file, each variable by its name", () => {
    const settings = parsedValue(parseSettings({ ...common, CONTENDER_CONFIG: "/routes", CONTENDER_PIN: "true" }));
    assert.deepEqual(
      routeSettingsBesideFile(settings).map(({ path }) => path),
      [
        "CONTENDER_CHAMPION",
        "CONTENDER_CHALLENGERS",
        "CONTENDER_WEIGHTS",
        "CONTENDER_SHADOWS",
        "CONTENDER_KEY",
        "CONTENDER_SCORE",
        "CONTENDER_ROUTE",
        "CONTENDER_PIN",
      ],
    );
  });

  it("leaves the file in peace with settings that shape no route", () => {
    const settings = parsedValue(parseSettings({ CONTENDER_CONFIG: "/routes", CONTENDER_LOCAL: "127.0.0.1:1" }));
    assert.deepEqual(routeSettingsBesideFile(settings), []);
  });
});
