/** Why there is no connection to a config service: each slip of the settings in a sentence of its own, to people and in a sidecar's log. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ServerCredentials } from "@grpc/grpc-js";
import { ControlChannel } from "../../src/api/channel.ts";
import type { FetchRequest, FetchResponse } from "../../src/api/messages.ts";
import { method } from "../../src/api/protos.ts";
import { systemClock } from "../../src/base/clock.ts";
import { ContenderError } from "../../src/base/errors.ts";
import { parseControlClient } from "../../src/config/control-client.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import { watchOver } from "../../src/sync/watch-stream.ts";
import { Authority, type CertificateOptions } from "../support/certificates.ts";
import { ConfigService } from "../support/config-service.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { TestTls } from "../support/tls.ts";

const owned = new Owned();
afterEach(() => owned.close());

const fetch = method<Partial<FetchRequest>, FetchResponse>("ConfigService", "Fetch");
const channel = (env: Record<string, string>) => {
  const control = parsedValue(parseControlClient(env));
  return owned.add(new ControlChannel(control, { clock: systemClock, openPem: pemFiles(systemClock) }));
};

async function failure(env: Record<string, string>): Promise<string> {
  const reason = await channel(env)
    .call(fetch, {})
    .then(
      () => assert.fail("it was answered"),
      (error: unknown) => error,
    );
  assert.ok(reason instanceof ContenderError, String(reason));
  // Nothing of the libraries below is for people.
  assert.doesNotMatch(reason.message, /OpenSSL|ssl\/record|Resolution note|Last error|altnames|:SSL routines/);
  return reason.message;
}

/** A service over TLS, and what finds it. */
async function secured(options?: CertificateOptions, mutual = false) {
  const tls = await TestTls.create(owned, options);
  const service = owned.add(await ConfigService.open(0, tls.grpcServer(mutual)));
  const env = { CONTENDER_CONTROL: `tls://${service.address}`, CONTENDER_CONTROL_CA: tls.path("ca") };
  return { tls, service, env };
}

