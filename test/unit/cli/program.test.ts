import assert from "node:assert/strict";
import { readDurationMs } from "../../../src/base/duration.ts";
import { ContenderError } from "../../../src/base/errors.ts";
import type { Handlers } from "../../../src/cli/handlers.ts";
import type { Io } from "../../../src/cli/io.ts";
import { buildProgram } from "../../../src/cli/program.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { demoDefaults } from "../../../src/demo/options.ts";
import { contender } from "../../support/cli.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const commands = [
  "sidecar",
  "gateway",
  "check",
  "why",
  "init",
  "demo",
  "control",
  "fleet",
  "drain",
  "healthcheck",
  "completion",
];
const routeCommands = ["apply", "get", "list", "weights", "history", "undo", "delete"];

describe("contender", () => {
  it("prints its version", async () => {
    const { code, out } = await contender(["--version"]);
    assert.deepEqual([code, out], [0, "1.2.3\n"]);
  });

  it("lists every command in its help", async () => {
    const { code, out } = await contender(["--help"]);
    assert.equal(code, 0);
    for (const name of commands) assert.match(out, new RegExp(`^ {2}${name} `, "m"));
  });

  it("shows its help to who types nothing more, as a wrong use", async () => {
    const { code, out, err } = await contender([]);
    assert.deepEqual([code, out], [64, ""]);
    assert.match(err, /^Usage: contender/);
  });

  for (const name of [...commands, ...routeCommands.map((each) => `route ${each}`)]) {
    it(`has a help for ${name} that says what it does, and shows examples that it understands`, async () => {
      const { code, out } = await contender([...name.split(" "), "--help"]);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: contender ${name}`));
      const examples = out.slice(out.indexOf("\nExamples:\n"));
      assert.ok(examples.split("\n").filter((line) => line.startsWith("  # ")).length >= 2, out);
      const options = [...examples.matchAll(/(?<= )--[a-z-]+/g)].map(([option]) => option);
      for (const option of options.filter((each) => each !== "--json")) {
        assert.ok(out.indexOf(`${option} `) < out.indexOf("\nExamples:\n") && out.includes(`${option} `), option);
      }
    });
  }

  const handlers = { version: "1.2.3", demo: { defaults: demoDefaults } } as Handlers;
  const program = buildProgram(handlers, { clock: new ManualClock() } as unknown as Io, () => undefined);

  for (const path of [...commands, "route", ...routeCommands.map((each) => `route ${each}`)]) {
    it(`breaks the help of ${path} to the width of the terminal, and never beyond 100 columns`, async () => {
      const widest = async (columns: number | undefined): Promise<string> => {
        const { out } = await contender([...path.split(" "), "--help"], columns === undefined ? {} : { columns });
        // What is to be typed is not broken.
        const text = columns === 80 ? out.split("\nExamples:\n")[0] : out;
        return (text ?? "").split("\n").reduce((a, b) => (b.length > a.length ? b : a));
      };
      for (const columns of [undefined, 300]) assert.ok((await widest(columns)).length <= 100, await widest(columns));
      assert.ok((await widest(80)).length <= 80, await widest(80));
    });

    it(`shows the defaults of ${path} as its flags take them`, () => {
      const command = path
        .split(" ")
        .reduce((above, name) => above.commands.find((each) => each.name() === name) ?? above, program);
      const withDefault = command.options.filter(({ defaultValue }) => defaultValue !== undefined);
      for (const { long, defaultValue, defaultValueDescription, parseArg } of withDefault) {
        const shown = defaultValueDescription ?? JSON.stringify(defaultValue);
        assert.deepEqual(parseArg?.(shown, undefined) ?? shown, defaultValue, `${long}: ${shown}`);
      }
    });
  }

  for (const name of ["init", "drain", "healthcheck"]) {
    it(`shows the default of ${name}'s --timeout as the flag takes it`, async () => {
      const { out } = await contender([name, "--help"]);
      const [, shown = ""] = /--timeout <DURATION> [^(]*\(default: ([^)]*)\)/.exec(out) ?? [];
      assert.ok(readDurationMs(shown).ok, out);
    });
  }

  it("ends an option's sentence with its name where an option is unknown, and suggests the nearest", async () => {
    const { code, err } = await contender(["demo", "--secnods", "3"]);
    assert.equal(code, 64);
    assert.match(err, /unknown option '--secnods'\n\(Did you mean --seconds\?\)/);
  });

  it("suggests the nearest command", async () => {
    const { code, err } = await contender(["chekc"]);
    assert.equal(code, 64);
    assert.match(err, /unknown command 'chekc'\n\(Did you mean check\?\)/);
  });

  it("refuses arguments that a command does not take", async () => {
    assert.equal((await contender(["demo", "extra"])).code, 64);
  });

  it("ends with the code of the error that a handler throws, and prints one line", async () => {
    const sidecar = () => Promise.reject(new ContenderError("ADDRESS_IN_USE", "127.0.0.1:7400 is taken"));
    const { code, err } = await contender(["sidecar"], { handlers: { sidecar } });
    assert.deepEqual([code, err], [69, "contender: [ADDRESS_IN_USE] 127.0.0.1:7400 is taken\n"]);
  });

  it("shows the stack of what nobody foresaw", async () => {
    const sidecar = () => Promise.reject(new TypeError("x is not a function"));
    const { code, err } = await contender(["sidecar"], { handlers: { sidecar } });
    assert.equal(code, 70);
    assert.match(err, /^contender: \[INTERNAL\] x is not a function\nTypeError: x is not a function\n +at /);
  });

  it("ends with what a handler returns", async () => {
    const sidecar = () => Promise.resolve(69);
    assert.equal((await contender(["sidecar"], { handlers: { sidecar } })).code, 69);
  });
});

