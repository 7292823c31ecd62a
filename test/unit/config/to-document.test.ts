import assert from "node:assert/strict";
import { environmentSnapshot } from "../../../src/config/environment-route.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { parseSettings } from "../../../src/config/settings.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import type { Snapshot } from "../../../src/model/route.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";

const around = { local: "127.0.0.1:8500" };

/** Reads what `toDocument` wrote, as JSON. */
function again(snapshot: Snapshot): Snapshot {
  const texts = snapshot.routes.map((route) => ({ name: route.name, text: JSON.stringify(toDocument(route)) }));
  return parsedValue(loadTexts(snapshot.source, texts, { local: "nowhere:1" }));
}

/** Fixtures that hold what a document must not show, or can't keep. */
const special = new Set(["everything", "doubtful", "numbers-as-names"]);

const fixture = (name: string) => routeFixtures("valid").find((each) => each.name === name)?.text ?? "";

const load = (text: string) => parsedValue(loadTexts("file:x", [{ name: "x", text }], around));

describe("toDocument", () => {
  for (const { name, text } of routeFixtures("valid").filter((each) => !special.has(each.name))) {
    it(`writes what reads back to the same routes: ${name}`, () => {
      const snapshot = load(text);
      assert.deepEqual(again(snapshot), snapshot);
    });
  }

  it("loses the order of names that are digits alone, and nothing else of them", () => {
    const snapshot = load(fixture("numbers-as-names"));
    const [before] = snapshot.routes;
    const [after] = again(snapshot).routes;
    assert.deepEqual({ ...after, variants: after?.variants.toReversed() }, before);
  });

  it("writes the environment's route as a document too", () => {
    const env = { CONTENDER_CHAMPION: "local", CONTENDER_CHALLENGERS: "v2=a:1", CONTENDER_WEIGHTS: "champion=1,v2=2" };
    const snapshot = parsedValue(environmentSnapshot(parsedValue(parseSettings(env))));
    assert.deepEqual(again(snapshot), snapshot);
  });

  it("blanks metadata that speaks of secrets, and keeps all other", () => {
    const snapshot = load(fixture("everything"));
    const text = JSON.stringify(snapshot.routes.map(toDocument));
    assert.ok(JSON.stringify(snapshot).includes("Bearer abc"));
    assert.ok(!text.includes("Bearer abc"));
    assert.ok(text.includes('"metadata":{"x-tenant":"blue","authorization":"[redacted]"}'));
  });
});
