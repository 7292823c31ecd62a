/** A whole control that asks who calls: its port, its services, its audit lines. */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { systemChance } from "../../../src/base/chance.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { ContenderError } from "../../../src/base/errors.ts";
import { openEmbeddedStore } from "../../../src/control/embedded/open.ts";
import type { Store } from "../../../src/control/store.ts";
import { startControl, type TestControl } from "../../support/control.ts";
import { startCallers } from "../../support/known-callers.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const route = (address: string): string => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud, namespace: ml }
spec:
  variants: { v1: { address: "${address}:8500" } }
  champion: v1
`;

const own = new Owned();
afterEach(() => own.close());

async function started(
  document?: string,
  store?: Store,
): Promise<{ control: TestControl; lines: Record<string, unknown>[] }> {
  const { callers, lines } = await startCallers(own, document, { clock: systemClock });
  const given = { callers, ...(store && { store }) };
  return { control: own.add(await startControl(own.add(new TempFolder()).at("store"), given)), lines };
}

describe("a control that asks who calls", () => {
  it("puts on record what may have been written, where the store did not say so, and nothing that it refused", async () => {
    const inner = await openEmbeddedStore(own.add(new TempFolder()).at("store"), {
      clock: systemClock,
      chance: systemChance,
    });
    own.add(inner);
    let fate: "done" | "answer lost" | "conflict" = "done";
    const store: Store = withCommit(inner, async (commit) => {
      if (fate === "conflict") return { ok: false };
      const committed = await inner.commit(commit);
      if (fate === "answer lost") throw new ContenderError("STORE_UNAVAILABLE", "no answer; it may have been done");
      return committed;
    });
    const { control, lines } = await started(undefined, store);
    const apply = (address: string, dryRun = false) =>
      control.call("AdminService", "ApplyRoutes", {
        texts: [{ name: "fraud.yaml", text: route(address) }],
        intent: { reason: "first", dryRun },
      });
    fate = "conflict";
    await assert.rejects(apply("10.0.0.1"), { code: status.ABORTED });
    fate = "answer lost";
    await apply("10.0.0.1", true);
    await assert.rejects(apply("10.0.0.1"), { code: status.UNAVAILABLE });
    fate = "done";
    await until(() => control.control.routes.revision === 1, "it is in force");
    await apply("10.0.0.1");
    await apply("10.0.0.2");
    assert.deepEqual(
      lines.map(({ verdict, action, routes, revision, reason }) => [verdict, action, routes, revision, reason]),
      [
        ["unconfirmed", "apply", ["fraud"], 1, "first"],
        ["done", "apply", ["fraud"], 2, "first"],
      ],
    );
  });

  it("puts on record what was written, once, and neither what was only tried nor what changed nothing", async () => {
    const { control, lines } = await started();
    const apply = (address: string, dryRun: boolean) =>
      control.call("AdminService", "ApplyRoutes", {
        texts: [{ name: "fraud.yaml", text: route(address) }],
        intent: { reason: "first", dryRun },
      });
    await apply("10.0.0.1", true);
    await apply("10.0.0.1", false);
    await apply("10.0.0.1", false);
    const [line, ...more] = lines;
    assert.deepEqual(more, []);
    assert.match(String(line?.peer), /^127\.0\.0\.1:[0-9]+$/);
    assert.deepEqual(
      { ...line, peer: "", revision: 0 },
      {
        event: "audit",
        verdict: "done",
        who: "somebody?",
        how: "loopback",
        peer: "",
        action: "apply",
        routes: ["fraud"],
        namespaces: ["ml"],
        revision: 0,
        reason: "first",
      },
    );
  });

  it("refuses strangers, in each of its services", async () => {
    const { control } = await started(`apiVersion: contender.dev/v1alpha1
kind: Access
spec: { identities: [{ name: ops, role: admin, namespaces: ["*"], certificate: ops.example.com }] }
`);
    const calls = [
      () => control.call("AdminService", "ListRoutes", {}),
      () => control.call("AdminService", "ListSidecars", {}),
      () => control.call("AdminService", "ApplyRoutes", { texts: [{ name: "x", text: route("10.0.0.1") }] }),
      () => control.call("ConfigService", "Fetch", { node: { instance: "i" } }),
      () => control.call("ReportService", "Report", { instance: "i" }),
    ];
    for (const call of calls) await assert.rejects(call(), { code: status.UNAUTHENTICATED });
    assert.deepEqual(control.control.routes.routes, []);
  });
});

/** As the store, but for what becomes of commits. */
function withCommit(store: Store, commit: Store["commit"]): Store {
  return {
    name: store.name,
    shared: store.shared,
    get: (...asked) => store.get(...asked),
    watch: (...asked) => store.watch(...asked),
    commit,
    lease: (...asked) => store.lease(...asked),
    close: () => store.close(),
  };
}
