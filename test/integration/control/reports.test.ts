import assert from "node:assert/strict";
import { messageType } from "../../../src/api/protos.ts";
import type { Callers } from "../../../src/control/access/callers.ts";
import { openCallers, startControl, type TestControl } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { reportMessage, requestsOf } from "../../support/reports.ts";
import { TempFolder } from "../../support/temp-folder.ts";

interface Refused {
  readonly code: number;
  readonly details: string;
  readonly metadata: { get(key: string): unknown[] };
}

describe("reports to a config service", () => {
  const folder = new TempFolder();
  let made = 0;
  let control: TestControl;
  after(() => folder.close());
  afterEach(() => control.close());

  const start = async (callers: Callers = openCallers) => {
    const clock = new ManualClock();
    control = await startControl(folder.at(String(made++)), { clock, callers, reportIntervalMs: 8_000 });
    return clock;
  };
  /** @returns the refusal; undefined where it was taken in. */
  const send = (request: object): Promise<Refused | undefined> =>
    control.call("ReportService", "Report", request).then(
      () => undefined,
      (reason) => reason as Refused,
    );
  const codes = async (requests: readonly object[]) => {
    const told: (number | undefined)[] = [];
    for (const request of requests) told.push((await send(request))?.code);
    return told;
  };
  const many = (count: number, from = 1, instance: (i: number) => string = () => "a") =>
    Array.from({ length: count }, (_, i) => reportMessage(instance(i), from + i));

  it("that come without end are refused unread, with the time at which the next is taken in, and nothing is lost", async () => {
    const clock = await start();
    assert.deepEqual(await codes(many(11)), [...Array.from({ length: 10 }), 8]);
    const refused = await send(reportMessage("a", 12));
    assert.match(
      refused?.details ?? "",
      /^contender: \[LIMIT_REACHED\] a report every 8000 ms is asked for, and 4 in that time/,
    );
    assert.deepEqual(refused?.metadata.get("grpc-retry-pushback-ms"), ["2000"]);
    assert.deepEqual(await codes([reportMessage("b", 1)]), [undefined]);
    clock.advance(2_000);
    assert.deepEqual(await codes(many(2, 13)), [undefined, 8]);
    assert.deepEqual([control.control.figures.reports.new, control.control.figures.reports.limited], [12, 3]);
    assert.equal(await requestsOf(control.control.counts), 13 + 1);
  });

  it("of a pod that is known to be one are too many under whatever names", async () => {
    const labels = { namespace: "ml", workload: "fraud", pod: "fraud-0" };
    await start({ ...openCallers, sidecar: () => ({ identity: "pods", labels }) });
    assert.deepEqual(await codes(many(11, 1, (i) => `i-${i}`)), [...Array.from({ length: 10 }), 8]);
  });

  it("of many under one name are no more for that", async () => {
    const labels = { namespace: "ml", workload: "fraud", pod: undefined };
    await start({ ...openCallers, sidecar: () => ({ identity: "pods", labels }) });
    assert.deepEqual(await codes(many(20, 1, (i) => `i-${i}`)), Array.from({ length: 20 }));
  });

  it("that are none are refused as that", async () => {
    await start();
    const bytes = async (request: Buffer) => {
      const answer = control.bytes("/contender.v1.ReportService/Report", request);
      return await answer.then(
        () => undefined,
        (reason: Refused) => [reason.code, reason.details],
      );
    };
    const crooked = [3, "contender: [CONFIG_INVALID] a report that is not written as one"];
    const good = messageType<object>("ReportRequest").encode(reportMessage("a", 1));
    assert.deepEqual(await bytes(Buffer.from([0x0a, 9])), crooked);
    assert.deepEqual(await bytes(Buffer.concat([good, Buffer.from([0x3a, 1, 0xff])])), crooked);
    assert.match(String(await bytes(Buffer.alloc(0))), /want the instance/);
    assert.equal(await bytes(good), undefined);
  });
});
