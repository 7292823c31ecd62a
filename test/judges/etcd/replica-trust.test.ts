/** Two replicas as processes, over TLS that both ends prove themselves by, on one etcd: who has the role of a replica is told everything. */
import assert from "node:assert/strict";
import { Client, Metadata } from "@grpc/grpc-js";
import type { WatchResponse } from "../../../src/api/messages.ts";
import { method } from "../../../src/api/protos.ts";
import { unary } from "../../support/control.ts";
import { ControlProcess } from "../../support/control-process.ts";
import { Etcd } from "../../support/etcd.ts";
import { accessText, hashOf } from "../../support/known-callers.ts";
import { Owned } from "../../support/owned.ts";
import { routeDocument } from "../../support/route-document.ts";
import type { LogLine } from "../../support/sidecar-process.ts";
import { TestTls } from "../../support/tls.ts";
import { until } from "../../support/until.ts";
import { versions } from "./versions.ts";

const tokens = { admin: "a".repeat(32), pod: "p".repeat(32) };

const trusted = "spiffe://test/ns/contender/sa/control";
const reader = "spiffe://test/ns/contender/sa/dashboard";
const stranger = "spiffe://test/ns/contender/sa/nobody";

const access = (...replicas: readonly string[]): string =>
  accessText([
    `{ name: root, role: admin, namespaces: ["*"], token: "${hashOf(tokens.admin)}" }`,
    `{ name: pods, role: sidecar, namespace: ml, workload: fraud, token: "${hashOf(tokens.pod)}" }`,
    `{ name: dashboard, role: read, namespaces: ["*"], certificate: "${reader}" }`,
    ...replicas,
  ]);
const withReplicas = access(`{ name: control, role: replica, certificate: "${trusted}" }`);

const document = (v2: number): string =>
  routeDocument("fraud", {
    variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
    champion: "v1",
    weights: { v1: 100 - v2, v2 },
  });

const report = (instance: string, requests: number) => ({
  instance,
  startedAt: { seconds: 1, nanos: 0 },
  sequence: requests,
  series: [{ route: "fraud", variant: "v1", traffic: "live", version: "v", codes: [{ code: 0, count: requests }] }],
});

