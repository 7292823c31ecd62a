/** A config service that comes and goes. The number is that of docs/faults.md. */
import assert from "node:assert/strict";
import { type Answer, ConfigService } from "../support/config-service.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { answer, sentRoute } from "../support/snapshots.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

describe("a config service", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("fault 34: that flaps, sends garbage, wrong routes and old ones costs no call, and is followed once it is well", async () => {
    const v1 = own.add(await ServerPeer.answering(framed("v1")));
    const v2 = own.add(await ServerPeer.answering(framed("v2")));
    const addresses = [v1.address, v2.address] as const;
    const all = (variant: "v1" | "v2") =>
      sentRoute({ addresses, weights: variant === "v1" ? { v1: 1, v2: 0 } : { v1: 0, v2: 1 } });
    let service = await ConfigService.open();
    service.onStream = (stream) => stream.send(answer(5, [all("v1")]));
    const sidecar = own.add(await SidecarProcess.start({ CONTENDER_CONTROL: service.address }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const answers: string[] = [];
    let over = false;
    const calling = (async () => {
      while (!over) answers.push((await client.unary(tfPredict, message)).body.toString().slice(5));
    })();

    const junk = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]);
    const ills: readonly (Answer | "garbage" | "end")[] = [
      "garbage",
      answer(4, [all("v2")]),
      "end",
      answer(6, [sentRoute({ addresses, weights: { v1: 1, v2: -1 }, slots: 65_536 })]),
      answer(6, []),
      { ...answer(6, [all("v2")]), version: answer(6, [all("v1")]).version },
    ];
    for (const ill of ills) {
      service.close();
      service = await ConfigService.open(service.port, undefined, () => (ill === "garbage" ? junk : undefined));
      const stream = await service.stream(0);
      const first = await stream.request(0);
      assert.equal(first.version, answer(5, [all("v1")]).version);
      if (ill === "end") stream.end();
      else stream.send(ill === "garbage" ? {} : ill);
      if (typeof ill === "object") assert.notDeepEqual((await stream.request(1)).problems, []);
      else await stream.closed();
    }
    assert.deepEqual([...new Set(answers)], ["v1"]);
    assert.equal(await sidecar.ready(), 200);
    assert.equal(valueAt(await sidecar.metrics(), "contender_config_rejected_total"), 4);

    service.close();
    service = own.add(await ConfigService.open(service.port));
    service.onStream = (stream) => stream.send(answer(7, [all("v2")]));
    await until(() => answers.at(-1) === "v2", "the sidecar has followed", 40_000);
    over = true;
    await calling;
    assert.deepEqual([...new Set(answers)], ["v1", "v2"]);
    assert.equal(valueAt(await sidecar.metrics(), "contender_config_source_connected"), 1);
  });
});
