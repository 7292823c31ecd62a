import assert from "node:assert/strict";
import { RouteDocuments } from "../../../../src/control/routes/route-documents.ts";
import { viewerOf } from "../../../../src/control/watch/choices.ts";
import { Views } from "../../../../src/control/watch/views.ts";
import { routeSet } from "../../../support/route-set.ts";

const viewer = viewerOf({ namespace: undefined, workload: undefined, pod: "a" }, "a", []);

describe("routes as JSON", () => {
  it("are documents without what selects sidecars", () => {
    const set = routeSet({
      all: { default: true },
      few: { selector: { pod: "a" } },
      other: { selector: { pod: "b" } },
    });
    const view = new Views(set).of(viewer, () => false);
    const { version, source, routes, tables } = JSON.parse(new RouteDocuments().of(set, view));
    assert.deepEqual([version, source, tables], [view.version, "control", {}]);
    assert.deepEqual(
      routes.map(({ metadata, spec }: { metadata: { name: string }; spec: object }) => [
        metadata.name,
        "selector" in spec,
      ]),
      [
        ["all", false],
        ["few", false],
      ],
    );
  });

  it("are written out once for a view, and a document is read once whatever view it is in", () => {
    const set = routeSet({ all: { default: true }, few: { selector: { pod: "a" } } });
    const read: string[] = [];
    const routes = set.routes.map((route) =>
      Object.defineProperty({ ...route }, "text", {
        get: () => {
          read.push(route.name);
          return route.text;
        },
      }),
    );
    const watched = { ...set, routes };
    const views = new Views(watched);
    const documents = new RouteDocuments();
    const narrow = views.of(viewer, () => false);
    const asked = { times: 0 };
    const asking = Object.defineProperty({ ...watched }, "routes", {
      get: () => {
        asked.times++;
        return routes;
      },
    });
    assert.equal(documents.of(asking, narrow), documents.of(asking, narrow));
    assert.equal(asked.times, 1);
    documents.of(
      watched,
      views.of(viewerOf({ ...viewer.labels, pod: "b" }, "b", []), () => false),
    );
    assert.deepEqual(read, ["all", "few"]);
  });

  it("are the same part of a view for all who see the same of it", () => {
    const set = routeSet({ all: { default: true }, few: { selector: { pod: "a" } } });
    const views = new Views(set);
    const view = views.of(viewer, () => false);
    const part = views.shown(view, ({ name }) => name === "few");
    assert.deepEqual(part.routes, ["few"]);
    assert.equal(
      views.shown(view, ({ name }) => name === "few"),
      part,
    );
    assert.equal(
      views.shown(view, () => true),
      view,
    );
  });
});
