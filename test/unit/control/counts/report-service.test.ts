import assert from "node:assert/strict";
import type { ReportResponse } from "../../../../src/api/messages.ts";
import { Counts } from "../../../../src/control/counts/counts.ts";
import { reportBounds } from "../../../../src/control/counts/report-bounds.ts";
import { type ReportPorts, reportService } from "../../../../src/control/counts/report-service.ts";
import { pushbackKey, type Refusal } from "../../../../src/control/ports/refusal.ts";
import { openCallers } from "../../../support/control.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { encodeReport, noneEnded, reportMessage } from "../../../support/reports.ts";

interface Told {
  readonly refused: Refusal | undefined;
  readonly answer: ReportResponse | undefined;
}

/** @param identity that every caller proves. @param pod that is proved beside it. */
function setUp(identity: string, pod?: string, ended = noneEnded) {
  const clock = new ManualClock();
  const results: string[] = [];
  const labels = { namespace: "ml", workload: "fraud", pod };
  const service = reportService({
    clock,
    callers: { ...openCallers, sidecar: () => ({ identity, labels }) },
    counts: new Counts({ clock, ended }),
    fleet: { heard: () => undefined } as unknown as ReportPorts["fleet"],
    own: { of: (read: unknown) => read } as unknown as ReportPorts["own"],
    intervalMs: 10_000,
    share: async () => undefined,
    counted: (result) => void results.push(result),
  });
  const report = (request: Buffer): Promise<Told> =>
    new Promise((resolve) => {
      service.Report({ request } as Parameters<typeof service.Report>[0], (refused, answer) =>
        resolve({ refused: (refused ?? undefined) as Refusal | undefined, answer: answer ?? undefined }),
      );
    });
  return { clock, results, report };
}

/** A field that no reader knows makes it as large as this. */
function large(instance: string, bytes: number): Buffer {
  const report = encodeReport(reportMessage(instance, 1));
  const head = Buffer.from([0xfa, 0x07, 0x80, 0x80, 0x80, 0]);
  const rest = bytes - report.length - head.length;
  for (let i = 0; i < 3; i++) head[2 + i] = ((rest >> (7 * i)) & 0x7f) | 0x80;
  head[5] = rest >> 21;
  return Buffer.concat([report, head, Buffer.alloc(rest)]);
}

describe("reports of one identity", () => {
  const each = reportBounds.bytes / 2;
  const most = reportBounds.identityBurstBytes / each;
  const sent = async ({ report }: ReturnType<typeof setUp>, count: number): Promise<Told[]> => {
    const told: Told[] = [];
    for (let i = 0; i < count; i++) told.push(await report(large(`made-up-${i}`, each)));
    return told;
  };

  it("take no more of the service than their share under whatever names, and are told when they may go on", async () => {
    const service = setUp("fraud");
    const told = await sent(service, most + 1);
    assert.deepEqual(
      told.map(({ refused }) => refused?.code),
      [...Array.from({ length: most }), 8],
    );
    assert.match(told.at(-1)?.refused?.details ?? "", /bytes of reports a second are taken in of one identity/);
    const waitMs = Math.ceil((each / reportBounds.identityBytes) * 1_000);
    assert.deepEqual(told.at(-1)?.refused?.metadata.get(pushbackKey), [String(waitMs)]);
    assert.equal(service.results.at(-1), "limited");
    service.clock.advance(waitMs);
    assert.deepEqual((await service.report(large("last", each))).refused, undefined);
  });

  it("are those of a fleet of ten thousand that comes back at once, and goes on", async () => {
    const { clock, report, results } = setUp("fraud");
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10_000; i++) await report(encodeReport(reportMessage(`i-${i}`, round + 1)));
      clock.advance(10_000);
    }
    assert.deepEqual([...new Set(results)], ["new"]);
  }).timeout(20_000);

  it("have no share where nobody proves anything", async () => {
    const told = await sent(setUp(""), most + 1);
    assert.deepEqual([...new Set(told.map(({ refused }) => refused))], [undefined]);
  });

  it("go by the pod where that is proved", async () => {
    const told = await sent(setUp("fraud", "fraud-0"), reportBounds.burst + 1);
    assert.match(told.at(-1)?.refused?.details ?? "", /a report every 10000 ms is asked for/);
  });
});

describe("a report of a process that was summed up", () => {
  it("is acknowledged and left out, so that the process does not repeat it for ever", async () => {
    const { report, results } = setUp("", undefined, { ...noneEnded, has: () => true });
    const { refused, answer } = await report(encodeReport(reportMessage("a", 5)));
    assert.equal(refused, undefined);
    assert.equal(answer?.nextReport?.seconds, 10);
    assert.deepEqual(results, ["forgotten"]);
  });
});
