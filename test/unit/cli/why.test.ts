import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ContenderError } from "../../../src/base/errors.ts";
import type { Handlers } from "../../../src/cli/handlers.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import { atMs, routeState, scripted } from "../../support/administration.ts";
import { contender } from "../../support/cli.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";

const file = fileURLToPath(new URL("../../../config/examples/fraud.yaml", import.meta.url));
const env = {
  CONTENDER_CHAMPION: "v41=local",
  CONTENDER_CHALLENGERS: "v42=127.0.0.1:1",
  CONTENDER_WEIGHTS: "v41=90,v42=10",
  CONTENDER_ROUTE: "fraud",
};

const fixturePath = fileURLToPath(new URL("../../fixtures/routes/valid/two-routes.yaml", import.meta.url));

interface Why {
  readonly variant: string | null;
  readonly slot: number | null;
  readonly reason: string;
  readonly version: string;
}

const why = (out: string) => JSON.parse(out) as Why;

/** The first answer of this kind among a few hundred users of the example's route. */
async function answerLike(pattern: RegExp): Promise<string> {
  for (let i = 0; i < 300; i++) {
    const { out } = await contender(["why", "fraud", "--key", `user-${i}`, "--file", file]);
    if (pattern.test(out)) return out;
  }
  return assert.fail(`no user's answer is like ${pattern.source}`);
}

describe("contender why", () => {
  it("prints variant, weights, slot and reason", async () => {
    const out = await answerLike(/^variant +v42/m);
    assert.match(out, /^route +fraud \(version [0-9a-f]{12}, file:.*fraud\.yaml\)$/m);
    assert.match(out, /^variant +v42 \(challenger\)$/m);
    assert.match(out, /^reason +weight$/m);
    assert.match(out, /^assignment +slots, salt "fraud", slot \d+$/m);
    assert.match(out, /^weights +v41 90%, v42 10%, v43 0%$/m);
    assert.match(out, /^table +v41 (89|90)(\.\d+)?%, v42 (9|10)(\.\d+)?%, v43 0%$/m);
    assert.match(out, /^shadows +none for this key$/m);
  });

  it("says who is the champion, and which shadows get copies", async () => {
    const out = await answerLike(/^shadows +v43$/m);
    assert.match(out, /^variant +v41 \(champion\)$/m);
  });

  it("says that a key is none where the route ignores it", async () => {
    const { out } = await contender(["why", "fraud", "--key", "anonymous", "--file", file]);
    assert.match(out, /^variant +drawn anew for each call: this key is none$/m);
    assert.match(out, /^reason +no_key$/m);
  });

  it("prints the same as JSON, where nothing is null", async () => {
    const { out } = await contender(["why", "fraud", "--key", "", "--file", file, "--json"]);
    const { variant, slot, reason } = why(out);
    assert.deepEqual([variant, slot, reason], [null, null, "no_key"]);
  });

  it("reads the environment's route where no file is named", async () => {
    const { code, out } = await contender(["why", "fraud", "--key", "user-1", "--json"], { env });
    assert.equal(code, 0);
    assert.match(out, /"source": "environment"/);
    assert.ok(["v41", "v42"].includes(why(out).variant ?? ""));
  });

  it("reads the environment's route file", async () => {
    const fromEnv = await contender(["why", "fraud", "--key", "user-1", "--json"], { env: { CONTENDER_CONFIG: file } });
    const fromFile = await contender(["why", "fraud", "--key", "user-1", "--json", "--file", file]);
    assert.equal(fromEnv.out, fromFile.out);
  });

  it("knows no other route, and says which there are", async () => {
    const { code, err } = await contender(["why", "frad", "--key", "k", "--file", file]);
    assert.equal(code, 64);
    assert.equal(err, 'contender: [ROUTE_UNKNOWN] no route is named "frad" (did you mean "fraud"?), there is fraud\n');
  });

  it("tells the problems of routes that can't be served from", async () => {
    const { code, err } = await contender(["why", "fraud", "--key", "k"], {
      env: { ...env, CONTENDER_WEIGHTS: "v41=0" },
    });
    assert.equal(code, 64);
    assert.match(err, /^contender: \[CONFIG_INVALID\] the routes are wrong\nCONTENDER_WEIGHTS: want a sum above 0/);
  });

  it("tells the problems of the settings", async () => {
    const { code, err } = await contender(["why", "fraud", "--key", "k"], { env: { ...env, CONTENDER_WEIGHT: "1" } });
    assert.equal(code, 64);
    assert.match(err, /^contender: \[SETTINGS_INVALID\] .*\nCONTENDER_WEIGHT: unknown setting/);
  });

  it("needs a key", async () => {
    assert.match((await contender(["why", "fraud"])).err, /required option '-k, --key <KEY>' not specified/);
  });

  describe("with --admin", () => {
    const text = routeFixtures("valid").find(({ name }) => name === "two-routes")?.text ?? "";
    const snapshot = parsedValue(loadTexts("file:x", [{ name: "x", text }], { local: "10.0.0.1:8500" }));
    const config = { version: "from-sidecar", source: "file:x", routes: snapshot.routes.map(toDocument) };
    const asked: unknown[] = [];
    const answering =
      (status: number, body: string): Handlers["askAdmin"] =>
      (...question) => {
        asked.push(question);
        return Promise.resolve({ status, body });
      };

    it("asks the running sidecar for the routes in force", async () => {
      const askAdmin = answering(200, JSON.stringify(config));
      const argv = ["why", "others", "--key", "k", "--json", "--admin", "0.0.0.0:7401"];
      const { code, out } = await contender(argv, { handlers: { askAdmin } });
      assert.equal(code, 0);
      assert.deepEqual([why(out).variant, why(out).version], ["v7", "from-sidecar"]);
      assert.deepEqual(asked[0], [{ kind: "tcp", host: "127.0.0.1", port: 7401 }, "GET", "/config", 5_000]);
    });

    it("gives the same answer as the file that the sidecar reads", async () => {
      const handlers = { askAdmin: answering(200, JSON.stringify(config)) };
      for (const key of ["a", "b", "c", "d", "e", "f"]) {
        const argv = ["why", "fraud", "--key", key, "--json"];
        const bySidecar = await contender([...argv, "--admin", "127.0.0.1:1"], { handlers });
        const direct = await contender([...argv], {
          env: { CONTENDER_LOCAL: "10.0.0.1:8500", CONTENDER_CONFIG: fixturePath },
        });
        assert.equal(why(bySidecar.out).slot, why(direct.out).slot);
        assert.equal(why(bySidecar.out).variant, why(direct.out).variant);
      }
    });

    for (const [status, body] of [
      [404, "not found"],
      [200, "not json"],
      [200, "{}"],
      [500, JSON.stringify(config)],
    ] as const) {
      it(`does not take ${status} with ${body.slice(0, 10)} for a sidecar's answer`, async () => {
        const handlers = { askAdmin: answering(status, body) };
        const { code, err } = await contender(["why", "fraud", "--key", "k", "--admin", "127.0.0.1:1"], { handlers });
        assert.equal(code, 69);
        assert.match(err, /^contender: \[UPSTREAM_UNREACHABLE\]/);
      });
    }

    it("does not go with --file", async () => {
      assert.equal((await contender(["why", "a", "--key", "k", "--file", "f", "--admin", "127.0.0.1:1"])).code, 64);
    });
  });
});

