import assert from "node:assert/strict";
import type { WatchResponse } from "../../../src/api/messages.ts";
import { parseVersion } from "../../../src/api/version.ts";
import { healthOf } from "../../../src/init/health.ts";
import { listServicesRequest, reflectionPaths, servicesOf } from "../../../src/init/reflection.ts";
import { startControl, type TestControl } from "../../support/control.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const document = (name = "fraud", weights = "{ v41: 90, v42: 10 }", more = "") => `# who: the fraud team
apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name} }
spec:
  match: { models: [${name}] }
  ${more}
  variants:
    v41: { address: local } # the pod's own
    v42: { address: "10.0.0.2:8500" }
    v43: { address: "10.0.0.3:8500" }
  champion: v41
  weights: ${weights}
`;

interface Change {
  readonly name: string;
  readonly kind: string;
  readonly revision: number;
  readonly moves: readonly { readonly from: string; readonly to: string; readonly slots: number }[];
}

describe("a config service", () => {
  const folder = new TempFolder();
  let count = 0;
  const fresh = () => folder.at(String(count++));
  let control: TestControl;
  after(() => folder.close());

  beforeEach(async () => {
    control = await startControl(fresh());
  });
  afterEach(() => control.close());

  const apply = (texts: readonly string[], intent: object = {}) =>
    control.call<{ changes: readonly Change[]; revision: number }>("AdminService", "ApplyRoutes", {
      texts: texts.map((text, index) => ({ name: `${index}.yaml`, text })),
      intent,
    });
  const weights = (name: string, given: Readonly<Record<string, number>>, intent: object = {}) =>
    control.call<{ change: Change; revision: number }>("AdminService", "SetWeights", {
      name,
      weights: Object.entries(given).map(([variant, weight]) => ({ variant, weight })),
      intent,
    });
  const get = (name: string) =>
    control.call<{ route: { document: string; revision: number; table: { variant: string; slots: number }[] } }>(
      "AdminService",
      "GetRoute",
      { name },
    );

  it("keeps a document as it was written, and gives each variant its slots", async () => {
    const { changes, revision } = await apply([document()]);
    assert.equal(revision, 1);
    assert.deepEqual([changes[0]?.kind, changes[0]?.revision], ["CHANGE_KIND_CREATED", 1]);
    const { route } = await get("fraud");
    assert.equal(route.document, document());
    assert.deepEqual(route.table, [
      { variant: "v41", slots: 58_982 },
      { variant: "v42", slots: 6_554 },
    ]);
  });

  it("changes weights alone, and leaves comments where they are", async () => {
    await apply([document()]);
    const { change } = await weights("fraud", { v41: 50, v42: 50 });
    assert.deepEqual(change.moves, [{ from: "v41", to: "v42", slots: 26_214 }]);
    const { route } = await get("fraud");
    assert.match(route.document, /^# who: the fraud team$/m);
    assert.match(route.document, /# the pod's own$/m);
    assert.match(route.document, /^ {2}weights: \{ v41: 50, v42: 50 \}$/m);
  });

  it("sends a sidecar the routes whole, and again when they change", async () => {
    await apply([document()]);
    const watch = control.watch({ instance: "a" });
    const first = await watch.snapshot();
    assert.deepEqual(
      first.snapshot?.routes.map(({ name }) => name),
      ["fraud"],
    );
    watch.ack(first);
    await weights("fraud", { v41: 100 });
    const second = await watch.snapshot();
    assert.deepEqual(second.snapshot?.routes[0]?.table, { variants: [0], lengths: [65_536] });
    assert.ok((parseVersion(second.version)?.revision ?? 0) > (parseVersion(first.version)?.revision ?? 0));
  });

  it("sends nothing to a sidecar that comes back with the version in force", async () => {
    await apply([document()]);
    const before = control.watch({ instance: "a" });
    const { version } = await before.snapshot();
    const after = control.watch({ instance: "b" }, version);
    const { nonce, snapshot } = await after.next();
    assert.deepEqual([nonce, snapshot], ["", null]);
  });

  it("sends a name alone where only that is new", async () => {
    await apply([document("fraud", undefined, "selector: { namespace: ml }")]);
    const watch = control.watch({ instance: "a", namespace: "ml" });
    const first = await watch.snapshot();
    watch.ack(first);
    await apply([document("credit", undefined, "selector: { namespace: other }")]);
    const second = await watch.snapshot();
    assert.equal(second.snapshot, null);
    assert.equal(parseVersion(second.version)?.revision, 2);
    assert.equal(parseVersion(second.version)?.digest, parseVersion(first.version)?.digest);
  });

  it("sends the contents where a sidecar turns out not to have them", async () => {
    await apply([document()]);
    const { version } = await control.watch({ instance: "a" }).snapshot();
    const older = version.replace(/-1-/, "-0-");
    const watch = control.watch({ instance: "b" }, older);
    const named = await watch.snapshot();
    assert.equal(named.snapshot, null);
    watch.nack(named, [{ path: "snapshot", message: "want one" }]);
    const whole = await watch.snapshot();
    assert.equal(whole.snapshot?.routes.length, 1);
  });

  it("has one snapshot on its way to a sidecar, and the newest after it", async () => {
    await apply([document()]);
    const watch = control.watch({ instance: "a" });
    const first = await watch.snapshot();
    for (const v42 of [20, 30, 40]) await weights("fraud", { v41: 100 - v42, v42 });
    watch.ack(first);
    const second = await watch.snapshot();
    assert.deepEqual(
      second.snapshot?.routes[0]?.weights.map(({ weight }) => weight),
      [60, 40],
    );
    assert.equal(watch.received.filter(({ nonce }) => nonce !== "").length, 2);
  });

  it("knows what each sidecar has, and why one has it not", async () => {
    await apply([document()]);
    const good = control.watch({ instance: "good", pod: "fraud-0", release: "1.0.0" });
    const bad = control.watch({ instance: "bad", pod: "fraud-1" });
    const silent = control.watch({ instance: "silent", pod: "fraud-2" });
    good.ack(await good.snapshot());
    bad.nack(await bad.snapshot(), [{ path: "spec.weights.v42", message: "no" }]);
    await silent.snapshot();
    const { sidecars } = await control.call<{
      sidecars: { pod: string; state: string; problems: { path: string }[] }[];
    }>("AdminService", "ListSidecars", { route: "fraud" });
    assert.deepEqual(
      sidecars.map(({ pod, state, problems }) => [pod, state, problems.map(({ path }) => path)]),
      [
        ["fraud-0", "SIDECAR_STATE_CURRENT", []],
        ["fraud-1", "SIDECAR_STATE_REJECTED", ["spec.weights.v42"]],
        ["fraud-2", "SIDECAR_STATE_PENDING", []],
      ],
    );
  });

  it("answers who waits when every sidecar has a change or refused it", async () => {
    await apply([document()]);
    const watch = control.watch({ instance: "a", pod: "fraud-0" });
    watch.ack(await watch.snapshot());
    const { revision } = await weights("fraud", { v41: 80, v42: 20 });
    const waiting = control.call<{ sidecars: { revision: number }[] }>("AdminService", "ListSidecars", {
      route: "fraud",
      waitForRevision: revision,
      waitAtMost: { seconds: 60, nanos: 0 },
    });
    watch.ack(await watch.snapshot());
    assert.deepEqual(
      (await waiting).sidecars.map((sidecar) => sidecar.revision),
      [revision],
    );
  });

  it("waits for a sidecar that refused what was there before the change that is waited for", async () => {
    await apply([document()]);
    const watch = control.watch({ instance: "a", pod: "fraud-0" });
    watch.nack(await watch.snapshot(), [{ path: "spec", message: "no" }]);
    await until(() => control.control.fleet.get("a")?.state === "rejected", "it is known to have refused");
    const { revision } = await weights("fraud", { v41: 80, v42: 20 });
    const waiting = control.call<{ sidecars: { revision: number; state: string }[] }>("AdminService", "ListSidecars", {
      route: "fraud",
      waitForRevision: revision,
      waitAtMost: { seconds: 60, nanos: 0 },
    });
    const next = await watch.snapshot();
    // Calls of one connection are begun in their order: with this one's answer the wait is under way.
    await control.call("AdminService", "ListRoutes", {});
    watch.ack(next);
    assert.deepEqual(
      (await waiting).sidecars.map((sidecar) => [sidecar.revision, sidecar.state]),
      [[revision, "SIDECAR_STATE_CURRENT"]],
    );
  });

  it("does not wait for a sidecar that refuses the same under a new name", async () => {
    await apply([document("fraud", undefined, "default: true")]);
    const watch = control.watch({ instance: "a", namespace: "ml" });
    watch.nack(await watch.snapshot(), [{ path: "spec", message: "no" }]);
    await until(() => control.control.fleet.get("a")?.state === "rejected", "it is known to have refused");
    const { revision } = await apply([document("credit", undefined, "selector: { namespace: other }")]);
    const { sidecars } = await control.call<{ sidecars: { state: string }[] }>("AdminService", "ListSidecars", {
      waitForRevision: revision,
      waitAtMost: { seconds: 60, nanos: 0 },
    });
    assert.deepEqual(
      sidecars.map(({ state }) => state),
      ["SIDECAR_STATE_REJECTED"],
    );
  });

  it("does not give a route to a sidecar that can't serve it rightly, and names it", async () => {
    const more = document().replace("address: local }", "address: local, warmup: { copies: 5 } }");
    await apply([more]);
    const old = control.watch({ instance: "old", pod: "fraud-0", capabilities: ["insured"] });
    const first = await old.snapshot();
    assert.deepEqual(first.snapshot?.routes, []);
    assert.deepEqual(first.snapshot?.withheld, [{ route: "fraud", missingCapabilities: ["warmup"] }]);
    const able = control.watch({ instance: "able", capabilities: ["warmup"] });
    assert.equal((await able.snapshot()).snapshot?.routes.length, 1);
    const changed = await control.call<{ change: { withheldFrom: string[] } }>("AdminService", "SetWeights", {
      name: "fraud",
      weights: [{ variant: "v41", weight: 1 }],
    });
    assert.deepEqual(changed.change.withheldFrom, ["fraud-0"]);
  });

  it("leaves a sidecar the wider route where it can't be given the one that would take its place", async () => {
    const narrow = document("canary", undefined, "selector: { workload: fraud }")
      .replace("models: [canary]", "models: [fraud]")
      .replace("address: local }", "address: local, warmup: { copies: 5 } }");
    await apply([document(), narrow]);
    const names = async (capabilities: readonly string[]) => {
      const watch = control.watch({ instance: capabilities.join(), workload: "fraud", capabilities });
      const { snapshot } = await watch.snapshot();
      return [snapshot?.routes.map(({ name }) => name), snapshot?.withheld.map(({ route }) => route)];
    };
    assert.deepEqual(await names(["warmup"]), [["canary"], []]);
    assert.deepEqual(await names(["ttl"]), [["fraud"], ["canary"]]);
  });

  it("takes the whole request or nothing, and tells everything that is wrong with its path", async () => {
    await apply([document()]);
    const broken = document("credit", "{ v41: -1, v42: 0 }").replace("champion: v41", "champion: v4");
    const reason = await apply([document("fraud", "{ v41: 1 }"), broken]).then(
      () => assert.fail(),
      (error) => error,
    );
    assert.equal(reason.code, 3);
    assert.match(reason.details, /1\.yaml:12: spec\.champion: no variant is named "v4"/);
    assert.match(reason.details, /1\.yaml:13: spec\.weights\.v41: want a number, at least 0/);
    assert.equal((await get("fraud")).route.revision, 1);
  });

  it("refuses a second route for the same calls, and takes it for other sidecars", async () => {
    await apply([document("fraud", undefined, "selector: { namespace: ml }")]);
    const twin = (selector: string) =>
      document("twin", undefined, selector).replace("models: [twin]", "models: [fraud]");
    const reason = await apply([twin("selector: { namespace: ml }")]).then(
      () => assert.fail(),
      (error) => error,
    );
    assert.match(
      reason.details,
      /the routes "fraud" and "twin" both match the model "fraud", .*: name it in one of them alone/,
    );
    await apply([twin("selector: { namespace: shop }")]);
    const shop = await control.watch({ instance: "s", namespace: "shop" }).snapshot();
    assert.deepEqual(
      shop.snapshot?.routes.map(({ name }) => name),
      ["twin"],
    );
  });

  it("keeps of a reason what is no credential", async () => {
    await apply([document()], { reason: "v42 is good, by --token 0123456789abcdef" });
    const { entries } = await control.call<{ entries: { author: { reason: string } }[] }>(
      "AdminService",
      "GetHistory",
      { name: "fraud" },
    );
    assert.deepEqual(
      entries.map(({ author }) => author.reason),
      ["v42 is good, by --token [redacted]"],
    );
  });

  it("takes fifty documents at once, and says how many it takes of more", async () => {
    const texts = (count: number) =>
      Array.from({ length: count }, (_, i) => document(`r${i}`, undefined, i === 0 ? "default: true" : ""));
    const { changes } = await apply(texts(50));
    assert.equal(changes.length, 50);
    const reason = await apply(texts(51)).then(
      () => assert.fail(),
      (error) => error,
    );
    assert.match(reason.details, /want at most 50 documents at once, got 51/);
  });

  it("refuses documents that are too long, alone or together, and says so", async () => {
    const long = (name: string, bytes: number) => `${document(name)}# ${"x".repeat(bytes)}\n`;
    const refused = (texts: readonly string[]) =>
      apply(texts).then(
        () => assert.fail(),
        (error) => error.details as string,
      );
    assert.match(await refused([long("fraud", 131_072)]), /0\.yaml:\d+: want at most 131072 bytes, got 13\d{4}/);
    const many = Array.from({ length: 10 }, (_, i) =>
      long(`r${i}`, 100_000).replace("match:", i === 0 ? "default: true\n  match:" : "match:"),
    );
    assert.match(
      await refused(many),
      /with their history these are 2\d{6} bytes, want at most 1048576 at once: apply them in parts/,
    );
  });

  it("does not overwrite what somebody else has changed meanwhile", async () => {
    await apply([document()]);
    await weights("fraud", { v41: 80, v42: 20 });
    const reason = await weights("fraud", { v41: 1 }, { expectedRevision: 1 }).then(
      () => assert.fail(),
      (error) => error,
    );
    assert.equal(reason.code, 10);
    assert.match(reason.details, /based on revision 1, but "fraud" is at revision 2, changed by tester\?/);
  });

  it("keeps who, when, why and the whole document of each change, and takes changes back", async () => {
    await apply([document()], { reason: "first try" });
    await weights("fraud", { v41: 50, v42: 50 }, { reason: "more" });
    await control.call("AdminService", "UndoRoute", { name: "fraud", intent: { reason: "too much" } });
    const { entries } = await control.call<{
      entries: { revision: number; kind: string; document: string; author: { name: string; reason: string } }[];
    }>("AdminService", "GetHistory", { name: "fraud" });
    assert.deepEqual(
      entries.map(({ revision, kind, author }) => [revision, kind, author.name, author.reason]),
      [
        [3, "CHANGE_KIND_UNDONE", "tester?", "too much"],
        [2, "CHANGE_KIND_WEIGHTS", "tester?", "more"],
        [1, "CHANGE_KIND_CREATED", "tester?", "first try"],
      ],
    );
    assert.equal(entries[0]?.document, document());
    assert.equal((await get("fraud")).route.document, document());
  });

  it("brings back what was deleted", async () => {
    await apply([document()]);
    await control.call("AdminService", "DeleteRoute", { name: "fraud" });
    await assert.rejects(get("fraud"), { code: 5 });
    await control.call("AdminService", "UndoRoute", { name: "fraud" });
    assert.equal((await get("fraud")).route.document, document());
  });

  it("gives every user back the variant that they had when a change is taken back, also a removal", async () => {
    await apply([document("fraud", "{ v41: 80, v42: 10, v43: 10 }")]);
    await weights("fraud", { v41: 24, v42: 81, v43: 33 });
    await weights("fraud", { v41: 45, v42: 9, v43: 77 });
    const before = (await get("fraud")).route.table;
    await weights("fraud", { v41: 12, v42: 83, v43: 20 });
    await control.call("AdminService", "UndoRoute", { name: "fraud" });
    assert.deepEqual((await get("fraud")).route.table, before);
    await control.call("AdminService", "DeleteRoute", { name: "fraud" });
    await control.call("AdminService", "UndoRoute", { name: "fraud" });
    assert.deepEqual((await get("fraud")).route.table, before);
    await control.call("AdminService", "DeleteRoute", { name: "fraud" });
    await control.call("AdminService", "UndoRoute", { name: "fraud", toRevision: 3 });
    assert.deepEqual((await get("fraud")).route.table, before);
  });

  it("says what would happen, and leaves everything as it is", async () => {
    await apply([document()]);
    const { change } = await weights("fraud", { v42: 1 }, { dryRun: true });
    assert.deepEqual(change.moves, [{ from: "v41", to: "v42", slots: 58_982 }]);
    assert.equal((await get("fraud")).route.revision, 1);
  });

  it("writes nothing where nothing is new", async () => {
    await apply([document()]);
    const { changes, revision } = await apply([document()]);
    assert.deepEqual([changes[0]?.kind, revision], ["CHANGE_KIND_UNCHANGED", 1]);
  });

  it("tells what a route was at a moment", async () => {
    await apply([document()]);
    const [{ author } = assert.fail()] = (
      await control.call<{ entries: { author: { at: { seconds: number; nanos: number } } }[] }>(
        "AdminService",
        "GetHistory",
        {
          name: "fraud",
        },
      )
    ).entries;
    await weights("fraud", { v41: 1 });
    const { route } = await control.call<{ route: { revision: number } }>("AdminService", "GetRoute", {
      name: "fraud",
      at: author.at,
    });
    assert.ok(route.revision <= 2);
    await assert.rejects(control.call("AdminService", "GetRoute", { name: "fraud", at: { seconds: 1, nanos: 0 } }), {
      code: 5,
    });
  });

  it("goes on where it was after a restart, and its sidecars have nothing to do", async () => {
    const path = fresh();
    const before = await startControl(path);
    await before.call("AdminService", "ApplyRoutes", { texts: [{ name: "x", text: document() }] });
    const { version } = await before.watch({ instance: "a" }).snapshot();
    await before.close();
    const after = await startControl(path);
    const answer: WatchResponse = await after.watch({ instance: "a" }, version).next();
    assert.deepEqual([answer.version, answer.nonce], [version, ""]);
    await after.close();
  });

  it("is another store once it turns out to be older than what sidecars have, and not again by their word", async () => {
    const path = fresh();
    await (await startControl(path)).close();
    const restarted = await startControl(path);
    const { id } = restarted.control.routes;
    const claim = (store: string, instance: string) => restarted.watch({ instance }, `${store}-99-00000000`);
    claim(id, "b");
    await until(() => restarted.control.routes.id !== id, "it is another store");
    const { id: given } = restarted.control.routes;
    for (let i = 0; i < 20; i++) await claim(given, `c${i}`).next();
    assert.equal(restarted.control.routes.id, given);
    assert.deepEqual(
      restarted.events.filter(({ kind }) => kind === "store_restored" || kind === "store_claimed"),
      [
        { kind: "store_restored", store: given },
        {
          kind: "store_claimed",
          outcome: "restored",
          instance: "b",
          identity: "",
          claimed: 99,
          revision: 0,
          more: 0,
        },
        {
          kind: "store_claimed",
          outcome: "refused",
          instance: "c0",
          identity: "",
          claimed: 99,
          revision: 0,
          more: 0,
        },
      ],
    );
    assert.deepEqual(restarted.control.figures.claims, { restored: 1, waits: 0, refused: 20 });
    await restarted.close();
  });

  it("refuses a stream that does not say who it is", async () => {
    const { code } = await control.watch({ instance: "" }).status();
    assert.equal(code, 3);
  });

  it("tells by reflection which services it has, and by the health service that it serves", async () => {
    const listed = servicesOf(await control.bytes(reflectionPaths[0] ?? "", listServicesRequest));
    for (const name of ["ConfigService", "ReportService", "AdminService", "PeerService"]) {
      assert.ok(listed?.includes(`contender.v1.${name}`), listed?.join());
    }
    assert.ok(listed?.includes("grpc.health.v1.Health"));
    assert.equal(healthOf(await control.bytes("/grpc.health.v1.Health/Check", Buffer.alloc(0))), "SERVING");
  });

  it("does not say that it serves before it is ready", async () => {
    const early = await startControl(folder.at("early"), { ready: false });
    assert.equal(healthOf(await early.bytes("/grpc.health.v1.Health/Check", Buffer.alloc(0))), "NOT_SERVING");
    await early.close();
  });

  it("tells whoever asks once what a sidecar gets", async () => {
    await apply([document("fraud", undefined, "selector: { namespace: ml }")]);
    const fetched = (namespace: string) =>
      control.call<{ snapshot: { routes: { name: string }[] } }>("ConfigService", "Fetch", { node: { namespace } });
    assert.deepEqual(
      (await fetched("ml")).snapshot.routes.map(({ name }) => name),
      ["fraud"],
    );
    assert.deepEqual((await fetched("shop")).snapshot.routes, []);
  });

  it("adds up what sidecars report, whatever comes twice", async () => {
    await apply([document()]);
    const report = (instance: string, sequence: number, count: number) =>
      control.call("ReportService", "Report", {
        instance,
        startedAt: { seconds: 1, nanos: 0 },
        sequence,
        bounds: [{ upper: [0.1] }],
        series: [
          {
            route: "fraud",
            variant: "v41",
            traffic: "live",
            version: "v",
            keyed: true,
            codes: [
              { code: 0, count },
              { code: 14, count: 1 },
            ],
            latency: { bounds: 0, counts: [count, 1], sum: count / 100 },
          },
        ],
      });
    await report("a", 1, 10);
    await report("a", 2, 15);
    await report("a", 1, 10);
    await report("b", 1, 5);
    const { series, instances } = await control.call<{ series: object[]; instances: number }>(
      "AdminService",
      "GetCounts",
      {
        route: "fraud",
      },
    );
    assert.equal(instances, 2);
    assert.deepEqual(series, [
      {
        variant: "v41",
        traffic: "live",
        version: "v",
        keyed: true,
        requests: 22,
        errors: 2,
        seconds: 0.2,
        scores: 0,
        scoreSum: 0,
      },
    ]);
  });
});

