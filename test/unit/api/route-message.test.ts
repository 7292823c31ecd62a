import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import {
  durationMessage,
  type RouteMessage,
  type SnapshotMessage,
  type VariantMessage,
} from "../../../src/api/messages.ts";
import { messageType } from "../../../src/api/protos.ts";
import { readSnapshot } from "../../../src/api/read-snapshot.ts";
import { routeMessage, type SentRoute } from "../../../src/api/route-message.ts";
import { problemLine } from "../../../src/base/parsed.ts";
import { loadTexts, readTexts } from "../../../src/config/files.ts";
import type { SlotRange } from "../../../src/model/slots.ts";
import { fraudText } from "../../support/route-document.ts";

const around = { local: "127.0.0.1:8500" };
const version = "0123456789ab-7-89abcdef";
const fixtures = new URL("../../fixtures/routes/valid/", import.meta.url);
const type = messageType<SnapshotMessage>("Snapshot");

const whole = (variant: string): SlotRange[] => [{ from: 0, to: 65_536, variant }];

/** Over the wire: what a sidecar reads of what was sent. */
function received(routes: readonly SentRoute[]): SnapshotMessage {
  return type.decode(type.encode({ routes, withheld: [] } as unknown as SnapshotMessage));
}

function sent(text: string): SentRoute[] {
  const { candidates, problems } = readTexts("x", [{ name: "routes.yaml", text }], around);
  assert.deepEqual(problems.map(problemLine), []);
  return candidates.map(({ draft }) => {
    const [first] = draft.variants[0] ?? [];
    return routeMessage(draft, draft.assignment === "md5-100" ? undefined : whole(first ?? ""));
  });
}

describe("a route on the wire", () => {
  for (const file of readdirSync(fixtures)) {
    const text = readFileSync(new URL(file, fixtures), "utf8");
    it(`${file} means at a sidecar what it means as a file`, () => {
      const asFile = loadTexts("x", [{ name: "routes.yaml", text }], around);
      const asMessage = readSnapshot(version, received(sent(text)), "x", around);
      assert.ok(asFile.ok && asMessage.ok);
      const bare = asMessage.value.routes.map(({ table: _, ...route }) => ({
        ...route,
        selector: undefined,
        namespace: undefined,
      }));
      const expected = asFile.value.routes.map((route) => ({ ...route, selector: undefined, namespace: undefined }));
      assert.deepEqual(bare, expected);
      assert.equal(asMessage.value.version, version);
    });
  }

  it("carries its table", () => {
    const [route] = sent(simple);
    const ranges = [
      { from: 0, to: 60_000, variant: "v41" },
      { from: 60_000, to: 65_536, variant: "v42" },
    ];
    const message = received([{ ...route, table: { variants: [0, 1], lengths: [60_000, 5_536] } }]);
    const loaded = readSnapshot(version, message, "x", around);
    assert.ok(loaded.ok);
    assert.deepEqual(loaded.value.routes[0]?.table, ranges);
  });
});

const simple = fraudText();

describe("a snapshot that is no good", () => {
  type Change = (route: Mutable<RouteMessage>) => void;
  const cases: readonly (readonly [what: string, change: Change, ...problems: string[]])[] = [
    [
      "has a weight below zero",
      weights([90, -1]),
      "spec.weights.v42: want a number, at least 0 and at most 1000000000, got -1",
    ],
    [
      "has a weight that is no number",
      weights([Number.NaN, 1]),
      "spec.weights.v41: want a number, at least 0 and at most 1000000000, got NaN",
    ],
    [
      "has a weight without end",
      weights([Number.POSITIVE_INFINITY, 1]),
      "spec.weights.v41: want a number, at least 0 and at most 1000000000, got Infinity",
    ],
    [
      "has no weight above zero",
      weights([0, 0]),
      "spec.weights: want a sum above 0: with no weight at all nobody would answer",
    ],
    [
      "has two weights of one variant",
      (route) => (route.weights = [...route.weights, { variant: "v42", weight: 5 }]),
      "spec.weights.v42: this name is there twice",
    ],
    [
      "has two variants of one name",
      (route) => (route.variants = [...route.variants, route.variants[0] as VariantMessage]),
      "spec.variants.v41: this name is there twice",
    ],
    ["has no variants", (route) => (route.variants = []), "spec.variants: want at least one variant"],
    ["has no table", (route) => (route.table = null), "table: is missing"],
    [
      "has a table that ends too early",
      (route) => (route.table = { variants: [0], lengths: [65_535] }),
      "table: want 65536 slots, got 65535",
    ],
    [
      "has a table of another length in each list",
      (route) => (route.table = { variants: [0, 1], lengths: [65_536] }),
      "table: want as many variants as lengths, got 2 and 1",
    ],
    [
      "has a table for somebody else",
      (route) => (route.table = { variants: [7], lengths: [65_536] }),
      "table.variants[0]: want a position among the variants, got 7",
    ],
    [
      "has a word that nobody knows",
      (route) => (route.assignment = "dice"),
      'spec.assignment: want one of slots, md5-100, got "dice"',
    ],
    [
      "has a time of parts of a millisecond",
      (route) => (route.maxTimeout = durationMessage(1.5)),
      'spec.maxTimeout: want whole milliseconds, got "1.5ms"',
    ],
  ];

  for (const [what, change, ...problems] of cases) {
    it(`${what} is refused whole, with every problem and its path`, () => {
      const message = received(sent(simple));
      const [route] = message.routes as [Mutable<RouteMessage>];
      change(route);
      const loaded = readSnapshot(version, message, "x", around);
      const lines = loaded.ok ? [] : loaded.problems.map(({ path, message: text }) => `${path}: ${text}`);
      for (const problem of problems) assert.ok(lines.includes(problem), lines.join("\n"));
    });
  }

  it("has no routes is refused: what a sidecar serves is kept", () => {
    const loaded = readSnapshot(version, { routes: [], withheld: [] }, "x", around);
    assert.deepEqual(loaded.ok ? [] : loaded.problems.map(problemLine), ["routes: no route applies to this sidecar"]);
  });

  it("has a torn version is refused", () => {
    for (const torn of ["", "0123456789ab-7", "0123456789ab-7-89abcde", "x"]) {
      const loaded = readSnapshot(torn, received(sent(simple)), "x", around);
      assert.deepEqual(loaded.ok ? [] : loaded.problems.map(problemLine), [
        `version: want a version of a config service, got ${JSON.stringify(torn)}`,
      ]);
    }
  });

  it("ignores what it does not know", () => {
    const bytes = type.encode({ routes: sent(simple), withheld: [] } as unknown as SnapshotMessage);
    // Field 99, a text.
    const loaded = readSnapshot(
      version,
      type.decode(Buffer.concat([bytes, Buffer.from([0x9a, 0x06, 1, 65])])),
      "x",
      around,
    );
    assert.ok(loaded.ok);
  });
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function weights(values: readonly [number, number]): (route: Mutable<RouteMessage>) => void {
  return (route) => {
    route.weights = [
      { variant: "v41", weight: values[0] },
      { variant: "v42", weight: values[1] },
    ];
  };
}