describe("contender why, by the config service", () => {
  const clock = new ManualClock({ wallMs: atMs(0) });
  const control = { CONTENDER_CONTROL: "127.0.0.1:7410" };
  /** All of v42's slots stand first, as no table that is filled anew has them. */
  const table = [
    { variant: "v42", slots: 32_768 },
    { variant: "v41", slots: 32_768 },
  ];
  const service = () => scripted({ get: () => Promise.resolve(routeState({ table })) });
  const argv = ["why", "fraud", "--key", "user-1"];

  it("works it out by the table that the service has", async () => {
    for (let i = 0; i < 20; i++) {
      const { handlers } = service();
      const given = { env: control, handlers };
      const { variant, slot } = why((await contender(["why", "fraud", "-k", `user-${i}`, "--json"], given)).out);
      assert.equal(variant, (slot ?? 0) < 32_768 ? "v42" : "v41");
    }
  });

  it("says which revision that was, and whose", async () => {
    const { handlers } = service();
    const { code, out } = await contender([...argv, "--control", "127.0.0.1:7410", "--at", "10m"], { handlers, clock });
    assert.equal(code, 0);
    const source = "127.0.0.1:7410 as of 2026-03-01T09:50:00Z, by ana@laptop? at 2026-03-01T10:00:00Z";
    assert.match(out, new RegExp(`^route +fraud \\(version 12, ${source.replace("?", "\\?")}\\)$`, "m"));
    assert.match(out, /^table +v41 50%, v42 50%$/m);
  });

  it("asks for what was at that time", async () => {
    const { handlers, asked } = service();
    await contender([...argv, "--at", "2026-03-01T09:00:00Z"], { env: control, handlers, clock });
    assert.deepEqual(asked, [["get", "fraud", atMs(-3_600)]]);
  });

  it("says as JSON what it says to people, --at among it", async () => {
    const { handlers } = service();
    const { out } = await contender([...argv, "--at", "10m", "--json"], { env: control, handlers, clock });
    const said = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(
      [said.at, said.role],
      ["2026-03-01T09:50:00Z", said.variant === "v41" ? "champion" : "challenger"],
    );
  });

  it("asks nobody where a file is named", async () => {
    const { handlers, asked } = service();
    const { code } = await contender([...argv, "--file", file], { env: control, handlers });
    assert.deepEqual([code, asked], [0, []]);
  });

  it("knows nothing of the past without the service", async () => {
    const { code, err } = await contender([...argv, "--at", "10m"], { env, clock });
    assert.equal(code, 64);
    assert.match(
      err,
      /--at: only the config service knows what was: set CONTENDER_CONTROL=HOST:PORT, or give --control/,
    );
  });

  it("does not take --at for a file", async () => {
    assert.equal((await contender([...argv, "--at", "10m", "--file", file])).code, 64);
  });
});

