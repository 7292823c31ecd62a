import assert from "node:assert/strict";
import { h2specdReport, h2specdVerdict, h2specVerdict, problemOf } from "../../conformance/reports.ts";

const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="3.1. DATA" package="generic/3.1" id="3.1" tests="2" skipped="1" failures="0" errors="0">
    <testcase package="generic/3.1" classname="Sends a DATA frame" time="0.0005"></testcase>
    <testcase package="generic/3.1" classname="Sends more" time="0.0000"><skipped></skipped></testcase>
  </testsuite>
  <testsuite name="5.1. Stream States" package="http2/5.1" id="5.1" tests="2" skipped="0" failures="0" errors="1">
    <testcase package="http2/5.1" classname="idle: Sends a DATA frame" time="0.0003"></testcase>
    <testcase package="http2/5.1" classname="TE other than &#34;trailers&#34;" time="2.0003">
      <error>GOAWAY Frame (Error Code: PROTOCOL_ERROR)
Connection closed
Timeout</error>
    </testcase>
  </testsuite>
</testsuites>`;
const printed = "…\nFinished in 2.0900 seconds\n4 tests, 2 passed, 1 skipped, 1 failed\n";

describe("h2spec's report", () => {
  it("is read case by case, with the words of what failed", () => {
    const { failures, ...counts } = h2specVerdict(junit, printed);
    assert.deepEqual(counts, { cases: 4, passed: 2, skipped: 1, failed: 1, problem: "" });
    assert.deepEqual(failures, [
      {
        section: "http2/5.1",
        title: 'TE other than "trailers"',
        detail: "GOAWAY Frame (Error Code: PROTOCOL_ERROR) Connection closed Timeout",
      },
    ]);
  });

  for (const [what, text, told] of [
    ["other counts are printed", "4 tests, 4 passed, 0 skipped, 0 failed", /says "4 tests, 4 passed/],
    ["no counts are printed", "Error: connection refused", /says "nothing"/],
  ] as const) {
    it(`is not believed where ${what}`, () => {
      assert.match(problemOf(h2specVerdict(junit, text)), told);
    });
  }

  it("of no case at all is a problem", () => {
    assert.equal(
      problemOf(h2specVerdict("<testsuites></testsuites>", "0 tests, 0 passed, 0 skipped, 0 failed")),
      "no case was run",
    );
  });

  it("tells skipped and failed cases as the problem they are, and none where there are none", () => {
    assert.equal(
      problemOf(h2specVerdict(junit, printed)).replace(/: TE.*/s, ""),
      "1 of 4 failed:\n1 skipped\nhttp2/5.1",
    );
    const good = junit.replace(/<skipped><\/skipped>|<error>.*<\/error>/gs, "");
    assert.equal(problemOf(h2specVerdict(good, "4 tests, 4 passed, 0 skipped, 0 failed")), "");
  });
});

const link = (port: number) => `<a href="http://127.0.0.1:${port}/" target="_blank">http://127.0.0.1:${port}/</a>`;
const mark = (sign: string, port: number, title: string) =>
  `<div><span style="color: red;">${sign}</span>${link(port)}${title}</div>`;

/** As h2specd writes it: a heading for each section, a line for each case, indented lines for what failed. */
const page = [
  "<div>3 tests, 1 passed, 0 skipped, 1 failed</div><div>Generic tests for HTTP/2 client</div>",
  "<div>4. HTTP Frames</div><div>4.2. Frame Size</div>",
  mark("✔", 25_001, "Sends a DATA frame with 2^14 octets in length"),
  mark("✖", 25_002, "Sends a large size DATA frame"),
  '<div style="padding-left: 20px; color: red">-> The endpoint MUST send an error code of FRAME_SIZE_ERROR.</div>',
  '<div style="padding-left: 30px; color: yellow">Expected:&nbsp;Connection closed</div>',
  '<div style="padding-left: 30px; color: green">&nbsp;&nbsp;Actual:&nbsp;Timeout</div>',
  "<br><div>6.7. PING</div>",
  mark("&nbsp;&nbsp;", 25_003, "Sends a PING frame"),
  "<br><br>",
].join("");

describe("h2specd's page", () => {
  it("is read case by case, with each one's port, section and result", () => {
    const { cases, skipped } = h2specdReport(page);
    assert.equal(skipped, 0);
    assert.deepEqual(
      cases.map(({ port, section, title, state }) => [port, section, title, state]),
      [
        [25_001, "4.2", "Sends a DATA frame with 2^14 octets in length", "passed"],
        [25_002, "4.2", "Sends a large size DATA frame", "failed"],
        [25_003, "6.7", "Sends a PING frame", "open"],
      ],
    );
  });

  it("tells of a failed case what was wanted and what came, and fails one that never came", () => {
    const verdict = h2specdVerdict(h2specdReport(page));
    assert.deepEqual([verdict.cases, verdict.passed, verdict.failed, verdict.skipped], [3, 1, 2, 0]);
    assert.deepEqual(
      verdict.failures.map(({ detail }) => detail),
      [
        "-> The endpoint MUST send an error code of FRAME_SIZE_ERROR. Expected: Connection closed Actual: Timeout",
        "never came",
      ],
    );
  });

  it("counts skipped cases, which it marks like passed ones, apart", () => {
    const skipping = h2specdReport(page.replace("0 skipped", "1 skipped"));
    assert.deepEqual([h2specdVerdict(skipping).passed, h2specdVerdict(skipping).skipped], [0, 1]);
  });
});
