/** `contender init` as it is put together in the program, against servers that have little, much, or something odd. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { handlers } from "../../src/app.ts";
import { systemClock } from "../../src/base/clock.ts";
import { loadTexts } from "../../src/config/files.ts";
import type { InitOptions, InitPorts } from "../../src/init/options.ts";
import { runInit } from "../../src/init/run.ts";
import type { ProcessPorts } from "../../src/processes/ports.ts";
import { contender } from "../support/cli.ts";
import { GrpcServer } from "../support/grpc-js.ts";
import { InferenceServer, type Methods, modelMetadata, Refused } from "../support/inference-server.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const own = new Owned();

/** A run of the command: what it wrote, and a hand on the signals. */
class Command {
  out = "";
  err = "";
  readonly path: string;
  readonly #folder = own.add(new TempFolder());
  #stop: ((signal: string) => void) | undefined;

  constructor() {
    this.path = this.#folder.at("route.yaml");
  }

  run(address: string, options: Partial<InitOptions> = {}): Promise<number> {
    return handlers(this.#ports()).init(this.#options(address, options));
  }

  /** With another sidecar than the program's own. */
  runWith(address: string, startSidecar: InitPorts["startSidecar"]): Promise<number> {
    return runInit(this.#options(address, {}), { ...this.#ports(), clock: systemClock, startSidecar });
  }

  signal(name: string): void {
    assert.ok(this.#stop, "nobody watches signals");
    this.#stop(name);
  }

  get watchesSignals(): boolean {
    return this.#stop !== undefined;
  }

  /** The file's only route, after the check that users run had nothing to say against it. */
  async route() {
    const checked = await contender(["check", this.path]);
    assert.deepEqual([checked.code, checked.err], [0, ""]);
    const text = readFileSync(this.path, "utf8");
    const [route, ...others] = parsedValue(loadTexts("test", [{ name: "route", text }], { local: "h:1" })).routes;
    assert.ok(route !== undefined && others.length === 0);
    return route;
  }

  #options(address: string, options: Partial<InitOptions>): InitOptions {
    const { path: output } = this;
    return {
      ...{ address, output, force: false, route: undefined, model: undefined, calls: 3, timeoutMs: 5_000 },
      ...options,
    };
  }

  #ports(): ProcessPorts {
    return {
      ...{ version: "0.0.0-test", nodeVersion: process.version, env: {}, demoEnv: {}, program: "", parent: undefined },
      screen: { write: () => undefined, columns: undefined },
      out: (text) => {
        this.out += text;
      },
      err: (text) => {
        this.err += text;
      },
      onStop: (fn) => {
        this.#stop = fn;
        return () => {
          this.#stop = undefined;
        };
      },
    };
  }
}

const scores = { name: "scores", datatype: "FP32", shape: [1, 2] };

/** A Triton: it lists its models, and answers every row with the same scores. */
const triton = (models: Readonly<Record<string, string>> = { fraud: "READY" }) => ({
  ServerMetadata: () => ({ name: "triton" }),
  RepositoryIndex: () => ({ models: Object.entries(models).map(([name, state]) => ({ name, version: "3", state })) }),
  ModelMetadata: ({ name }: { name: string }) => ({
    ...{ name, versions: ["2", "3"] },
    inputs: [
      { name: "amount", datatype: "FP32", shape: [-1, 2] },
      { name: "user_id", datatype: "BYTES", shape: [-1, 1] },
    ],
    outputs: [{ name: "scores", datatype: "FP32", shape: [-1, -1] }],
  }),
  ModelInfer: ({ model_name }: { model_name: string }) => ({
    ...{ model_name, model_version: "3" },
    outputs: [{ ...scores, contents: { fp32_contents: [0.25, 0.75] } }],
  }),
});

async function startTriton(methods: Methods = {}, models?: Readonly<Record<string, string>>): Promise<string> {
  return own.add(await InferenceServer.openInference({ ...triton(models), ...methods })).address;
}

const metadata = modelMetadata("fraud", "41", {
  serving_default: {
    inputs: { features: { dtype: "DT_DOUBLE", shape: [-1, 3] } },
    outputs: { y: { dtype: "DT_FLOAT", shape: [-1, 1] }, id: { dtype: "DT_STRING", shape: [-1] } },
  },
  another: { inputs: {}, outputs: {} },
});
const missing = new Refused(5, "Could not find any versions of model");

async function startTensorflow(prediction: Methods = {}, models: Methods = {}): Promise<string> {
  const known = (answer: object) => (request: { model_spec: { name: string } }) =>
    request.model_spec.name === "fraud" ? answer : missing;
  const server = await InferenceServer.tensorflowServing(
    {
      GetModelMetadata: known(metadata),
      Predict: known({
        model_spec: { name: "fraud", version: { value: "41" } },
        outputs: { y: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }, { size: 1 }] }, float_val: [0.5] } },
      }),
      ...prediction,
    },
    {
      GetModelStatus: known({
        model_version_status: [
          { version: "41", state: "AVAILABLE" },
          { version: "40", state: "END" },
        ],
      }),
      ...models,
    },
  );
  return own.add(server).address;
}

