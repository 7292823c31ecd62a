import assert from "node:assert/strict";
import type { SidecarStatus } from "../../../src/model/administration.ts";
import { scripted, sidecar } from "../../support/administration.ts";
import { contender } from "../../support/cli.ts";

const problems = [{ path: "routes[0].spec.champion", message: "is missing" }];
const fleet: SidecarStatus[] = [
  sidecar(),
  sidecar({ instance: "i-2", pod: "fraud-1", state: "rejected", revision: 11, problems }),
  sidecar({
    instance: "i-3",
    namespace: "",
    workload: "",
    pod: "",
    state: "gone",
    revision: 0,
    identity: "",
    lastSeenMs: undefined,
  }),
  sidecar({ instance: "i-4", pod: "fraud-2", withheld: [{ route: "loans", capabilities: ["md5-100", "ttl"] }] }),
];

async function asked(argv: readonly string[], sidecars: readonly SidecarStatus[] = fleet, columns?: number) {
  const service = scripted({ sidecars: () => Promise.resolve({ sidecars, revision: 12 }) });
  const given = columns === undefined ? {} : { columns };
  const ran = await contender(["fleet", ...argv], { handlers: service.handlers, ...given });
  return { ...ran, service };
}

describe("contender fleet", () => {
  it("shows how every sidecar stands, and why", async () => {
    const { code, out, service } = await asked([]);
    assert.equal(code, 0);
    assert.equal(
      out,
      `state     sidecar           revision  release  last seen             identity
current   ml/fraud/fraud-0        12  0.2.0    2026-03-01T10:00:05Z  spiffe://x/fraud
rejected  ml/fraud/fraud-1        11  0.2.0    2026-03-01T10:00:05Z  spiffe://x/fraud
gone      i-3                      0  0.2.0                          ?
current   ml/fraud/fraud-2        12  0.2.0    2026-03-01T10:00:05Z  spiffe://x/fraud
ml/fraud/fraud-1 rejected: routes[0].spec.champion: is missing
ml/fraud/fraud-2 is not given loans: it lacks md5-100, ttl
4 sidecars: 2 current, 1 rejected, 1 gone; the store is at revision 12
`,
    );
    assert.deepEqual(service.asked, [["sidecars", { route: "", waitForRevision: 0, waitAtMostMs: 0 }]]);
  });

  it("tells several of one name apart by their processes", async () => {
    const { out } = await asked([], [sidecar(), sidecar({ instance: "i-2", state: "unrouted" })]);
    assert.match(out, /^current {3}ml\/fraud\/fraud-0 \(i-1\) /m);
    assert.match(out, /^ml\/fraud\/fraud-0 \(i-2\) unrouted: /m);
  });

  it("says what makes a sidecar follow, where none does", async () => {
    const { code, out, err } = await asked([], []);
    assert.deepEqual([code, out], [0, "0 sidecars; the store is at revision 12\n"]);
    assert.match(
      err,
      /^no sidecar follows this service yet: .*CONTENDER_CONTROL=HOST:PORT do; .*\(CONTENDER_CONFIG\) are not seen here$/m,
    );
  });

  it("asks for those of a route", async () => {
    const { out, service } = await asked(["--route", "fraud"], []);
    assert.equal(out, "0 sidecars; the store is at revision 12\n");
    assert.deepEqual(service.asked, [["sidecars", { route: "fraud", waitForRevision: 0, waitAtMostMs: 0 }]]);
  });

  it("fits into a narrow terminal", async () => {
    const { out } = await asked([], fleet, 80);
    const lines = out.split("\n").slice(0, 5);
    assert.deepEqual(
      lines.filter((line) => line.length > 80),
      [],
    );
    assert.match(lines[1] ?? "", / {2}spiffe:/);
  });

  it("has everything that is known of a sidecar as JSON", async () => {
    const { out } = await asked(["--json"], [fleet[1] as SidecarStatus, fleet[2] as SidecarStatus]);
    const { revision, sidecars } = JSON.parse(out) as { revision: number; sidecars: Record<string, unknown>[] };
    assert.equal(revision, 12);
    assert.deepEqual(sidecars[0], {
      instance: "i-2",
      namespace: "ml",
      workload: "fraud",
      pod: "fraud-1",
      identity: "spiffe://x/fraud",
      release: "0.2.0",
      state: "rejected",
      version: "a1b2c3d4e5f6-12-01234567",
      revision: 11,
      problems: [{ path: "routes[0].spec.champion", message: "is missing", where: null }],
      withheld: [],
      lastSeen: "2026-03-01T10:00:05Z",
      startedAt: "2026-03-01T09:59:00Z",
    });
    assert.equal(sidecars[1]?.lastSeen, null);
  });
});