describe("a config service that has started anew", () => {
  const folder = new TempFolder();
  after(() => folder.close());

  const canary = document("canary", "{ v42: 100 }", "selector: { first: 1 }").replace("[canary]", "[fraud]");
  const apply = (control: TestControl, ...texts: string[]) =>
    control.call<{ revision: number }>("AdminService", "ApplyRoutes", {
      texts: texts.map((text) => ({ name: "x", text })),
    });

  it("lets those be the first who were, whoever comes back first", async () => {
    const path = folder.at("first");
    const before = await startControl(path);
    await apply(before, document(), canary);
    const pods = Array.from({ length: 8 }, (_, i) => `fraud-${i}`);
    const latest = new Map<string, WatchResponse>();
    const follow = async (pod: string) => {
      const watch = before.watch({ instance: pod, pod });
      for (;;) {
        const response = await watch.snapshot();
        if (response.snapshot !== null) latest.set(pod, response);
        watch.ack(response);
      }
    };
    for (const pod of pods) void follow(pod);
    const { spec } = before.control.routes.routes.find(({ name }) => name === "canary") ?? assert.fail();
    const has = (pod: string) => latest.get(pod)?.snapshot?.routes[0]?.name === "canary";
    const settled = () => pods.every((pod) => has(pod) === before.control.fleet.amongFirst(spec, pod));
    await until(
      () => latest.size === pods.length && pods.filter(has).length === 1 && settled(),
      "one of them is the first",
    );
    const [chosen = ""] = pods.filter(has);
    await before.close();
    const after = await startControl(path);
    const others = pods.filter((pod) => pod !== chosen);
    for (const pod of [...others, chosen]) {
      const { nonce } = await after.watch({ instance: `${pod}-back`, pod }, latest.get(pod)?.version).next();
      assert.equal(nonce, "", `${pod} was sent something else`);
    }
    await after.close();
  });

  it("does not say that all have a change while some may be on their way", async () => {
    const path = folder.at("wait");
    const before = await startControl(path);
    await apply(before, document());
    await before.close();
    const after = await startControl(path);
    const { revision } = await apply(after, document("fraud", "{ v41: 1 }"));
    let answered = false;
    const waiting = after.call("AdminService", "ListSidecars", {
      route: "fraud",
      waitForRevision: revision,
      waitAtMost: { seconds: 60, nanos: 0 },
    });
    void waiting.then(() => {
      answered = true;
    });
    const late = after.watch({ instance: "late" });
    late.ack(await late.snapshot());
    await until(() => after.control.fleet.get("late")?.state === "current", "it has the change");
    assert.equal(answered, false);
    after.control.fleet.allThere();
    await waiting;
    await after.close();
  });

  it("shows a sidecar that has no route as one, and not as one that refuses", async () => {
    const control = await startControl(folder.at("none"));
    const watch = control.watch({ instance: "a", pod: "fraud-0" });
    watch.nack(await watch.snapshot(), [{ path: "routes", message: "no route applies to this sidecar" }]);
    await until(() => control.control.fleet.get("a")?.state === "unrouted", "it is known to have none");
    await apply(control, document());
    watch.ack(await watch.snapshot());
    await until(() => control.control.fleet.get("a")?.state === "current", "it has one");
    await control.close();
  });
});
