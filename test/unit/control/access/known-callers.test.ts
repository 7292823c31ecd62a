import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { AnyCall, Callers } from "../../../../src/control/access/callers.ts";
import { refusal } from "../../../../src/control/ports/refusal.ts";
import type { PlannedRoute } from "../../../../src/control/routes/planned-change.ts";
import { metadataOf } from "../../../support/grpc-js.ts";
import { accessText, hashOf, type KnownCallers, startCallers } from "../../../support/known-callers.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { Owned } from "../../../support/owned.ts";

const tokenOf = (name: string): string => `${name}-0123456789abcdef`;
const entry = (name: string, more: string): string => `{ name: ${name}, ${more}, token: "${hashOf(tokenOf(name))}" }`;

const document = accessText([
  entry("reader", "role: read, namespaces: [ml]"),
  entry("operator", "role: operate, namespaces: [ml]"),
  entry("boss", "role: admin, namespaces: [ml, risk]"),
  entry("fraud", "role: sidecar, namespace: ml, workload: fraud"),
  entry("other", "role: sidecar, namespace: ml"),
  entry("control", "role: replica"),
]);

const own = new Owned();
afterEach(() => own.close());

const callersOf = (text: string | undefined): Promise<KnownCallers> =>
  startCallers(own, text, { clock: new ManualClock(), tls: text !== undefined });

function callOf(name: string | undefined): AnyCall {
  const metadata = metadataOf(name === undefined ? {} : { authorization: `Bearer ${tokenOf(name)}` });
  return { metadata, getPeer: () => "127.0.0.1:5", getAuthContext: () => ({}) } as unknown as AnyCall;
}

/** The status that a call would end with. */
function codeOf(run: () => unknown): number {
  try {
    run();
    return status.OK;
  } catch (reason) {
    return refusal(reason).code;
  }
}

const node = { instance: "i", namespace: "risk", workload: "stolen", pod: "p" };

/** A change of a route, by the namespaces that its documents name. */
function planned(before: string | undefined, after: string | undefined, selected?: string): PlannedRoute {
  const stored = (namespace: string | undefined, selects?: string) => ({
    spec: { namespace, selector: selects === undefined ? undefined : { namespace: selects } },
  });
  return {
    name: "r",
    kind: "replaced",
    before: stored(before),
    after: stored(after, selected),
  } as unknown as PlannedRoute;
}