describe("a config service that can't be reached", () => {
  it("is said to speak TLS where it was asked in plain text", async () => {
    const { service } = await secured();
    const text = await failure({ CONTENDER_CONTROL: service.address });
    assert.match(text, /^\[CONTROL_UNREACHABLE\] .* speaks TLS, and was asked in plain text/);
    assert.ok(text.includes(`CONTENDER_CONTROL=tls://${service.address}`) && text.includes("CONTENDER_CONTROL_CA"));
  });

  it("at several addresses is told by what is wrong at each", async () => {
    const { service } = await secured();
    const gone = await ConfigService.open();
    gone.close();
    const text = await failure({ CONTENDER_CONTROL: `${gone.address},${service.address}` });
    assert.match(text, new RegExp(`${gone.address} does not answer: nothing listens there`));
    assert.match(text, new RegExp(`; ${service.address} speaks TLS, and was asked in plain text`));
  });

  it("is said to speak none where it was asked over TLS", async () => {
    const service = owned.add(await ConfigService.open(0, ServerCredentials.createInsecure()));
    const text = await failure({ CONTENDER_CONTROL: `tls://${service.address}` });
    assert.match(text, new RegExp(`speaks no TLS: .* CONTENDER_CONTROL=${service.address}$`));
  });

  it("is said to have an authority that nobody named, with the setting that names it", async () => {
    const { tls, env } = await secured();
    const { CONTENDER_CONTROL } = env;
    assert.match(
      await failure({ CONTENDER_CONTROL }),
      /signed by no authority that Node trusts .*CONTENDER_CONTROL_CA/,
    );
    const other = tls.file("other.pem", (await Authority.create("other")).cert);
    const text = await failure({ ...env, CONTENDER_CONTROL_CA: other });
    assert.ok(text.includes(`no authority that stands in ${other}`) && text.includes("--control-ca"), text);
  });

  it("is said by which names its certificate is, and by which it was asked", async () => {
    const { env } = await secured({ dns: ["control.test"], ip: ["10.0.0.1"] });
    const text = await failure(env);
    assert.match(text, /is for control\.test, 10\.0\.0\.1, and not for 127\.0\.0\.1: .*CONTENDER_CONTROL_SERVER_NAME/);
    const named = await failure({ ...env, CONTENDER_CONTROL_SERVER_NAME: "other.test" });
    assert.match(named, /and not for other\.test/);
  });

  it("is said until when its certificate was valid", async () => {
    const { env } = await secured({ ip: ["127.0.0.1"], fromDays: -2, toDays: -1 });
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 13);
    assert.ok((await failure(env)).includes(`was valid until ${yesterday}`));
  });

  it("is said from when on its certificate will be", async () => {
    const { env } = await secured({ ip: ["127.0.0.1"], fromDays: 1, toDays: 2 });
    assert.match(await failure(env), /is valid from \d{4}-.*Z only; it is \d{4}-.*Z here/);
  });

  it("is said to want a certificate of ours, or to refuse the one that it got", async () => {
    const { tls, env } = await secured(undefined, true);
    assert.match(
      await failure(env),
      /wants a certificate of ours: set CONTENDER_CONTROL_CERT and CONTENDER_CONTROL_KEY/,
    );
    const stranger = await (await Authority.create("stranger")).sign();
    const cert = tls.file("own.pem", stranger.cert);
    const text = await failure({
      ...env,
      CONTENDER_CONTROL_CERT: cert,
      CONTENDER_CONTROL_KEY: tls.file("own.key", stranger.key),
    });
    assert.ok(text.includes(`refuses the certificate in ${cert}`), text);
  });

  it("is said to be a port of HTTP, where that answers", async () => {
    const server = createServer((_, response) => response.end("hello"));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    owned.add({ close: () => void server.close() });
    const { port } = server.address() as AddressInfo;
    const text = await failure({ CONTENDER_CONTROL: `127.0.0.1:${port}` });
    assert.match(text, /does not answer as a config service\. Is it the HTTP port .*CONTENDER_CONTROL_LISTEN/);
  });

  it("is said not to be there, without what a library adds", async () => {
    const service = await ConfigService.open();
    service.close();
    assert.match(await failure({ CONTENDER_CONTROL: service.address }), /does not answer: nothing listens there/);
    const unknown = await failure({ CONTENDER_CONTROL: "tls://control.invalid:7410" });
    assert.match(unknown, /does not answer: no machine is named control\.invalid/);
  });

  it("is told to a sidecar's log in the same words", async () => {
    const { env } = await secured({ dns: ["control.test"] });
    const ended = await new Promise((resolve) => {
      void watchOver(channel(env))({ received: () => undefined, ended: resolve });
    });
    const { reason, detail } = ended as { reason: string; detail: string };
    assert.equal(reason, "unreachable");
    assert.match(detail, /is for control\.test, and not for 127\.0\.0\.1/);
  });

  for (const [kind, text] of [
    ["text", "no certificate\n"],
    ["nothing", ""],
  ] as const) {
    it(`is not asked with a file of authorities that holds ${kind}: its path is told`, async () => {
      const { tls, env } = await secured();
      const path = tls.file("none.pem", text);
      const message = await failure({ ...env, CONTENDER_CONTROL_CA: path });
      assert.equal(message, `[SETTINGS_INVALID] CONTENDER_CONTROL_CA: ${path}: want a certificate in PEM, got none`);
    });
  }

  it("is not asked with a certificate and a key that are no pair", async () => {
    const { tls, env } = await secured();
    tls.write({ key: tls.client.key });
    const own = { CONTENDER_CONTROL_CERT: tls.path("cert"), CONTENDER_CONTROL_KEY: tls.path("key") };
    assert.match(await failure({ ...env, ...own }), /^\[SETTINGS_INVALID\] CONTENDER_CONTROL_KEY: .*is not the key of/);
  });
});
