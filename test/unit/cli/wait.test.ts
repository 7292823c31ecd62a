import assert from "node:assert/strict";
import { ContenderError } from "../../../src/base/errors.ts";
import type { Administration, FleetQuestion, SidecarStatus } from "../../../src/model/administration.ts";
import { changed, scripted, sidecar } from "../../support/administration.ts";
import { contender } from "../../support/cli.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const behind = (fields: Partial<SidecarStatus> = {}) => sidecar({ state: "pending", revision: 11, ...fields });
const second = { instance: "i-2", pod: "fraud-1" };

interface Given {
  readonly argv?: readonly string[];
  readonly names?: readonly string[];
  readonly drawsProgress?: boolean;
  readonly interruptAtLook?: number;
}

/** Changes weights and waits; each look at the fleet takes the time that it was given, and sees the next of `looks`, the last for ever. */
async function waited(
  looks: readonly (readonly SidecarStatus[] | Error)[],
  { argv = ["--wait"], names = ["fraud"], interruptAtLook, ...given }: Given = {},
) {
  const clock = new ManualClock();
  let next = 0;
  let interrupt = (): void => undefined;
  const sidecars: Administration["sidecars"] = ({ waitAtMostMs }) => {
    if (next === interruptAtLook) interrupt();
    const seen = looks[Math.min(next++, looks.length - 1)] ?? [];
    if (seen instanceof Error) return Promise.reject(seen);
    if (next < looks.length || seen.some(({ state }) => state === "pending")) clock.advance(waitAtMostMs);
    return Promise.resolve({ sidecars: seen, revision: 12 });
  };
  const setWeights = () => Promise.resolve(changed(...names.map((name) => ({ name }))));
  const service = scripted({ setWeights, sidecars });
  const ran = await contender(["route", "weights", "fraud", "v41=90,v42=10", ...argv], {
    handlers: service.handlers,
    clock,
    onStop: (fn) => {
      interrupt = fn;
    },
    ...given,
  });
  const questions = service.asked
    .filter(([name]) => name === "sidecars")
    .map(([, question]) => question as FleetQuestion);
  return { ...ran, questions, tookMs: clock.nowMs() };
}

