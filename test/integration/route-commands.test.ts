/** Commands that ask the config service, as processes, against a service that a test scripts. */
import assert from "node:assert/strict";
import { hostname, userInfo } from "node:os";
import { Metadata, status } from "@grpc/grpc-js";
import { messageType } from "../../src/api/protos.ts";
import { AdminService, type Answers } from "../support/admin-service.ts";
import { type Ended, type Running, start } from "../support/command.ts";
import { until } from "../support/until.ts";

const moves = [{ from: "v41", to: "v42", slots: 6_554 }];
const change = { name: "fraud", kind: "CHANGE_KIND_WEIGHTS", revision: 12, moves };
const SetWeights = () => ({ change, revision: 12 });
const sidecar = (fields: object) => ({
  instance: "i-1",
  pod: "fraud-0",
  state: "SIDECAR_STATE_CURRENT",
  revision: 12,
  ...fields,
});
const behind = sidecar({ state: "SIDECAR_STATE_PENDING", revision: 11 });

describe("commands that ask the config service, as processes", function () {
  this.timeout(30_000);
  let service: AdminService;
  let running: Running | undefined;

  async function run(argv: readonly string[], answers: Answers): Promise<Ended> {
    service = await AdminService.open(answers);
    running = start(argv, { CONTENDER_CONTROL: service.address });
    return await running.ended();
  }

  afterEach(() => {
    if (running?.child.exitCode === null) running.child.kill("SIGKILL");
    running = undefined;
    service.close();
  });

  it("change, wait until every sidecar has it, and say who asks", async () => {
    let looks = 0;
    const ListSidecars = () => ({ sidecars: [looks++ === 0 ? behind : sidecar({})], revision: 12 });
    const argv = ["route", "weights", "fraud", "v41=90,v42=10", "--wait"];
    const { code, out, err } = await run(argv, { SetWeights, ListSidecars });
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(
      out,
      `fraud has new weights, revision 12
  6,554 of 65,536 slots move, 10% of keys: v41 -> v42
applied by the one sidecar
`,
    );
    assert.equal(service.asked[0]?.actor, `${userInfo().username}@${hostname()}`);
    assert.equal(looks, 2);
  });

  it("look again, with nothing else open, while the service is away", async () => {
    let looks = 0;
    const ListSidecars = () =>
      looks++ < 2 ? Promise.reject({ code: status.UNAVAILABLE, details: "going away" }) : { sidecars: [sidecar({})] };
    const argv = ["route", "weights", "fraud", "v41=90,v42=10", "--wait"];
    const { code, err } = await run(argv, { SetWeights, ListSidecars });
    assert.deepEqual([code, err, looks], [0, "", 3]);
  });

  it("leave at Ctrl-C, and say that the change stays", async () => {
    let looks = 0;
    const ListSidecars = () => (looks++ === 0 ? { sidecars: [behind] } : new Promise<object>(() => undefined));
    service = await AdminService.open({ SetWeights, ListSidecars });
    running = start(["route", "weights", "fraud", "v41=90,v42=10", "--wait=1h"], {
      CONTENDER_CONTROL: service.address,
    });
    await until(() => looks === 2, "it waits", 20_000);
    running.child.kill("SIGINT");
    const { code, err } = await running.ended();
    assert.equal(code, 75);
    assert.match(
      err,
      /^contender: \[NOT_APPLIED\] stopped waiting: 0 of 1 sidecars .* The change stays;.*\n {2}fraud-0 pending: it has revision 11\n$/,
    );
  });

  it("list every problem of a document that is refused, by file, line and path", async () => {
    const problems = [
      { path: "spec.weights.v42", message: 'want a number, got "x"', where: "config/examples/fraud.yaml:9" },
      { path: "spec.champion", message: "is missing", where: "config/examples/fraud.yaml:3" },
    ];
    const metadata = new Metadata();
    metadata.set("contender-problems-bin", messageType<object>("Problems").encode({ problems }));
    const details = "contender: [CONFIG_INVALID] nothing was changed:";
    const ApplyRoutes = () => Promise.reject({ code: status.INVALID_ARGUMENT, details, metadata });
    const { code, out, err } = await run(["route", "apply", "-f", "config/examples/fraud.yaml"], { ApplyRoutes });
    assert.deepEqual([code, out], [64, ""]);
    assert.equal(
      err,
      `contender: [CONFIG_INVALID] nothing was changed:
config/examples/fraud.yaml:9: spec.weights.v42: want a number, got "x"
config/examples/fraud.yaml:3: spec.champion: is missing
`,
    );
    const { texts } = service.asked[0]?.request ?? {};
    assert.deepEqual(
      (texts as { name: string }[]).map(({ name }) => name),
      ["config/examples/fraud.yaml"],
    );
  });

  it("name the address where nobody listens", async () => {
    const closed = await AdminService.open({});
    closed.close();
    service = closed;
    running = start(["fleet"], { CONTENDER_CONTROL: service.address });
    const { code, err } = await running.ended();
    assert.equal(code, 69);
    assert.match(err, new RegExp(`^contender: \\[CONTROL_UNREACHABLE\\] ${closed.address} `));
  });
});