for (const { version, binary } of versions) {
  describe(`two replicas over mutual TLS, on etcd ${version}`, function () {
    this.timeout(60_000);
    const owned = new Owned();
    let etcd: Etcd;
    let tls: TestTls;
    beforeEach(async () => {
      etcd = owned.add(await Etcd.start(binary));
      tls = await TestTls.create(owned);
    });
    afterEach(() => owned.close());

    /** One with its own certificate and its own file of who may do what. */
    async function replica(name: string, uri: string) {
      const pair = await tls.authority.sign({ dns: ["localhost"], ip: ["127.0.0.1"], uri: [uri] });
      const process = owned.add(
        await ControlProcess.start({
          CONTENDER_STORE: `etcd:${etcd.endpoints.join(",")}`,
          CONTENDER_ACCESS: tls.file(`${name}.yaml`, withReplicas),
          CONTENDER_CONTROL_TLS_CERT: tls.file(`${name}-cert.pem`, pair.cert),
          CONTENDER_CONTROL_TLS_KEY: tls.file(`${name}-key.pem`, pair.key),
          CONTENDER_CONTROL_TLS_CLIENT_CA: tls.path("ca"),
          CONTENDER_LEASE: "2s",
        }),
      );
      const client = owned.add(new Client(process.grpc, tls.caller()));
      const as = (who: keyof typeof tokens): Metadata => {
        const metadata = new Metadata();
        metadata.set("authorization", `Bearer ${tokens[who]}`);
        return metadata;
      };
      return {
        process,
        admin: <Answer>(call: string, request: object) =>
          unary<Answer>(client, "AdminService", call, request, as("admin")),
        report: (instance: string, requests: number) =>
          unary(client, "ReportService", "Report", report(instance, requests), as("pod")),
        /** A sidecar that takes whatever it is sent. */
        watch(instance: string) {
          const watch = method<object, WatchResponse>("ConfigService", "Watch");
          const stream = client.makeBidiStreamRequest(
            watch.path,
            watch.requestSerialize,
            watch.responseDeserialize,
            as("pod"),
          );
          const revisions: number[] = [];
          stream.on("error", () => undefined);
          stream.on("data", ({ nonce, version: seen }: WatchResponse) => {
            if (nonce === "") return;
            revisions.push(Number(seen.split("-")[1]));
            stream.write({ nonce });
          });
          stream.write({ node: { instance } });
          return revisions;
        },
        reload: (text: string) => tls.file(`${name}.yaml`, text),
        lines: (event: string, more: Partial<LogLine> = {}) =>
          process.lines.filter(
            (line) => line.event === event && Object.entries(more).every(([key, value]) => line[key] === value),
          ),
      };
    }
    type Replica = Awaited<ReturnType<typeof replica>>;

    const requests = async ({ admin }: Replica): Promise<number> => {
      const { series } = await admin<{ series: { requests: number }[] }>("GetCounts", { route: "fraud" });
      return series.reduce((sum, each) => sum + each.requests, 0);
    };
    const fleet = async ({ admin }: Replica): Promise<string[]> => {
      const { sidecars } = await admin<{ sidecars: { instance: string; state: string }[] }>("ListSidecars", {});
      return sidecars.map(({ instance, state }) => `${instance} ${state}`).sort();
    };
    const apply = ({ admin }: Replica, v2: number) =>
      admin<{ revision: number }>("ApplyRoutes", { texts: [{ name: "x", text: document(v2) }] });
    /** Until both list both. */
    const together = (...replicas: Replica[]) =>
      until(
        () => replicas.every(({ lines }) => lines("leadership").at(-1)?.replicas === replicas.length),
        "they know of each other",
        20_000,
      );
    const eventually = async (seen: () => Promise<unknown>, wanted: unknown): Promise<void> => {
      const text = JSON.stringify(wanted);
      let last = "";
      const endMs = performance.now() + 15_000;
      while (last !== text && performance.now() < endMs) last = JSON.stringify(await seen());
      assert.equal(last, text);
    };

    it("tell each other counts and sidecars, and hand both on when one of them dies", async () => {
      const one = await replica("one", trusted);
      const two = await replica("two", trusted);
      await together(one, two);
      assert.equal((await apply(one, 10)).revision, 1);
      const seen = two.watch("b");
      one.watch("a");
      await eventually(() => fleet(one), ["a SIDECAR_STATE_CURRENT", "b SIDECAR_STATE_CURRENT"]);
      await eventually(() => fleet(two), ["a SIDECAR_STATE_CURRENT", "b SIDECAR_STATE_CURRENT"]);
      await one.report("a", 10);
      await two.report("b", 5);
      assert.deepEqual([await requests(one), await requests(two)], [15, 15]);
      assert.deepEqual([...one.lines("replica_failed"), ...two.lines("replica_failed")], []);
      one.process.signal("SIGKILL");
      await until(() => two.lines("leadership").at(-1)?.leads === true, "the other one leads", 20_000);
      assert.equal(await requests(two), 15);
      await apply(two, 20);
      await until(() => seen.at(-1) === 2, "its sidecar has the change");
    });

    const without: readonly (readonly [what: string, uri: string, line: object, why: RegExp])[] = [
      ["is nobody's", stranger, { verdict: "unknown", action: "share" }, /certificate/],
      ["is somebody's without the role", reader, { verdict: "denied", who: "dashboard", action: "share" }, /replica/],
    ];
    for (const [what, uri, line, why] of without) {
      it(`refuse one whose certificate ${what}, say which and what it lacks, and everything else goes on`, async () => {
        const one = await replica("one", trusted);
        const two = await replica("two", uri);
        await together(one, two);
        await until(() => one.lines("audit", line).length > 0, "the refusal is in the audit", 20_000);
        const [told] = one.lines("audit", line);
        assert.match(String(told?.why), why);
        assert.equal(told?.how, "certificate");
        // Of somebody who is known the name says which certificate it is.
        assert.deepEqual(told?.names ?? told?.who, uri === stranger ? ["localhost", uri] : "dashboard");
        await until(() => two.lines("replica_failed").length > 0, "the one that is refused says so", 20_000);
        assert.match(String(two.lines("replica_failed")[0]?.why), /\[FORBIDDEN\]/);

        // Changes go to sidecars of both, by the store.
        const [a, b] = [one.watch("a"), two.watch("b")];
        await apply(two, 10);
        await until(() => a.at(-1) === 1 && b.at(-1) === 1, "both have the first change");
        await apply(one, 20);
        await until(() => a.at(-1) === 2 && b.at(-1) === 2, "both have the second change");
        // What the trusted one hears the other one knows; not the other way round.
        await one.report("a", 10);
        await two.report("b", 5);
        await eventually(() => fleet(two), ["a SIDECAR_STATE_CURRENT", "b SIDECAR_STATE_CURRENT"]);
        assert.deepEqual([await fleet(one), await requests(one)], [["a SIDECAR_STATE_CURRENT"], 10]);
        assert.equal(await requests(two), 15);
        assert.deepEqual(one.lines("replica_failed"), []);
        assert.equal(two.lines("replica_failed").length, 1);
      });
    }

    it("lose their streams when the role is taken away, and tell each other all of it when it is given back", async () => {
      const one = await replica("one", trusted);
      const two = await replica("two", trusted);
      await together(one, two);
      await apply(one, 10);
      await two.report("b", 5);
      assert.equal(await requests(one), 5);
      one.reload(access());
      await until(() => two.lines("replica_failed").length > 0, "its stream is ended", 20_000);
      assert.match(String(two.lines("replica_failed")[0]?.why), /\[FORBIDDEN\]/);
      const refusals = () => one.lines("audit", { verdict: "unknown", action: "share" });
      await until(() => refusals().length > 0, "the refusal is in the audit", 20_000);
      await two.report("b", 6);
      assert.deepEqual([await requests(one), await requests(two)], [5, 6]);
      one.reload(withReplicas);
      await eventually(() => requests(one), 6);
    });
  });
}
