import assert from "node:assert/strict";
import { failedSections, h2Table, withFigures } from "../../conformance/page.ts";
import type { Verdict } from "../../conformance/reports.ts";

function verdict(...sections: readonly string[]): Verdict {
  const failures = sections.map((section) => ({ section, title: "", detail: "" }));
  return { cases: 9, passed: 9 - sections.length, skipped: 0, failed: sections.length, failures, problem: "" };
}

describe("the page of figures", () => {
  const page =
    "# Page\n\n<!-- figures: from here, written by the run -->\n\nold\n\n<!-- figures: to here -->\n\nMore.\n";

  it("gets new ones between its marks, and keeps the rest", () => {
    assert.equal(withFigures(page, ["new", "lines"]), page.replace("old", "new\nlines"));
    assert.equal(withFigures(withFigures(page, ["new"]), ["old"]), page);
  });

  for (const [what, broken] of [
    ["no marks", "# Page\n"],
    ["no end", page.replace("<!-- figures: to here -->", "")],
  ] as const) {
    it(`is left alone where it has ${what}`, () => {
      assert.throws(() => withFigures(broken, ["new"]), /no place for figures/);
    });
  }

  it("has a row for each who was judged", () => {
    assert.equal(h2Table([{ who: "X 1.2", verdict: verdict("http2/5.1") }]).at(-1), "| X 1.2 | 9 | 8 | 0 | 1 |");
  });

  it("names the sections that failed, with how often where it was more than once", () => {
    assert.equal(failedSections(verdict("http2/5.1", "hpack/4.2", "http2/5.1")), "http2/5.1 (2), hpack/4.2");
  });
});
