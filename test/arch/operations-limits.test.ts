/**
 * Limits that docs/operations.md tells in its sentences are those of the code: a number in prose is no less a promise than one in a table,
 * and easier to forget.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolveAdminOptions } from "../../src/admin/options.ts";
import { errorTable } from "../../src/base/errors.ts";
import { countsBounds } from "../../src/control/counts/counts.ts";
import { reportBounds } from "../../src/control/counts/report-bounds.ts";
import { connectionBounds } from "../../src/control/ports/connection-bounds.ts";
import { refusalBounds } from "../../src/control/ports/refusal.ts";
import { requestBounds } from "../../src/control/ports/request-bounds.ts";
import { serverDefaults } from "../../src/control/ports/server.ts";
import { longestDocument, mostDocuments } from "../../src/control/routes/request-documents.ts";
import { watchBounds } from "../../src/control/watch/watch-bounds.ts";
import { fetchRate } from "../../src/control/watch/watch-service.ts";
import { backoff } from "../../src/sync/backoff.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/operations.md");

/** A number that a file keeps to itself, by the name that it has there. */
function constantOf(path: string, name: string): number {
  const [, digits = ""] = new RegExp(`\\b${name}(?: =|:) ([\\d_]+)[,;]`).exec(read(path)) ?? [];
  assert.notEqual(digits, "", `${path} has no number ${name}`);
  return Number(digits.replaceAll("_", ""));
}

const count = (value: number): string => value.toLocaleString("en-US");
const seconds = (ms: number): string => `${ms / 1_000} s`;
const bytes = (value: number): string => (value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`);

const words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
const word = (value: number): string => words[value] ?? count(value);

describe("docs/operations.md", () => {
  it("has every limit of what a peer of the config service may hold or say, and no other number there", () => {
    const [, list = ""] = /What one peer may hold or say has an end\.[^\n]*\n\n((?:- [\s\S]*?\n)+)\n/.exec(page) ?? [];
    const plenty = connectionBounds(Number.MAX_SAFE_INTEGER);
    const descriptors = 10_000;
    assert.equal(plenty.perAddress / plenty.connections, 3 / 4);
    assert.match(list, /three quarters of\s+them from one address/);
    const handshakes = [
      constantOf("src/control/ports/server.ts", "handshakeTimeout"),
      constantOf("src/control/ports/http.ts", "handshakeTimeoutMs"),
    ];
    assert.equal(new Set(handshakes).size, 1);
    assert.deepEqual(list.match(/\d[\d,]*(?: (?:s|MiB|KiB)\b)?/g), [
      count(plenty.connections),
      count(descriptors - connectionBounds(descriptors).connections),
      count(constantOf("src/control/ports/http.ts", "maxConnections")),
      seconds(handshakes[0] ?? 0),
      count(serverDefaults.maxStreams),
      bytes(serverDefaults.maxMessageBytes),
      bytes(requestBounds.plain.bytes),
      count(requestBounds.plain.parts),
      bytes(requestBounds.documents.bytes),
      bytes(watchBounds.messageBytes),
      count(watchBounds.messageParts),
      bytes(reportBounds.bytes),
      count(reportBounds.series),
      bytes(serverDefaults.maxOpenBytes),
      count(mostDocuments),
      bytes(longestDocument),
      count(constantOf("src/control/routes/request-documents.ts", "mostMarkers")),
      // Of HTTP/2's header lists; test/unit/control/refusal.test.ts holds refusals to it.
      bytes(8_192),
      count(refusalBounds.problems),
      seconds(watchBounds.firstMessageMs),
      count(watchBounds.nameLength),
      count(watchBounds.capabilities),
      count(watchBounds.capabilityLength),
      count(watchBounds.strayAnswers + 1),
      count(watchBounds.unread),
      count(watchBounds.problems),
      count(watchBounds.problemLength),
      bytes(watchBounds.problemBytes),
      "1970",
      "9999",
      bytes(reportBounds.identityBytes),
      bytes(reportBounds.identityBurstBytes),
      bytes(reportBounds.leastBytes),
      // A fleet, by which the two are chosen.
      "10,000",
      count(fetchRate.perSecond),
      count(fetchRate.burst),
      count(countsBounds.instances),
      bytes(countsBounds.bytes),
    ]);
  });

  const { headersTimeoutMs, requestTimeoutMs } = resolveAdminOptions();
  const late = word(Math.min(headersTimeoutMs, requestTimeoutMs) / 1_000);
  const exits = Object.values(errorTable).map(({ exitCode }) => exitCode);
  const longest = (): number => constantOf("src/proxy/call-text.ts", "longestText");
  const sentences: readonly (readonly [what: string, sentence: () => string])[] = [
    [
      "how late the admin port finds what comes too late",
      () => `What comes too late is found every ${late} seconds, so it may last ${late} seconds longer.`,
    ],
    ["exit codes of errors", () => `| ${Math.min(...exits)} to ${Math.max(...exits)} | It gave up`],
    [
      "how often strangers' handshakes are told",
      () => `there is a line in ${word(constantOf("src/base/stranger-log.ts", "quietMs") / 1_000)} seconds at most`,
    ],
    ["how long a path is in an access line", () => `as the caller wrote it, at most ${longest()} characters. |`],
    ["how long a name is in an access line", () => `asks for one. At most ${longest()} characters. |`],
    [
      "how often a store that can't be read is tried",
      () => `could not be read; that is tried every ${everySoOften("src/control/routes/registry.ts")}.`,
    ],
    [
      "how often a replica that can't be reached is tried",
      () => `ended the stream to it; it is tried every ${everySoOften("src/control/replicas/peer-link.ts")}.`,
    ],
    ["how often a sidecar may report", () => `Reports of a sidecar: ${word(reportBounds.timesAsOften)} times as often`],
    ["how many reports come at once", () => `asks for, ${word(reportBounds.burst)} at once.`],
    [
      "how long a process is silent until it is over",
      () => `those that were silent for ${countsBounds.silentMs / 3_600_000} hours.`,
    ],
    [
      "how soon sidecars are back after an end",
      () => `sidecars come back within ${word(backoff.quickMs / 1_000)} seconds`,
    ],
  ];
  const flowing = page.replaceAll("\n", " ");
  for (const [what, sentence] of sentences) {
    it(`says truly ${what}`, () => {
      const told = sentence();
      assert.ok(flowing.includes(told), `want: ${told}`);
    });
  }
});

function everySoOften(path: string): string {
  const pauseMs = constantOf(path, "retryMs");
  return pauseMs === 1_000 ? "second" : `${word(pauseMs / 1_000)} seconds`;
}
