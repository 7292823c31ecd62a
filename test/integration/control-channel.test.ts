/** Calls to a config service: over TLS and in plain text, with a token, and what becomes of refusals. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Metadata, ServerCredentials, status } from "@grpc/grpc-js";
import { ControlChannel } from "../../src/api/channel.ts";
import { ControlFailure } from "../../src/api/control-failure.ts";
import type { FetchRequest, FetchResponse } from "../../src/api/messages.ts";
import { problemsKey } from "../../src/api/metadata-keys.ts";
import { messageType, method } from "../../src/api/protos.ts";
import { systemClock } from "../../src/base/clock.ts";
import { ContenderError } from "../../src/base/errors.ts";
import { type ControlClient, parseControlClient } from "../../src/config/control-client.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import { Authority } from "../support/certificates.ts";
import { ConfigService } from "../support/config-service.ts";
import { freeAddress } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { turns } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const fetch = method<Partial<FetchRequest>, FetchResponse>("ConfigService", "Fetch");
const client = (env: Record<string, string>): ControlClient => parsedValue(parseControlClient(env));
const channel = (control: ControlClient, clock = systemClock) =>
  owned.add(new ControlChannel(control, { clock, openPem: pemFiles(clock) }));

async function failure(call: Promise<unknown>): Promise<ContenderError> {
  const reason = await call.then(
    () => assert.fail("it was answered"),
    (error: unknown) => error,
  );
  assert.ok(reason instanceof ContenderError, String(reason));
  return reason;
}

describe("a channel to the config service", () => {
  it("sends the token that the file holds when the call is made", async () => {
    const folder = owned.add(new TempFolder());
    const service = owned.add(await ConfigService.open());
    const seen: (string | undefined)[] = [];
    service.fetch = (_, token) => {
      seen.push(token);
      return { version: "v" };
    };
    writeFileSync(folder.at("token"), "one\n");
    const asked = channel(
      client({ CONTENDER_CONTROL: service.address, CONTENDER_CONTROL_TOKEN_FILE: folder.at("token") }),
    );
    assert.equal((await asked.call(fetch, {})).version, "v");
    writeFileSync(folder.at("token"), "two\n");
    await asked.call(fetch, {});
    assert.deepEqual(seen, ["Bearer one", "Bearer two"]);
  });

  it("says which file is no good, without what is in it", async () => {
    const folder = owned.add(new TempFolder());
    const asked = channel(client({ CONTENDER_CONTROL_TOKEN_FILE: folder.at("none") }));
    const reason = await failure(asked.call(fetch, {}));
    assert.match(reason.message, /^\[SETTINGS_INVALID\] CONTENDER_CONTROL_TOKEN_FILE: .*none can't be read/);
    writeFileSync(folder.at("none"), "secr\u00e9t");
    assert.doesNotMatch((await failure(asked.call(fetch, {}))).message, /secr/);
  });

  const refusals: readonly (readonly [code: number, error: string])[] = [
    [status.UNAUTHENTICATED, "FORBIDDEN"],
    [status.PERMISSION_DENIED, "FORBIDDEN"],
    [status.ABORTED, "CONFLICT"],
    [status.NOT_FOUND, "ROUTE_UNKNOWN"],
    [status.INVALID_ARGUMENT, "CONFIG_INVALID"],
    [status.UNAVAILABLE, "CONTROL_UNREACHABLE"],
    [status.UNIMPLEMENTED, "CONTROL_UNREACHABLE"],
    [status.INTERNAL, "CONTROL_UNREACHABLE"],
  ];
  for (const [code, error] of refusals) {
    it(`tells ${status[code]} as ${error}`, async () => {
      const service = owned.add(await ConfigService.open());
      service.fetch = () => {
        throw Object.assign(new Error("refused"), { code, details: "because" });
      };
      const reason = await failure(channel(client({ CONTENDER_CONTROL: service.address })).call(fetch, {}));
      assert.equal(reason.code, error);
      assert.match(reason.message, /because/);
    });
  }

  it("has every problem of a refusal, with its path", async () => {
    const service = owned.add(await ConfigService.open());
    const problems = [
      { path: "spec.weights.v2", message: "want a number", where: "fraud.yaml:3" },
      { path: "spec.champion", message: "is missing", where: "" },
    ];
    const metadata = new Metadata();
    metadata.set(problemsKey, messageType("Problems").encode({ problems }));
    service.fetch = () => {
      throw Object.assign(new Error("refused"), {
        code: status.INVALID_ARGUMENT,
        details: "the route is wrong",
        metadata,
      });
    };
    const reason = await failure(channel(client({ CONTENDER_CONTROL: service.address })).call(fetch, {}));
    assert.ok(reason instanceof ControlFailure);
    assert.deepEqual(reason.problems, [problems[0], { path: "spec.champion", message: "is missing" }]);
    assert.match(reason.message, /the route is wrong\nfraud\.yaml:3: spec\.weights\.v2: want a number\nspec\.champion/);
  });

  it("tells who is not there as unreachable, and where it looked", async () => {
    const service = await ConfigService.open();
    service.close();
    const reason = await failure(channel(client({ CONTENDER_CONTROL: service.address })).call(fetch, {}));
    assert.equal(reason.code, "CONTROL_UNREACHABLE");
    assert.match(reason.message, new RegExp(`${service.address} does not answer`));
  });

  it("gives up on a service that says nothing", async () => {
    const clock = new ManualClock();
    const service = owned.add(await ConfigService.open());
    // Nothing comes of Watch by itself: here it is asked as if it were unary.
    const silent = { ...method<object, object>("ConfigService", "Watch") };
    const call = failure(channel(client({ CONTENDER_CONTROL: service.address }), clock).call(silent, {}, 3_000));
    await service.stream(0);
    clock.advance(2_999);
    await turns();
    clock.advance(1);
    assert.match((await call).message, /does not answer within 3000 ms/);
  });

  it("speaks TLS both ways, and by another certificate once the files have changed", async () => {
    const folder = owned.add(new TempFolder());
    const clock = new ManualClock();
    const authority = await Authority.create();
    const server = await authority.sign({ dns: ["control.test"] });
    const own = await authority.sign({ uri: ["spiffe://test/ns/ml/sa/fraud"] });
    const credentials = ServerCredentials.createSsl(
      Buffer.from(authority.cert),
      [{ private_key: Buffer.from(server.key), cert_chain: Buffer.from(server.cert) }],
      true,
    );
    const service = owned.add(await ConfigService.open(0, credentials));
    service.fetch = () => ({ version: "v" });
    const stranger = await (await Authority.create("stranger")).sign({});
    writeFileSync(folder.at("ca.pem"), authority.cert);
    writeFileSync(folder.at("cert.pem"), stranger.cert);
    writeFileSync(folder.at("key.pem"), stranger.key);
    const env = {
      CONTENDER_CONTROL: `tls://${service.address}`,
      CONTENDER_CONTROL_CA: folder.at("ca.pem"),
      CONTENDER_CONTROL_CERT: folder.at("cert.pem"),
      CONTENDER_CONTROL_KEY: folder.at("key.pem"),
      CONTENDER_CONTROL_SERVER_NAME: "control.test",
    };
    const asked = owned.add(new ControlChannel(client(env), { clock: systemClock, openPem: pemFiles(clock) }));
    assert.equal((await failure(asked.call(fetch, {}))).code, "CONTROL_UNREACHABLE");
    writeFileSync(folder.at("cert.pem"), own.cert);
    writeFileSync(folder.at("key.pem"), own.key);
    clock.advance(10_000);
    assert.equal((await asked.call(fetch, {})).version, "v");
    const elsewhere = channel(client({ ...env, CONTENDER_CONTROL_SERVER_NAME: "other.test" }));
    assert.match((await failure(elsewhere.call(fetch, {}))).message, /CONTROL_UNREACHABLE/);
  });
});

describe("a channel to several replicas", () => {
  const replica = async (name: string): Promise<ConfigService> => {
    const service = owned.add(await ConfigService.open());
    service.fetch = () => ({ version: name });
    return service;
  };
  const asking = (...addresses: readonly string[]) => channel(client({ CONTENDER_CONTROL: addresses.join(",") }));

  it("asks whichever can be reached, by number or by name, wherever it stands in the list", async () => {
    const { port } = await replica("v");
    const [one, two] = [await freeAddress(), await freeAddress()];
    for (const here of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      for (const list of [
        [here, one, two],
        [one, here, two],
        [one, two, here],
      ]) {
        assert.equal((await asking(...list).call(fetch, {})).version, "v");
      }
    }
  });

  it("goes to another one when the one that it spoke to has ended", async () => {
    const services = [await replica("one"), await replica("two"), await replica("three")];
    const asked = asking(...services.map(({ address }) => address));
    const seen: string[] = [];
    for (const _ of services) {
      // That a connection has ended may be learnt by a call over it, and then nobody knows what became of that one.
      let version: string | undefined;
      while (version === undefined) {
        version = await asked.call(fetch, {}).then(
          (answer) => answer.version,
          () => undefined,
        );
      }
      seen.push(version);
      services[["one", "two", "three"].indexOf(version)]?.close();
    }
    assert.deepEqual(seen.sort(), ["one", "three", "two"]);
    await failure(asked.call(fetch, {}));
    const reason = await failure(asked.call(fetch, {}));
    assert.ok(reason instanceof ControlFailure);
    assert.deepEqual([reason.code, reason.outcome], ["CONTROL_UNREACHABLE", "unsent"]);
  });

  it("says of each of those that were asked that it can't be reached", async () => {
    const [one, two] = [await freeAddress(), await freeAddress()];
    const { message } = await failure(asking(one, two).call(fetch, {}));
    const each = [one, two].map((at) => `${at} does not answer: nothing listens there. Does contender control run?`);
    assert.equal(message, `[CONTROL_UNREACHABLE] ${each.join("; ")}`);
  });

  it("asks the one whose name is known where another's is not", async () => {
    const { address } = await replica("v");
    const env = { CONTENDER_CONTROL: `nowhere.invalid:1,${address}`, CONTENDER_CONTROL_PLAINTEXT: "true" };
    assert.equal((await channel(client(env)).call(fetch, {})).version, "v");
  });
});
