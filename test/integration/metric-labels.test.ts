/** What callers send must not become series: neither many, nor any that they have worded. */
import assert from "node:assert/strict";
import { parseExposition } from "../support/exposition.ts";
import { ClientPeer, type Fields, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";

const own = new Owned();
const body = framed(tfRequest());

async function between() {
  const server = own.add(await ServerPeer.answering(body));
  const route = { key: { from: [{ metadata: "x-user" }] }, pin: true, variants: { v41: server.address } };
  const sidecar = own.add(await TestSidecar.start(snapshotOf(route)));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  /** Ten calls at a time. */
  const calls = async (count: number, fieldsOf: (i: number) => readonly [path: string, fields: Fields]) => {
    for (let i = 0; i < count; i += 10) {
      const ten = Array.from({ length: 10 }, (_, j) => fieldsOf(i + j));
      await Promise.all(ten.map(([path, fields]) => client.unary(path, body, fields)));
    }
  };
  return { sidecar, client, calls };
}

const series = (text: string): number => text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;

describe("series", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("do not grow by paths, keys, pins, hops and types that callers make up", async () => {
    const { sidecar, calls } = await between();
    const made = (i: number): readonly [string, Fields] => [
      i % 2 === 0 ? `/made.up.Service${i}/Method${i}` : tfPredict,
      [
        ["x-user", `user-${i}`],
        ["x-contender-pin", `v${i}`],
        ["x-contender-hop", `route-${i}`],
        ["content-type", `application/grpc+type${i}`],
        [`x-made-up-${i}`, "yes"],
      ],
    ];
    await calls(100, made);
    const before = series(await sidecar.metrics.exposition());
    await calls(10_000, (i) => made(i + 100));
    assert.equal(series(await sidecar.metrics.exposition()), before);
  });

  for (const path of [
    '/a.B/Predict"} 1\\n# evil',
    '/tensorflow.serving.PredictionService/Predict"',
    "/a.B/{evil}",
    "/a.B/\\evil\\",
    "/../../evil",
    "/a.B/\u00e4\u00ff\u0085evil",
    `/${"evil".repeat(5_000)}`,
  ]) {
    it(`have nothing of the path ${JSON.stringify(path.slice(0, 40))} in them`, async () => {
      const { sidecar, client } = await between();
      await client.unary(path, body, [["x-user", 'evil"} 1\\n']]);
      const text = await sidecar.metrics.exposition();
      assert.ok(parseExposition(text).size > 10);
      assert.doesNotMatch(text, /evil|Predict"[^,]|\\/);
    });
  }

  it("can't be broken into by a line break: a header that has one ends its call", async () => {
    const { sidecar, client } = await between();
    const call = client.open('/a.B/M\n"} 1');
    await client.unary(tfPredict, body);
    assert.ok(call.reset !== undefined);
    assert.doesNotMatch(await sidecar.metrics.exposition(), /a\.B/);
  });
});