describe("contender init, at a server without reflection", () => {
  afterEach(() => own.close());

  it("finds a Triton, its only model, which answer is the score, and writes a route that the check passes", async () => {
    const command = new Command();
    assert.equal(await command.run(await startTriton()), 0);
    const route = await command.route();
    assert.deepEqual([route.name, route.match.dialect, route.match.models], ["fraud", "open-inference", ["fraud"]]);
    assert.deepEqual(
      route.variants.map(({ name, expectVersion }) => [name, expectVersion]),
      [["v3", "3"]],
    );
    assert.deepEqual(route.key.from, [
      { kind: "metadata", name: "x-user-id" },
      { kind: "input", name: "user_id" },
    ]);
    // That there are two columns, and that they are probabilities, only an answer tells.
    const { output, reduce, index, range } = route.score ?? assert.fail("no score");
    assert.deepEqual([output, reduce, index, range], ["scores", "element", 1, [0, 1]]);
    assert.match(command.out, /score +scores\[1\], which was 0\.75 in a first answer/);
  });

  it("prints what the sidecar adds, over as many calls as were asked for", async () => {
    const command = new Command();
    await command.run(await startTriton(), { calls: 7 });
    assert.match(command.out, /^7 calls each way/m);
    for (const row of ["directly", "through a sidecar", "added, by pairs"]) {
      assert.match(command.out, new RegExp(`^  ${row} +-?\\d+\\.\\d\\d +-?\\d+\\.\\d\\d$`, "m"));
    }
    assert.match(command.out, /^Next[\s\S]*contender sidecar --config/m);
  });

  it("sends rows of the right names, types and shapes, directly and through a sidecar", async () => {
    const requests: unknown[] = [];
    const methods = {
      ModelInfer: (request: { model_name: string }) => {
        requests.push(request);
        return triton().ModelInfer(request);
      },
    };
    const command = new Command();
    await command.run(await startTriton(methods), { calls: 2 });
    const [first, ...others] = requests as { inputs: { name: string; contents: Record<string, unknown> }[] }[];
    assert.deepEqual(
      first?.inputs.map(({ name, contents }) => [name, contents.fp32_contents, contents.bytes_contents]),
      [
        ["amount", [0, 0], []],
        ["user_id", [], [Buffer.from("0")]],
      ],
    );
    // The first to learn from, then pairs.
    assert.ok(others.length >= 4 && others.length % 2 === 0, `${others.length}`);
    for (const other of others) assert.deepEqual(other, first);
  });

  it("finds a TensorFlow Serving, with --model its signature, version and score", async () => {
    const command = new Command();
    assert.equal(await command.run(await startTensorflow(), { model: "fraud", route: "payments" }), 0);
    const route = await command.route();
    assert.deepEqual([route.name, route.match.dialect, route.champion], ["payments", "tensorflow-serving", "v41"]);
    assert.deepEqual([route.score?.output, route.score?.index], ["y", 0]);
    assert.match(command.out, /tensorflow-serving \(by asking/);
    assert.match(command.out, /fraud, version 41, signature serving_default/);
    assert.match(command.out, /^3 calls each way/m);
  });

  it("asks for the model's name where it can't be listed, with the line to type", async () => {
    const command = new Command();
    const address = await startTensorflow();
    await assert.rejects(command.run(address, { route: "my-route", force: true }), {
      code: "MODEL_UNKNOWN",
      message: new RegExp(`contender init ${address} --model NAME --route my-route --output \\S+ --force$`),
    });
    assert.throws(() => readFileSync(command.path), { code: "ENOENT" });
  });

  it("keeps a server's words about a model that it does not have", async () => {
    const refused = { code: "MODEL_UNKNOWN", message: /model "frawd".*NOT_FOUND: Could not find any versions/ };
    await assert.rejects(new Command().run(await startTensorflow(), { model: "frawd" }), refused);
  });

  it("says of a model that is still loading that it is not there yet", async () => {
    const models = { GetModelStatus: () => ({ model_version_status: [{ version: "41", state: "LOADING" }] }) };
    await assert.rejects(new Command().run(await startTensorflow({}, models), { model: "fraud" }), {
      code: "UPSTREAM_UNREACHABLE",
      message: /version 41 is LOADING/,
    });
  });

  it("does without the status of models where a server has only predictions and their description", async () => {
    const command = new Command();
    const server = own.add(await InferenceServer.tensorflowServing({ GetModelMetadata: () => metadata }));
    assert.equal(await command.run(server.address, { model: "fraud", calls: 0 }), 0);
    assert.equal((await command.route()).champion, "v41");
  });

  it("names the lines to type where there are several models", async () => {
    const address = await startTriton({}, { fraud: "READY", churn: "READY", old: "UNAVAILABLE" });
    await assert.rejects(new Command().run(address), {
      code: "MODEL_UNKNOWN",
      message: /has 2 models.*\n.* --model fraud .*\n.* --model churn .*$/,
    });
  });

  it("takes the named one of several", async () => {
    const command = new Command();
    await command.run(await startTriton({}, { fraud: "READY", churn: "READY" }), { model: "churn" });
    assert.deepEqual((await command.route()).match.models, ["churn"]);
  });

  it("takes a model for ready where one of its versions is", async () => {
    const entry = (version: string, state: string) => ({ name: "fraud", version, state });
    const index = () => ({ models: [entry("1", "UNAVAILABLE"), entry("3", "READY"), entry("2", "UNAVAILABLE")] });
    assert.equal(await new Command().run(await startTriton({ RepositoryIndex: index }), { calls: 0 }), 0);
  });

  it("suggests the nearest of its models for one that it does not have", async () => {
    await assert.rejects(new Command().run(await startTriton(), { model: "frawd" }), {
      code: "MODEL_UNKNOWN",
      message: /no model "frawd" \(did you mean "fraud"\?\): it has fraud$/,
    });
  });

  for (const [what, models, model, message] of [
    [
      "a named model that is not ready",
      { fraud: "UNAVAILABLE" },
      "fraud",
      /"fraud" is not ready, its state is UNAVAILABLE/,
    ],
    ["models of which none is ready", { fraud: "LOADING" }, undefined, /no model that is ready: fraud is LOADING/],
    ["no models at all", {}, undefined, /no model that is ready: it lists none/],
  ] as const) {
    it(`says so of ${what}`, async () => {
      const run = new Command().run(await startTriton({}, models), { model });
      await assert.rejects(run, { code: "UPSTREAM_UNREACHABLE", message });
    });
  }

  it("writes a route without a score where a server describes neither inputs nor outputs", async () => {
    const command = new Command();
    const bare = { ModelMetadata: () => new Refused(12, "not here"), RepositoryIndex: () => new Refused(12, "") };
    assert.equal(await command.run(await startTriton(bare), { model: "fraud" }), 0);
    const route = await command.route();
    assert.deepEqual([route.score, route.champion, route.variants[0]?.expectVersion], [undefined, "v1", undefined]);
    assert.match(command.err, /does not describe the model's inputs, so there is nothing to call it with/);
    assert.doesNotMatch(command.out, /calls each way/);
  });

  it("is found at a unix socket", async () => {
    const command = new Command();
    const address = `unix:${own.add(new TempFolder()).at("model.sock")}`;
    own.add(await InferenceServer.openInference(triton(), address));
    assert.equal(await command.run(address), 0);
    assert.equal((await command.route()).variants[0]?.address, address);
    assert.match(command.out, /^3 calls each way/m);
  });

  it("puts the route alone on standard output where it goes there", async () => {
    const command = new Command();
    assert.equal(await command.run(await startTriton(), { output: "-" }), 0);
    const { code, err } = await contender(["check", "-"], { stdin: command.out });
    assert.deepEqual([code, err], [0, ""]);
    assert.match(command.out, /^# A route for the model server[\s\S]*maxPerSecond: 20, timeout: 2s \}\n$/);
    assert.match(command.err, /calls each way/);
  });

  it("makes no call where it is told to make none", async () => {
    let calls = 0;
    const command = new Command();
    const methods = {
      ModelInfer: () => {
        calls++;
        return {};
      },
    };
    assert.equal(await command.run(await startTriton(methods), { calls: 0 }), 0);
    assert.equal(calls, 0);
    assert.equal((await command.route()).score?.index, 0);
    assert.doesNotMatch(command.out, /calls each way/);
  });
});

describe("contender init, when calls fail", () => {
  afterEach(() => own.close());

  it("writes the file and says so where the model takes no made-up row", async () => {
    const command = new Command();
    const methods = { ModelInfer: () => new Refused(3, "amount must be\u001b[31m positive") };
    assert.equal(await command.run(await startTriton(methods)), 0);
    assert.match(
      command.err,
      /neither a row of zeros nor one of ones, so nothing is measured: INVALID_ARGUMENT: amount must be \[31m positive/,
    );
    assert.match(command.out, /route\.yaml is written/);
    assert.equal((await command.route()).score?.output, "scores");
  });

  it("tries ones where zeros are refused, and measures with them", async () => {
    const command = new Command();
    const methods = {
      ModelInfer: (request: { model_name: string; inputs: { contents: { fp32_contents: number[] } }[] }) =>
        request.inputs[0]?.contents.fp32_contents[0] === 1 ? triton().ModelInfer(request) : new Refused(3, "zero"),
    };
    assert.equal(await command.run(await startTriton(methods)), 0);
    assert.match(command.out, /^3 calls each way/m);
  });

  it("keeps the file and exits with 69 where calls fail only through the sidecar", async () => {
    const command = new Command();
    let closed = 0;
    const code = await command.runWith(await startTriton(), () =>
      Promise.resolve({
        // Nobody listens on port 1.
        address: "127.0.0.1:1",
        close: () => {
          closed++;
          return Promise.resolve();
        },
      }),
    );
    assert.deepEqual([code, closed], [69, 1]);
    assert.match(command.err, /3 calls through the sidecar failed: UNAVAILABLE.*route\.yaml is written/);
    await command.route();
  });

  it("takes it for a bug where the sidecar says that somebody else answered", async () => {
    const address = await startTriton();
    const bypass = () => Promise.resolve({ address, close: () => Promise.resolve() });
    // Calls that a sidecar never saw have nobody's name on them.
    await assert.rejects(new Command().runWith(address, bypass), {
      code: "INTERNAL",
      message: /nobody answered, not v3/,
    });
  });
});

describe("contender init, stopped by a signal", () => {
  afterEach(() => own.close());

  it("ends at once with the signal's exit code while a server does not answer, and nothing is written", async () => {
    const command = new Command();
    let asked = false;
    const hanging = {
      ModelMetadata: () => {
        asked = true;
        return new Promise<object>(() => undefined);
      },
    };
    const run = command.run(await startTriton(hanging), { timeoutMs: 60_000 });
    await until(() => asked, "the model is asked for");
    command.signal("SIGINT");
    assert.equal(await run, 130);
    assert.match(command.err, /stopped; nothing was written/);
    assert.throws(() => readFileSync(command.path), { code: "ENOENT" });
    assert.equal(command.watchesSignals, false);
  });

  it("keeps the file where it was measuring already, and closes the sidecar", async () => {
    const command = new Command();
    let calls = 0;
    const methods = {
      ModelInfer: (request: { model_name: string }) => {
        calls++;
        return triton().ModelInfer(request);
      },
    };
    const run = command.run(await startTriton(methods), { calls: 10_000 });
    await until(() => calls > 10, "calls are made");
    command.signal("SIGTERM");
    assert.equal(await run, 143);
    assert.match(command.err, /stopped; .*route\.yaml is written/);
    await command.route();
    const madeByThen = calls;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(calls, madeByThen);
  });
});

describe("contender init, at an address that is not what it should be", () => {
  afterEach(() => own.close());

  async function listening(server: ReturnType<typeof createServer>): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    own.add(server);
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("says that nothing listens, and which ports are usual", async () => {
    const gone = await listening(createServer());
    await own.close();
    await assert.rejects(new Command().run(gone), {
      code: "UPSTREAM_UNREACHABLE",
      message: new RegExp(`nothing listens at ${gone}.*TensorFlow Serving's is 8500`),
    });
  });

  it("knows a REST port", async () => {
    const rest = await listening(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    await assert.rejects(new Command().run(rest), {
      code: "UPSTREAM_UNSUPPORTED",
      message: /speaks HTTP\/1, not gRPC/,
    });
  });

  it("knows a port with TLS", async () => {
    const tls = await listening(createServer((socket) => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70, 0, 0]))));
    await assert.rejects(new Command().run(tls), { code: "UPSTREAM_UNSUPPORTED", message: /speaks TLS/ });
  });

  it("waits for a silent one no longer than it was told", async () => {
    const silent = await listening(createServer((socket) => socket.resume()));
    await assert.rejects(new Command().run(silent, { timeoutMs: 50 }), {
      code: "UPSTREAM_UNREACHABLE",
      message: /says nothing within 50ms/,
    });
  });

  it("tells what a gRPC server without a known protocol answered", async () => {
    const { address } = own.add(await GrpcServer.start());
    await assert.rejects(new Command().run(address), {
      code: "UPSTREAM_UNSUPPORTED",
      message:
        /none of the protocols[\s\S]*Open Inference Protocol: UNIMPLEMENTED[\s\S]*TensorFlow Serving.*: UNIMPLEMENTED/,
    });
  });

  it("tells the same of HTTP/2 without gRPC", async () => {
    const server = createHttp2((_, response) => {
      response.statusCode = 404;
      response.end("no");
    });
    const address = await listening(server);
    await assert.rejects(new Command().run(address), { code: "UPSTREAM_UNSUPPORTED", message: /UNIMPLEMENTED/ });
  });

  it("takes one that answers UNAVAILABLE to everything for one that may come back", async () => {
    const down = () => new Refused(14, "no healthy upstream");
    const methods = { ServerMetadata: down, ServerReady: down, ServerLive: down };
    const server = createHttp2((_, response) => {
      response.stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-status": "14" },
        { endStream: true },
      );
    });
    const everything = await listening(server);
    await assert.rejects(new Command().run(everything), {
      code: "UPSTREAM_UNREACHABLE",
      message: /does not answer them/,
    });
    const some = own.add(await InferenceServer.openInference(methods)).address;
    await assert.rejects(new Command().run(some), { code: "UPSTREAM_UNSUPPORTED" });
  });

  it("refuses to overwrite a file before it asks anybody", async () => {
    const command = new Command();
    writeFileSync(command.path, "mine");
    await assert.rejects(command.run("127.0.0.1:1"), { code: "FILE_UNWRITABLE", message: /is there already/ });
    assert.equal(readFileSync(command.path, "utf8"), "mine");
  });

  it("replaces a file where it is told to", async () => {
    const command = new Command();
    writeFileSync(command.path, "mine");
    assert.equal(await command.run(await startTriton(), { force: true, calls: 0 }), 0);
    await command.route();
  });
});
