import assert from "node:assert/strict";
import { headline, type Progress, ProgressView } from "../../../src/demo/progress.ts";

const at = (elapsedMs: number, more: Partial<Progress> = {}): Progress => ({
  elapsedMs,
  totalMs: 15_000,
  calls: 3012,
  errors: 0,
  table: "table",
  ...more,
});

function view(columns: number | undefined) {
  const written: string[] = [];
  return { written, view: new ProgressView({ columns, write: (text) => written.push(text) }) };
}

describe("the demo's progress", () => {
  it("is a bar where there is an end to go to", () => {
    assert.equal(headline(at(5000)), "[##########--------------------] 5 s of 15 s, 3,012 calls, 0 errors");
  });

  it("says how to end it where it goes on for ever", () => {
    assert.equal(
      headline(at(5000, { totalMs: undefined })),
      "5 s, 3,012 calls, 0 errors (Ctrl-C ends it with a report)",
    );
  });

  it("does not run over the end of its bar", () => {
    assert.match(headline(at(16_000)), /^\[#{30}\]/);
  });

  it("is a line every three seconds where there is no terminal", () => {
    const { written, view: log } = view(undefined);
    for (let second = 1; second <= 7; second++) log.show(at(second * 1000));
    log.clear();
    assert.deepEqual(written, [`${headline(at(3000))}\n`, `${headline(at(6000))}\n`]);
  });

  it("draws over what it drew before at a terminal, and takes it away in the end", () => {
    const { written, view: terminal } = view(80);
    terminal.show(at(1000, { table: "a\nb" }));
    terminal.show(at(2000, { table: "a\nb" }));
    terminal.clear();
    const [first = "", second = "", cleared] = written;
    assert.equal(first.split("\n").length - 1, 4);
    assert.ok(second.startsWith("\u001b[4A\u001b[0J"), JSON.stringify(second));
    assert.equal(cleared, "\u001b[4A\u001b[0J");
  });

  it("leaves what is said above what it draws", () => {
    const { written, view: terminal } = view(80);
    terminal.show(at(1000, { table: "a" }));
    terminal.say("said\n");
    terminal.show(at(2000, { table: "a" }));
    assert.deepEqual(written.slice(1, 3), ["\u001b[3A\u001b[0J", "said\n"]);
    assert.equal(written[3], written[0]?.replace("1 s", "2 s").replace("[##-", "[####-").replace("--]", "]"));
  });

  it("cuts lines that would wrap at a narrow terminal", () => {
    const { written, view: narrow } = view(20);
    narrow.show(at(1000, { table: "x".repeat(200) }));
    assert.ok(
      written
        .join("")
        .split("\n")
        .every((line) => line.length < 20),
    );
  });
});