describe("contender drain", () => {
  it("warns of a variable that nothing reads, and drains all the same", async () => {
    const askAdmin = () => Promise.resolve({ status: 202, body: "draining" });
    const env = { CONTENDER_ADMN: "127.0.0.1:1" };
    const { code, out, err } = await contender(["drain"], { env, handlers: { askAdmin } });
    assert.deepEqual([code, out], [0, "draining\n"]);
    assert.equal(err, "warning: CONTENDER_ADMN: unknown setting, the nearest is CONTENDER_ADMIN\n");
  });
});

describe("contender healthcheck", () => {
  const env = { CONTENDER_ADMN: "127.0.0.1:1" };

  it("warns of a variable that nothing reads where it fails, and says nothing where it succeeds", async () => {
    const well = await contender(["healthcheck"], {
      env,
      handlers: { askAdmin: () => Promise.resolve({ status: 200, body: "ok" }) },
    });
    assert.deepEqual([well.code, well.err], [0, ""]);
    const bad = await contender(["healthcheck"], {
      env,
      handlers: { askAdmin: () => Promise.reject(new Error("nobody is there")) },
    });
    assert.equal(bad.code, 1);
    assert.match(bad.err, /^warning: CONTENDER_ADMN: .* CONTENDER_ADMIN\nnobody is there\n$/);
  });
});

describe("contender sidecar", () => {
  it("takes its settings from the environment, and a flag before its variable", async () => {
    const env = { CONTENDER_LOCAL: "127.0.0.1:1", CONTENDER_ACCESS_LOG: "0.5", PATH: "/bin" };
    const { code, calls } = await contender(["sidecar", "--access-log", "0.25", "--wait-for-champion", "true"], {
      env,
    });
    assert.equal(code, 0);
    assert.equal(calls.length, 1);
    const settings = calls[0]?.given as Settings | undefined;
    const { local, accessLog, waitForChampion } = settings ?? {};
    assert.deepEqual([local, accessLog, waitForChampion], [{ kind: "tcp", host: "127.0.0.1", port: 1 }, 0.25, true]);
  });

  it("does not start with settings that are wrong, and tells all of them", async () => {
    const { code, err, calls } = await contender(["sidecar", "--listen", "7400"], { env: { CONTENDER_PINS: "true" } });
    assert.equal(code, 64);
    assert.deepEqual(calls, []);
    assert.equal(
      err,
      `contender: [SETTINGS_INVALID] the settings are wrong
CONTENDER_PINS: unknown setting, the nearest is CONTENDER_PIN
CONTENDER_LISTEN: want HOST:PORT, the port is missing in "7400"
`,
    );
  });
});

describe("contender demo", () => {
  it("has the demo's own defaults", async () => {
    const { calls } = await contender(["demo"]);
    assert.deepEqual(calls, [
      {
        name: "demo",
        given: { ...demoDefaults },
      },
    ]);
  });

  it("hands on what it is told", async () => {
    const argv = ["demo", "--once", "--json", "--seconds", "5", "--weights", "99.5/0.5", "--salt", "s", "--rate", "50"];
    const { calls } = await contender([...argv, "--then", "0/1"]);
    assert.deepEqual(calls[0]?.given, {
      once: true,
      seconds: 5,
      json: true,
      weights: [99.5, 0.5],
      nextWeights: [0, 1],
      salt: "s",
      rate: 50,
    });
  });

  it("changes no weights where it is told to change none", async () => {
    const { calls } = await contender(["demo", "--then", "none"]);
    assert.deepEqual(calls[0]?.given, { ...demoDefaults, nextWeights: undefined });
  });

  for (const argv of [
    ["--seconds", "0"],
    ["--seconds", "5s"],
    ["--rate", "-1"],
    ["--weights", "0/0"],
    ["--weights", "80"],
    ["--weights", "80/20/0"],
    ["--weights", "none"],
    ["--then", "0/0"],
    ["--then", "never"],
  ]) {
    it(`refuses ${argv.join(" ")}`, async () => {
      const { code, err, calls } = await contender(["demo", ...argv]);
      assert.deepEqual([code, calls], [64, []]);
      assert.match(err, /Want /);
    });
  }
});

describe("contender init", () => {
  it("hands on the address and what it is told about it", async () => {
    const argv = ["init", "dns:///Models:8500", "--output", "-", "--model", "fraud", "--calls", "0", "--timeout", "1s"];
    const { calls } = await contender(argv);
    assert.deepEqual(calls, [
      {
        name: "init",
        given: {
          address: "models:8500",
          output: "-",
          force: false,
          route: undefined,
          model: "fraud",
          calls: 0,
          timeoutMs: 1_000,
        },
      },
    ]);
  });

  for (const argv of [
    ["localhost"],
    ["localhost:8500", "--route", "Fraud"],
    ["localhost:8500", "--timeout", "0s"],
    [],
  ]) {
    it(`refuses ${argv.join(" ") || "no address"}`, async () => {
      const { code, calls } = await contender(["init", ...argv]);
      assert.deepEqual([code, calls], [64, []]);
    });
  }
});
