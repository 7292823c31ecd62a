import assert from "node:assert/strict";
import type { RouteSpec } from "../../../src/model/route.ts";
import { type Plan, planSnapshot, serviceOf } from "../../../src/plan/plan.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";
import { routeSpec, variantSpec } from "../../support/routes.ts";

const tfPredict = "/tensorflow.serving.PredictionService/Predict";
const tfMetadata = "/tensorflow.serving.PredictionService/GetModelMetadata";
const oipInfer = "/inference.GRPCInferenceService/ModelInfer";

function plan(...routes: readonly Partial<RouteSpec>[]): Plan {
  return parsedValue(planSnapshot({ version: "1", source: "test", routes: routes.map((route) => routeSpec(route)) }));
}

const any = { dialect: undefined, models: [], services: [] };

describe("a plan", () => {
  it("keeps its snapshot and gives the default route what is nobody else's", () => {
    const made = plan({ name: "a", default: false }, { name: "b", default: true });
    assert.equal(made.snapshot.version, "1");
    assert.deepEqual(
      made.routes.map(({ spec }) => spec.name),
      ["a", "b"],
    );
    assert.equal(made.fallback.spec.name, "b");
  });

  it("takes the first route for the default one where none says that it is", () => {
    assert.equal(plan({ name: "a", default: false }, { name: "b", default: false }).fallback.spec.name, "a");
  });

  it("finds a prediction's method, its dialect and its route", () => {
    const { method, dialect, route, byModel } = plan({ name: "a" }).methodPlan(tfPredict);
    assert.equal(method?.name, "Predict");
    assert.equal(dialect?.name, "tensorflow-serving");
    assert.equal(route?.spec.name, "a");
    assert.equal(byModel, undefined);
  });

  it("leaves methods that are no predictions without a route", () => {
    const { method, route } = plan({ name: "a" }).methodPlan(tfMetadata);
    assert.notEqual(method, undefined);
    assert.equal(route, undefined);
  });

  it("binds a route to its dialect alone", () => {
    const made = plan({ name: "tf", match: { ...any, dialect: "tensorflow-serving" } });
    assert.equal(made.methodPlan(tfPredict).route?.spec.name, "tf");
    assert.equal(made.methodPlan(oipInfer).route, undefined);
  });

  it("separates routes by the model that a request names, with one for all others", () => {
    const made = plan(
      { name: "fraud", match: { ...any, models: ["fraud", "fraud-eu"] } },
      { name: "spam", match: { ...any, models: ["spam"] } },
      { name: "rest" },
      { name: "rest, too late" },
    );
    const { route, byModel } = made.methodPlan(tfPredict);
    assert.deepEqual(
      [...(byModel ?? [])].map(([model, each]) => `${model}: ${each.spec.name}`),
      ["fraud: fraud", "fraud-eu: fraud", "spam: spam"],
    );
    assert.equal(route?.spec.name, "rest");
  });

  it("has no route for other models where every route names its own", () => {
    const { route, byModel } = plan({ match: { ...any, models: ["fraud"] } }).methodPlan(tfPredict);
    assert.equal(route, undefined);
    assert.equal(byModel?.size, 1);
  });

  it("finds a route by its service where no dialect knows the path", () => {
    const made = plan({ name: "own", match: { ...any, services: ["my.Model"] } }, { name: "other" });
    const own = made.methodPlan("/my.Model/Anything");
    assert.deepEqual([own.route?.spec.name, own.method, own.dialect], ["own", undefined, undefined]);
    assert.equal(made.methodPlan("/my.Model2/Anything").route, undefined);
    assert.equal(made.methodPlan(tfPredict).route?.spec.name, "other", "its services are all it takes");
  });

  it("leaves what a dialect's service has beside its predictions to the default route, whoever names that service", () => {
    const services = ["tensorflow.serving.PredictionService"];
    const made = plan({ name: "a", match: { ...any, services } });
    for (const path of [tfMetadata, "/tensorflow.serving.PredictionService/Later"]) {
      assert.equal(made.methodPlan(path).route, undefined, path);
    }
  });

  it("gives a call to the route that says more of it, in whatever order they stand", () => {
    const services = ["tensorflow.serving.PredictionService"];
    const narrow = { name: "narrow", match: { ...any, models: ["fraud"], services } };
    const wide = { name: "wide", match: { ...any, models: ["fraud"] } };
    const dialect = { name: "dialect", match: { ...any, dialect: "tensorflow-serving" as const } };
    const rest = { name: "rest", match: any };
    for (const routes of [
      [narrow, wide, dialect, rest],
      [rest, dialect, wide, narrow],
    ]) {
      const { route, byModel } = plan(...routes).methodPlan(tfPredict);
      assert.deepEqual([byModel?.get("fraud")?.spec.name, route?.spec.name], ["narrow", "dialect"]);
    }
  });

  it("keeps a route with services of a dialect to these", () => {
    const services = ["tensorflow.serving.PredictionService"];
    const made = plan({ name: "tf", match: { ...any, services } });
    assert.equal(made.methodPlan(tfPredict).route?.spec.name, "tf");
    assert.equal(made.methodPlan(oipInfer).route, undefined);
  });

  it("gives the same plan for the same path, and one for all that it doesn't know", () => {
    const made = plan({});
    assert.equal(made.methodPlan(tfPredict), made.methodPlan(tfPredict));
    assert.equal(made.methodPlan("/a.B/C"), made.methodPlan("/d.E/F"));
    assert.deepEqual(made.methodPlan(""), {
      method: undefined,
      dialect: undefined,
      route: undefined,
      byModel: undefined,
    });
  });

  it("names every problem with its route", () => {
    const bad = { variants: [variantSpec("v41", { address: "nowhere" }), variantSpec("v42", { address: "" })] };
    const routes = [routeSpec({ name: "a", ...bad }), routeSpec({ name: "b", ...bad })];
    assert.deepEqual(
      problemsOf(planSnapshot({ version: "1", source: "test", routes })).map(({ path }) => path),
      ["a.variants.v41.address", "a.variants.v42.address", "b.variants.v41.address", "b.variants.v42.address"],
    );
  });

  it("wants at least one route", () => {
    assert.deepEqual(problemsOf(planSnapshot({ version: "1", source: "test", routes: [] })), [
      { path: "routes", message: "want at least one route" },
    ]);
  });
});

describe("the service of a path", () => {
  for (const [path, service] of [
    ["/pkg.Service/Method", "pkg.Service"],
    ["/a/b/c", "a/b"],
    ["/Method", ""],
    ["//Method", ""],
    ["Method", ""],
    ["", ""],
    ["/pkg.Service/", "pkg.Service"],
  ] as const) {
    it(`of ${JSON.stringify(path)} is ${JSON.stringify(service)}`, () => assert.equal(serviceOf(path), service));
  }
});