describe("commands that ask the admin port", () => {
  const asked: unknown[] = [];
  const answer = (status: number, body = ""): Partial<Handlers> => ({
    askAdmin: (...question) => {
      asked.push(question);
      return Promise.resolve({ status, body });
    },
  });
  const unreachable: Partial<Handlers> = {
    askAdmin: () => Promise.reject(new ContenderError("UPSTREAM_UNREACHABLE", "127.0.0.1:7401 does not answer")),
  };

  beforeEach(() => {
    asked.length = 0;
  });

  it("drain: posts, waits for the answer and prints it", async () => {
    const { code, out } = await contender(["drain"], { handlers: answer(202, "draining for 5s\n") });
    assert.deepEqual([code, out], [0, "draining for 5s\n"]);
    assert.deepEqual(asked, [[{ kind: "tcp", host: "127.0.0.1", port: 7401 }, "POST", "/drain", 30_000]]);
  });

  it("drain: asks where the environment says, whatever else is wrong there", async () => {
    const env = { CONTENDER_ADMIN: "[::]:9000", CONTENDER_NONSENSE: "1" };
    await contender(["drain"], { handlers: answer(200), env });
    assert.deepEqual(asked, [[{ kind: "tcp", host: "::1", port: 9000 }, "POST", "/drain", 30_000]]);
  });

  it("drain: fails where the answer is no, or none", async () => {
    assert.equal((await contender(["drain"], { handlers: answer(404, "no such path") })).code, 69);
    const { code, err } = await contender(["drain"], { handlers: unreachable });
    assert.deepEqual([code, err], [69, "contender: [UPSTREAM_UNREACHABLE] 127.0.0.1:7401 does not answer\n"]);
  });

  it("drain: refuses an address that is none", async () => {
    const { code, err } = await contender(["drain", "--admin", "7401"]);
    assert.equal(code, 64);
    assert.match(err, /admin address: want HOST:PORT/);
  });

  it("healthcheck: 0 where /healthz answers 200", async () => {
    const { code, out } = await contender(["healthcheck"], { handlers: answer(200, "ok") });
    assert.deepEqual([code, out], [0, "127.0.0.1:7401/healthz 200 ok\n"]);
    assert.deepEqual(asked, [[{ kind: "tcp", host: "127.0.0.1", port: 7401 }, "GET", "/healthz", 2_000]]);
  });

  it("healthcheck: 1 for anything else, as Docker wants it", async () => {
    assert.equal((await contender(["healthcheck"], { handlers: answer(503) })).code, 1);
    assert.equal((await contender(["healthcheck"], { handlers: unreachable })).code, 1);
  });

  it("healthcheck --ready: asks /readyz", async () => {
    const argv = ["healthcheck", "--ready", "--timeout", "500ms", "--admin", "unix:/run/admin.sock"];
    await contender(argv, { handlers: answer(200) });
    assert.deepEqual(asked, [[{ kind: "unix", path: "/run/admin.sock" }, "GET", "/readyz", 500]]);
  });
});
