/** Configurations that are none, changes under load, and the end. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { problemLine } from "../../src/base/parsed.ts";
import { loadTexts } from "../../src/config/files.ts";
import { ConfigMap } from "../support/config-map.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const variantOf = (answer: PeerStream): string | undefined => answer.value("x-contender-variant");

const addresses = { v41: "127.0.0.1:1", v42: "127.0.0.1:2", v43: "127.0.0.1:3" };

/** A route as people write it, the weights in their own words. */
function routeText(weights: string, to: Readonly<Record<string, string>> = addresses, more = ""): string {
  const variants = Object.entries(to).map(([name, address]) => `    ${name}: { address: "${address}" }`);
  return `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  key: { from: [{ metadata: x-user-id }] }
  champion: v41
  variants:
${variants.join("\n")}
  weights: ${weights}
${more}`;
}

function problemsOf(text: string): string[] {
  const loaded = loadTexts("test", [{ name: "fraud.yaml", text }], { local: "127.0.0.1:8500" });
  return loaded.ok ? [] : loaded.problems.map(problemLine);
}

describe("a configuration", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  const wrong = [
    ["all zero", "{ v41: 0, v42: 0 }"],
    ["negative", "{ v41: 10, v42: -1 }"],
    ["NaN", "{ v41: .nan, v42: 1 }"],
    ["infinite", "{ v41: .inf, v42: 1 }"],
    ["text", '{ v41: "5", v42: 1 }'],
    ["empty", "{}"],
    ["given twice", "{ v41: 1, v41: 2 }"],
  ] as const;

  for (const [what, weights] of wrong) {
    it(`fault 33: whose weights are ${what} is rejected as a whole`, () => {
      const problems = problemsOf(routeText(weights));
      assert.ok(problems.length > 0);
      assert.ok(
        problems.every((each) => /weights/.test(each)),
        problems.join("\n"),
      );
    });
  }

  it("fault 33: of any positive sum of weights is legal", () => {
    for (const weights of ["{ v41: 1, v42: 2 }", "{ v41: 0.001 }", "{ v41: 900, v42: 100 }"]) {
      assert.deepEqual(problemsOf(routeText(weights)), []);
    }
  });

  it("fault 30: whose shadow has the champion's address is warned of, and rejected where the model is the same too", () => {
    const shadow = (fields: string): string =>
      routeText("{ v41: 1 }", { v41: "127.0.0.1:1" }, "  shadows: { v43: { percent: 10 } }\n").replace(
        "  weights:",
        `    v43: { address: "127.0.0.1:1"${fields} }\n  weights:`,
      );
    const same = problemsOf(shadow(""));
    assert.ok(same.some((each) => /nothing would be compared/.test(each)), same.join("\n")); // biome-ignore format: one line
    const text = shadow(", model: { version: 43 }");
    const loaded = loadTexts("test", [{ name: "fraud.yaml", text }], { local: "127.0.0.1:8500" });
    assert.ok(loaded.ok, problemsOf(text).join("\n"));
    assert.match(loaded.warnings.map(problemLine).join("\n"), /the shadow shares the champion's address/);
  });

  it("fault 33, 35: that is wrong ends the first start alone; later the last good one stays, whatever becomes of its file", async () => {
    const v41 = own.add(await ServerPeer.answering(framed("v41")));
    const v42 = own.add(await ServerPeer.answering(framed("v42")));
    const to = { v41: v41.address, v42: v42.address };
    const map = await ConfigMap.create({ "fraud.yaml": routeText("{ v41: 0, v42: 0 }", to) });
    own.add({ close: () => map.remove() });
    const env = { CONTENDER_CONFIG: map.path("fraud.yaml") };
    await assert.rejects(SidecarProcess.start(env), /weights/);

    await map.swap({ "fraud.yaml": routeText("{ v41: 1 }", to) });
    const sidecar = own.add(await SidecarProcess.start(env));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const answers = async (): Promise<string> => (await client.unary(tfPredict, message)).body.toString().slice(5);
    assert.equal(await answers(), "v41");
    const told = (event: string): number => sidecar.lines.filter((line) => line.event === event).length;
    const untilRejected = async (count: number): Promise<void> => {
      await until(() => told("config_rejected") === count, `${count} files are rejected`);
      assert.equal(valueAt(await sidecar.metrics(), "contender_config_rejected_total"), count);
      assert.deepEqual([await answers(), await sidecar.ready()], ["v41", 200]);
    };
    const half = routeText("{ v42: 1 }", to);
    await map.swap({ "fraud.yaml": half.slice(0, half.indexOf("weights") + 4) });
    await untilRejected(1);
    await map.swap({ "fraud.yaml": routeText("{ v41: -1 }", to) });
    await untilRejected(2);
    await map.swap({}); // the link leads nowhere
    await untilRejected(3);
    await map.swap({ "fraud.yaml": routeText("{ v42: 1 }", to) });
    await until(() => told("config_applied") === 1, "one swap is one change");
    assert.equal(await answers(), "v42");
    assert.equal(told("config_rejected"), 3);
  });
});

describe("a change of weights", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  it("fault 36: in the middle of a thousand streams leaves each of them its variant, and gives the next ones theirs", async () => {
    const v41 = own.add(await ServerPeer.start());
    const v42 = own.add(await ServerPeer.start());
    const variants = { v41: v41.address, v42: v42.address };
    const weighted = (weights: Record<string, number>) => snapshotOf({ variants, weights });
    const sidecar = own.add(await TestSidecar.start(weighted({ v41: 1 })));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const many = 1_000;
    const streams = Array.from({ length: many }, () => client.open(oipStream));
    for (const call of streams) call.data(message);
    await until(() => v41.streams.length === many, "a thousand streams are open");
    sidecar.apply(weighted({ v42: 1 }));
    const other = own.add(await ClientPeer.connect(sidecar.address));
    const next = other.call(tfPredict, message);
    (await v42.stream()).answer(message);
    assert.equal(variantOf(await next.done()), "v42");

    for (const call of streams) call.data(message, true);
    for (const stream of v41.streams) {
      assert.equal((await stream.done()).bytes, 2 * message.length);
      stream.answer(message);
    }
    for (const call of streams) assert.equal(variantOf(await call.done()), "v41");
    assert.deepEqual([v41.streams.length, v42.streams.length], [many, 1]);
    assert.deepEqual([sidecar.live("v41").byCode, sidecar.live("v42").byCode], [{ OK: many }, { OK: 1 }]);
    assert.deepEqual(sidecar.localReplies, {});
  });
});
