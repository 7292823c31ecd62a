/** Documents that somebody applies take time to read, and everybody else is served meanwhile. */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { longestDocument, mostDocuments, readDocumentsOf } from "../../../src/control/routes/request-documents.ts";
import { Turns } from "../../../src/control/turns.ts";
import { startControl, type TestControl } from "../../support/control.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const document = (name: string, more = ""): string =>
  `apiVersion: contender.dev/v1alpha1\nkind: ModelRoute\nmetadata: { name: ${name} }\nspec: { variants: { v1: { address: local } }, champion: v1, match: { models: [${name}] } }\n${more}`;

describe("documents that are applied", function () {
  this.timeout(30_000);
  const own = new Owned();
  let control: TestControl;
  afterEach(() => own.close());
  beforeEach(async () => {
    control = own.add(await startControl(own.add(new TempFolder()).at("store")));
  });

  const apply = (...texts: readonly string[]): Promise<string> =>
    control
      .call("AdminService", "ApplyRoutes", { texts: texts.map((text, index) => ({ name: `${index}.yaml`, text })) })
      .then(
        () => "applied",
        ({ details }) => details,
      );

  it("are read in turns, between which others are served", async () => {
    const order: string[] = [];
    const tell = (what: string) => () => void order.push(what);
    const applied = apply(...Array.from({ length: 3 }, () => "- a\n".repeat(32_000))).then(tell("applied"));
    const listed = (async () => {
      for (let call = 0; call < 5; call++) {
        await control.call("AdminService", "ListRoutes", {});
        tell("listed")();
      }
    })();
    await Promise.all([applied, listed]);
    assert.deepEqual(order, ["listed", "listed", "listed", "listed", "listed", "applied"]);
  });

  it("are read no further for somebody who has gone", async () => {
    let asked = 0;
    const gone = (): boolean => ++asked === 2;
    const text = "- a\n".repeat(32_000);
    await assert.rejects(readDocumentsOf([{ name: "x", text }], new Turns(systemClock), gone), /has gone meanwhile/);
    assert.equal(asked, 2);
  });

  it("are refused by their length before they are read, each by its line", async () => {
    const long = `${document("b")}${"#".repeat(longestDocument)}\n`;
    const told = await apply(document("a"), `${document("c")}---\n${long}`);
    assert.match(
      told,
      /^contender: \[CONFIG_INVALID\] nothing was changed:\n1\.yaml:5: want at most 131072 bytes, got 131\d\d\d$/,
    );
    assert.equal(await apply(document("a", `${"#".repeat(longestDocument - 300)}\n`)), "applied");
  });

  it("are counted before they are read", async () => {
    const told = await apply("--- a\n".repeat(150), "--- a\n".repeat(150));
    assert.equal(
      told,
      `contender: [CONFIG_INVALID] nothing was changed:\n1.yaml: want at most ${mostDocuments} documents at once, got more`,
    );
  });

  it("may have as many empty ones among them as people leave", async () => {
    assert.equal(await apply(`---\n${document("a")}${"---\n# nothing\n".repeat(100)}`), "applied");
  });
});
