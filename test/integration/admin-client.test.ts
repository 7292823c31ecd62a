/** The client of AdminService, over a real connection. */
import assert from "node:assert/strict";
import { Metadata, status } from "@grpc/grpc-js";
import { AdminClient } from "../../src/api/admin-client.ts";
import { durationMessage } from "../../src/api/messages.ts";
import { messageType } from "../../src/api/protos.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { parseControlClient } from "../../src/config/control-client.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import { AdminService, type Answers } from "../support/admin-service.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { parsedValue } from "../support/parsed.ts";

const intent = { reason: "v42 is good", expectedRevision: 11, dryRun: true };
const at = durationMessage(Date.UTC(2026, 2, 1, 10));
const author = { name: "ana@laptop?", at, reason: "why" };
const shares = [{ variant: "v41", share: 1 }];

async function refusal(asking: Promise<unknown>): Promise<string> {
  try {
    await asking;
  } catch (reason) {
    return (reason as Error).message;
  }
  return assert.fail("it was not refused");
}

describe("the client of AdminService", () => {
  let service: AdminService;
  let client: AdminClient;
  const open = async (answers: Answers, actor = "ana@laptop", timeoutMs = 10_000, clock: Clock = systemClock) => {
    service = await AdminService.open(answers);
    const control = parsedValue(parseControlClient({ CONTENDER_CONTROL: service.address }));
    client = new AdminClient({ control, actor, timeoutMs, clock, openPem: pemFiles(systemClock) });
  };
  afterEach(() => {
    client.close();
    service.close();
  });

  it("asks for a change and reads what became of it", async () => {
    const moves = [{ from: "v41", to: "v42", slots: 6_554 }];
    const change = { name: "fraud", kind: "CHANGE_KIND_WEIGHTS", revision: 12, moves, withheldFrom: ["fraud-0"] };
    const warnings = [{ path: "spec.weights", message: "is low", where: "" }];
    await open({ SetWeights: () => ({ change: { ...change, warnings }, revision: 13 }) });
    const done = await client.setWeights("fraud", [["v41", 90]], intent);
    assert.deepEqual(done, {
      changes: [
        { ...change, withheldCount: 1, kind: "weights", warnings: [{ path: "spec.weights", message: "is low" }] },
      ],
      revision: 13,
    });
    const weights = [{ variant: "v41", weight: 90 }];
    assert.deepEqual(service.asked, [
      { method: "SetWeights", request: { name: "fraud", weights, intent }, actor: "ana@laptop" },
    ]);
  });

  it("sends texts, names and revisions as they were given", async () => {
    const change = { name: "fraud", kind: "CHANGE_KIND_UNDONE" };
    await open({
      ApplyRoutes: () => ({ changes: [change, change], revision: 2 }),
      UndoRoute: () => ({ change, revision: 3 }),
      DeleteRoute: () => ({ change: { name: "fraud", kind: "CHANGE_KIND_DELETED" }, revision: 4 }),
    });
    const texts = [{ name: "a.yaml", text: "x" }];
    assert.equal((await client.apply(texts, intent)).changes.length, 2);
    assert.equal((await client.undo("fraud", 7, intent)).changes[0]?.kind, "undone");
    assert.equal((await client.delete("fraud", intent)).changes[0]?.kind, "deleted");
    assert.deepEqual(
      service.asked.map(({ request }) => request),
      [
        { texts, intent },
        { name: "fraud", toRevision: 7, intent },
        { name: "fraud", intent },
      ],
    );
  });

  it("reads routes, now and as they were", async () => {
    const table = [{ variant: "v41", slots: 65_536 }];
    const route = { name: "fraud", document: "x", revision: 3, champion: "v41", weights: shares, table, author };
    await open({ GetRoute: () => ({ route }), ListRoutes: () => ({ routes: [route], revision: 9 }) });
    const atMs = Date.UTC(2026, 2, 1, 10);
    const read = { ...route, author: { name: "ana@laptop?", atMs, reason: "why" } };
    assert.deepEqual(await client.get("fraud", atMs + 250), read);
    assert.deepEqual(await client.get("fraud", undefined), read);
    assert.deepEqual(await client.list(), { routes: [read], revision: 9 });
    const [past, now] = service.asked.map(({ request }) => request);
    assert.deepEqual(past, { name: "fraud", at: { seconds: at.seconds, nanos: 250_000_000 } });
    assert.deepEqual(now, { name: "fraud", at: null });
  });

  it("reads a history, a kind that this release does not know included", async () => {
    const entry = { revision: 3, kind: 42, author, document: "x", weights: shares, moves: [] };
    await open({ GetHistory: () => ({ entries: [entry] }) });
    const [first] = await client.history("fraud", 5);
    assert.equal(first?.kind, "42");
    assert.deepEqual(service.asked[0]?.request, { name: "fraud", limit: 5 });
  });

  it("reads the fleet, and gives the service the time that it is to wait on top of its own", async () => {
    const problems = [{ path: "routes", message: "none", where: "x" }];
    const sidecar = { instance: "i", pod: "p", state: "SIDECAR_STATE_REJECTED", revision: 3, problems, lastSeen: at };
    const clock = new ManualClock();
    const late = () => {
      clock.advance(5_009);
      return { sidecars: [sidecar], revision: 9 };
    };
    await open({ ListSidecars: late }, "ana", 10, clock);
    const question = { route: "fraud", waitForRevision: 9, waitAtMostMs: 5_000 };
    const { sidecars } = await client.sidecars(question);
    const { state, lastSeenMs, startedAtMs } = sidecars[0] ?? {};
    assert.deepEqual([state, lastSeenMs, startedAtMs], ["rejected", Date.UTC(2026, 2, 1, 10), undefined]);
    assert.deepEqual(sidecars[0]?.problems, problems);
    const waitAtMost = { seconds: 5, nanos: 0 };
    assert.deepEqual(service.asked[0]?.request, { route: "fraud", waitForRevision: 9, waitAtMost });
  });

  it("signs with a name that a header can hold", async () => {
    await open({ ListRoutes: () => ({ routes: [], revision: 0 }) }, "zoë@lap top\n");
    await client.list();
    assert.equal(service.asked[0]?.actor, "zo?@lap?top?");
  });

  const refusals: readonly (readonly [what: string, code: number, details: string, says: string])[] = [
    ["conflicts", status.ABORTED, "contender: [CONFLICT] fraud has revision 9", "[CONFLICT] fraud has revision 9"],
    ["what is not allowed", status.PERMISSION_DENIED, "want the role operate", "[FORBIDDEN] want the role operate"],
    ["strangers", status.UNAUTHENTICATED, "who asks?", "[FORBIDDEN] who asks?"],
    ["routes that are not there", status.NOT_FOUND, "no route x", "[ROUTE_UNKNOWN] no route x"],
    ["a store that is away", status.UNAVAILABLE, "contender: [STORE_UNAVAILABLE] etcd", "[STORE_UNAVAILABLE] etcd"],
  ];
  for (const [what, code, details, says] of refusals) {
    it(`tells ${what} by their own name`, async () => {
      await open({ ListRoutes: () => Promise.reject({ code, details }) });
      assert.equal(await refusal(client.list()), says);
    });
  }

  /** That is meant. */
  const wet = { ...intent, dryRun: false };
  const unanswered: readonly (readonly [what: string, code: number, details: string, known: boolean])[] = [
    ["whose answer was lost", status.UNAVAILABLE, "Connection dropped", false],
    ["that came to another end", status.CANCELLED, "cancelled", false],
    [
      "that the store may have taken",
      status.UNAVAILABLE,
      "contender: [STORE_UNAVAILABLE] etcd does not answer; it may have been done",
      false,
    ],
    [
      "that the store did not take",
      status.UNAVAILABLE,
      "contender: [STORE_UNAVAILABLE] etcd does not answer: no leader",
      true,
    ],
    ["that was refused", status.ABORTED, "contender: [CONFLICT] fraud has revision 9", true],
    ["that was not sent", status.UNAVAILABLE, "No connection established. Last error: refused", true],
  ];
  for (const [what, code, details, known] of unanswered) {
    it(`says of a change ${what} ${known ? "nothing besides" : "that nobody knows whether it was made"}`, async () => {
      const refuse = () => Promise.reject({ code, details });
      await open({
        ApplyRoutes: refuse,
        SetWeights: refuse,
        UndoRoute: refuse,
        DeleteRoute: refuse,
        ListRoutes: refuse,
      });
      const unknown = /\nwhether the change was made is not known: contender route history/;
      const all = (given: typeof intent) => [
        client.apply([], given),
        client.setWeights("fraud", [], given),
        client.undo("fraud", 0, given),
        client.delete("fraud", given),
      ];
      for (const change of all(wet)) assert.equal(unknown.test(await refusal(change)), !known);
      for (const looked of [client.list(), ...all(intent)]) {
        assert.doesNotMatch(await refusal(looked), unknown);
      }
      assert.equal(service.asked.length, 9);
    });
  }

  it("does not know of a change that was not answered in time", async () => {
    await open({ DeleteRoute: () => new Promise(() => undefined) }, "ana", 20);
    assert.match(
      await refusal(client.delete("fraud", wet)),
      /within 20 ms.*\nwhether the change was made is not known/,
    );
  });

  it("lists every problem of a refused document once, though its text has them too", async () => {
    const problems = [
      { path: "spec.weights", message: "want a sum above zero", where: "fraud.yaml:7" },
      { path: "spec.champion", message: "is missing", where: "fraud.yaml:4" },
    ];
    const metadata = new Metadata();
    metadata.set("contender-problems-bin", messageType<object>("Problems").encode({ problems }));
    const details =
      "contender: [CONFIG_INVALID] nothing was changed:\nfraud.yaml:7: spec.weights: want a sum above zero";
    await open({ ApplyRoutes: () => Promise.reject({ code: status.INVALID_ARGUMENT, details, metadata }) });
    assert.equal(
      await refusal(client.apply([], intent)),
      `[CONFIG_INVALID] nothing was changed:
fraud.yaml:7: spec.weights: want a sum above zero
fraud.yaml:4: spec.champion: is missing`,
    );
  });

  it("takes an answer without what it asked for as no answer", async () => {
    await open({ GetRoute: () => ({}) });
    assert.match(await refusal(client.get("fraud", undefined)), /^\[CONTROL_UNREACHABLE\].* without a route/);
  });
});