describe("who calls the services of a control", () => {
  it("is a sidecar by what it proved, whatever it says", async () => {
    const { callers } = await callersOf(document);
    assert.deepEqual(callers.sidecar(callOf("fraud"), "watch", node), {
      identity: "fraud",
      labels: { namespace: "ml", workload: "fraud", pod: undefined },
    });
  });

  it("is a sidecar by what it says where nobody has to prove anything", async () => {
    const { callers } = await callersOf(undefined);
    assert.deepEqual(callers.sidecar(callOf(undefined), "watch", node), {
      identity: "",
      labels: { namespace: "risk", workload: "stolen", pod: "p" },
    });
  });

  const asked: [string, string | undefined, (callers: Callers, call: AnyCall) => unknown, number][] = [
    ["a stranger watches", undefined, (c, call) => c.sidecar(call, "watch", node), status.UNAUTHENTICATED],
    ["somebody with a wrong token lists", "nobody", (c, call) => c.person(call, "list"), status.UNAUTHENTICATED],
    ["a stranger shares", undefined, (c, call) => c.replica(call), status.UNAUTHENTICATED],
    ["a stranger changes", undefined, (c, call) => c.person(call, "change"), status.UNAUTHENTICATED],
    ["a reader watches", "reader", (c, call) => c.sidecar(call, "watch", node), status.PERMISSION_DENIED],
    ["an administrator reports", "boss", (c, call) => c.sidecar(call, "report", node), status.PERMISSION_DENIED],
    [
      "a reader fetches of another namespace",
      "reader",
      (c, call) => c.sidecar(call, "fetch", node),
      status.PERMISSION_DENIED,
    ],
    ["an administrator fetches of theirs", "boss", (c, call) => c.sidecar(call, "fetch", node), status.OK],
    ["a sidecar lists", "fraud", (c, call) => c.person(call, "list"), status.PERMISSION_DENIED],
    ["a sidecar shares", "fraud", (c, call) => c.replica(call), status.PERMISSION_DENIED],
    ["a replica shares", "control", (c, call) => c.replica(call), status.OK],
    ["a replica reports", "control", (c, call) => c.sidecar(call, "report", node), status.PERMISSION_DENIED],
    ["a reader begins a change", "reader", (c, call) => c.person(call, "change"), status.PERMISSION_DENIED],
    ["a sidecar begins a change", "fraud", (c, call) => c.person(call, "change"), status.PERMISSION_DENIED],
    ["a replica begins a change", "control", (c, call) => c.person(call, "change"), status.PERMISSION_DENIED],
    ["an operator begins a change", "operator", (c, call) => c.person(call, "change"), status.OK],
    ["a reader lists", "reader", (c, call) => c.person(call, "list"), status.OK],
    [
      "an operator applies",
      "operator",
      (c, call) => c.person(call, "change").mayChange("apply", [planned("ml", "ml")]),
      status.PERMISSION_DENIED,
    ],
    [
      "an operator changes weights",
      "operator",
      (c, call) => c.person(call, "change").mayChange("weights", [planned("ml", "ml")]),
      status.OK,
    ],
    [
      "an operator changes weights for another namespace's sidecars",
      "operator",
      (c, call) => c.person(call, "change").mayChange("weights", [planned("ml", "ml", "risk")]),
      status.PERMISSION_DENIED,
    ],
    [
      "an administrator of both does",
      "boss",
      (c, call) => c.person(call, "change").mayChange("weights", [planned("ml", "ml", "risk")]),
      status.OK,
    ],
    [
      "an administrator takes a name",
      "boss",
      (c, call) => c.person(call, "change").mayChange("apply", [planned("hr", "ml")]),
      status.PERMISSION_DENIED,
    ],
    [
      "an administrator of some writes for all",
      "boss",
      (c, call) => c.person(call, "change").mayChange("apply", [planned("ml", undefined)]),
      status.PERMISSION_DENIED,
    ],
    [
      "a sidecar changes weights",
      "fraud",
      (c, call) => c.person(call, "change").mayChange("weights", [planned("ml", "ml")]),
      status.PERMISSION_DENIED,
    ],
  ];
  for (const [what, name, run, code] of asked) {
    it(`${what}: ${status[code]}`, async () => {
      const { callers, lines } = await callersOf(document);
      assert.equal(
        codeOf(() => run(callers, callOf(name))),
        code,
      );
      assert.equal(lines.length, code === status.OK ? 0 : 1);
    });
  }

  it("may not report as an instance of another's", async () => {
    const { callers } = await callersOf(document);
    callers.sidecar(callOf("fraud"), "watch", node);
    assert.equal(
      codeOf(() => callers.sidecar(callOf("fraud"), "report", node)),
      status.OK,
    );
    assert.equal(
      codeOf(() => callers.sidecar(callOf("other"), "report", node)),
      status.PERMISSION_DENIED,
    );
  });

  it("leaves a line for what was written", async () => {
    const { callers, lines } = await callersOf(document);
    callers.person(callOf("operator"), "change").changed?.("weights", [planned("ml", "ml", "risk")], 7, "canary");
    assert.deepEqual(lines, [
      {
        event: "audit",
        verdict: "done",
        who: "operator",
        how: "token",
        peer: "127.0.0.1:5",
        action: "weights",
        routes: ["r"],
        namespaces: ["ml", "risk"],
        revision: 7,
        reason: "canary",
      },
    ]);
  });

  it("sees routes of their namespaces", async () => {
    const { callers } = await callersOf(document);
    const person = callers.person(callOf("reader"), "list");
    const routes = ["ml", "risk", undefined].map((namespace) => ({ spec: { namespace } }) as never);
    assert.deepEqual(
      routes.map((route) => person.sees(route)),
      [true, false, true],
    );
  });
});