describe("--wait", () => {
  it("ends once every sidecar of the route has applied the change, and shows how far it is on a terminal", async () => {
    const looks = [
      [behind(), behind(second)],
      [sidecar(), behind(second)],
      [sidecar(), sidecar(second)],
    ];
    const { code, out, err, questions } = await waited(looks, { drawsProgress: true });
    assert.equal(code, 0);
    assert.match(out, /\napplied by all 2 sidecars\n$/);
    const drawn = err.split("\r\u001b[K").filter((text) => text !== "");
    assert.deepEqual(drawn, ["sidecars applied: 0/2", "sidecars applied: 1/2", "sidecars applied: 2/2"]);
    assert.equal(questions.length, 3);
    assert.deepEqual(questions[0], { route: "fraud", waitForRevision: 12, waitAtMostMs: 2_000 });
  });

  it("draws nothing where nobody looks", async () => {
    const { err } = await waited([[behind()], [sidecar()]]);
    assert.equal(err, "");
  });

  it("names after a minute those that have not, with what they have", async () => {
    const { code, err, tookMs } = await waited([
      [sidecar(), behind(second), behind({ instance: "i-3", pod: "", revision: 0 })],
    ]);
    assert.equal(code, 75);
    assert.equal(
      err,
      `contender: [NOT_APPLIED] 2 of 3 sidecars have not applied revision 12 within 60s:
  ml/fraud/fraud-1 pending: it has revision 11, last heard of at 2026-03-01T10:00:05Z
  ml/fraud/i-3 pending: it has nothing of this store yet, last heard of at 2026-03-01T10:00:05Z
`,
    );
    assert.equal(tookMs, 60_000);
  });

  it("takes the time that it is given", async () => {
    const { err, tookMs, questions } = await waited([[behind()]], { argv: ["--wait=3s"] });
    assert.match(err, /within 3s:/);
    assert.equal(tookMs, 3_000);
    assert.deepEqual(
      questions.map(({ waitAtMostMs }) => waitAtMostMs),
      [2_000, 1_000],
    );
  });

  it("does not wait for one that refused it, and gives its problems with their paths", async () => {
    const problems = [
      { path: "spec.variants.v42.tls", message: "ca.pem can't be read", where: 'route "fraud"' },
      { path: "spec.key", message: "is missing" },
    ];
    const { code, err, questions } = await waited([[sidecar(), behind({ ...second, state: "rejected", problems })]]);
    assert.deepEqual([code, questions.length], [75, 1]);
    assert.equal(
      err,
      `contender: [NOT_APPLIED] 1 of 2 sidecars have not applied revision 12:
  ml/fraud/fraud-1 rejected: route "fraud": spec.variants.v42.tls: ca.pem can't be read; spec.key: is missing
`,
    );
  });

  it("names one that is left without any route since it lacks what this one needs, and no other without a route", async () => {
    const withheld = [{ route: "fraud", capabilities: ["ttl"] }];
    const unrouted = (pod: string, fields: Partial<SidecarStatus> = {}) =>
      sidecar({ instance: pod, pod, state: "unrouted", revision: 0, ...fields });
    const other = [{ route: "spam", capabilities: ["ttl"] }];
    const looks = [[sidecar(), unrouted("old", { withheld }), unrouted("away"), unrouted("spam", { withheld: other })]];
    const { code, err, questions } = await waited(looks);
    assert.deepEqual([code, questions.length], [75, 1]);
    assert.equal(
      err,
      `contender: [NOT_APPLIED] 1 of 2 sidecars have not applied revision 12:
  ml/fraud/old withheld: this release can't do what fraud needs ttl
`,
    );
  });

  it("counts one as having it that refused something newer", async () => {
    assert.equal((await waited([[sidecar({ state: "rejected", revision: 12 })]])).code, 0);
  });

  it("names those that are not given the route, whatever else they have applied", async () => {
    const withheld = [
      { route: "fraud", capabilities: ["md5-100"] },
      { route: "loans", capabilities: ["ttl"] },
    ];
    const { code, err } = await waited([[sidecar({ withheld })]]);
    assert.equal(code, 75);
    assert.match(err, /ml\/fraud\/fraud-0 withheld: this release can't do what fraud needs md5-100\n$/);
  });

  it("does not wait for those that are gone, but tells them", async () => {
    const { code, out, err } = await waited([[sidecar(), sidecar({ ...second, state: "gone", revision: 9 })]]);
    assert.deepEqual([code, err], [0, "not waited for, since they are gone: ml/fraud/fraud-1\n"]);
    assert.match(out, /\napplied by the one sidecar\n$/);
  });

  it("says that there was nobody to wait for", async () => {
    const { code, err } = await waited([[]]);
    assert.deepEqual([code, err], [0, "no sidecar is connected that fraud is for: nobody was waited for\n"]);
  });

  it("looks again while the service is away, as it is when it starts anew", async () => {
    const away = new ContenderError("CONTROL_UNREACHABLE", "refused");
    const { code, tookMs } = await waited([away, away, [sidecar()]]);
    assert.deepEqual([code, tookMs], [0, 500]);
  });

  it("tells that the service is away where it stays so", async () => {
    const away = new ContenderError("CONTROL_UNREACHABLE", "127.0.0.1:7410 refused");
    const { code, err } = await waited([away], { argv: ["--wait=1s"] });
    assert.equal(code, 69);
    assert.equal(
      err,
      `contender: [CONTROL_UNREACHABLE] 127.0.0.1:7410 refused
revision 12 is made and stays, and which sidecars have applied it is not known; contender fleet shows how it goes on
CONTENDER_CONTROL is not set, so 127.0.0.1:7410 was asked: set CONTENDER_CONTROL=HOST:PORT (tls://HOST:PORT with TLS), or give --control
`,
    );
  });

  it("tells what was applied when the service was last heard", async () => {
    const away = new ContenderError("CONTROL_UNREACHABLE", "this replica ends");
    const { code, err } = await waited([[sidecar(), behind(second)], away], { argv: ["--wait=3s"] });
    assert.equal(code, 69);
    assert.match(
      err,
      /^contender: \[CONTROL_UNREACHABLE\] this replica ends\nrevision 12 is made and stays, and when the service was last heard, 1 of 2 sidecars had applied it; .*\n {2}ml\/fraud\/fraud-1 pending: /,
    );
  });

  it("prints the change as JSON also where the service went away meanwhile", async () => {
    const away = new ContenderError("CONTROL_UNREACHABLE", "this replica ends");
    const { code, out } = await waited([away], { argv: ["--wait=1s", "--json"] });
    assert.equal(code, 69);
    const printed = JSON.parse(out) as { revision: number; waited: { complete: boolean } };
    assert.deepEqual([printed.revision, printed.waited.complete], [12, false]);
  });

  it("ends at once where the service refuses to tell", async () => {
    const { code, questions } = await waited([new ContenderError("FORBIDDEN", "no")]);
    assert.deepEqual([code, questions.length], [77, 1]);
  });

  it("leaves at Ctrl-C with a clear line", async () => {
    const { code, err } = await waited([[sidecar(), behind(second)]], {
      interruptAtLook: 1,
    });
    assert.equal(code, 75);
    assert.match(
      err,
      /^contender: \[NOT_APPLIED\] stopped waiting: 1 of 2 sidecars are known to have applied revision 12\. The change stays;/,
    );
  });

  it("waits for the sidecars of every route that was changed, each once", async () => {
    const { out, questions } = await waited([[sidecar()]], { names: ["fraud", "loans"] });
    assert.deepEqual(
      questions.map(({ route }) => route),
      ["fraud", "loans"],
    );
    assert.match(out, /applied by the one sidecar/);
  });

  it("puts who has it and who has not into the JSON document, and fails all the same", async () => {
    const problems = [{ path: "spec.key", message: "is missing" }];
    const looks = [[sidecar(), behind({ ...second, state: "rejected", problems })]];
    const { code, out } = await waited(looks, { argv: ["--wait", "--json"] });
    assert.equal(code, 75);
    const { waited: seen } = JSON.parse(out) as { waited: unknown };
    const name = { namespace: "ml", workload: "fraud" };
    assert.deepEqual(seen, {
      complete: false,
      interrupted: false,
      applied: [{ ...name, pod: "fraud-0", instance: "i-1" }],
      notApplied: [
        {
          ...name,
          pod: "fraud-1",
          instance: "i-2",
          state: "rejected",
          revision: 11,
          why: "rejected: spec.key: is missing",
          problems: [{ path: "spec.key", message: "is missing", where: null }],
        },
      ],
      gone: [],
    });
  });
});
