import assert from "node:assert/strict";
import { once } from "node:events";
import { createSecureServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createPlain } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { status } from "@grpc/grpc-js";
import { Authority, type CertificateOptions } from "../support/certificates.ts";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TestTls } from "../support/tls.ts";
import { until } from "../support/until.ts";

const own = new Owned();

/** What a sidecar says of a variant that it can't connect to. */
async function refused(
  address: string,
  tls: Readonly<Record<string, unknown>>,
): Promise<{ detail: string; reasons: unknown }> {
  const sidecar = own.add(await TestSidecar.listen(snapshotOf({ variants: { v41: { address, tls } } })));
  const details = (): string[] =>
    sidecar.events.flatMap((event) => (event.kind === "connect_failed" ? [event.detail] : []));
  await until(() => details().length > 0, "the connection has failed");
  const client = own.add(new GrpcClient(sidecar.address));
  assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.UNAVAILABLE);
  const samples = (await sidecar.exposed()).get("contender_tls_handshake_failures_total")?.samples ?? [];
  const reasons = [
    ...new Set(samples.filter(({ labels }) => labels.side === "upstream").map(({ labels }) => labels.reason)),
  ];
  return { detail: details()[0] ?? "", reasons };
}

async function tlsServer(options: TlsOptions): Promise<string> {
  const server = createServer(options, (socket) => socket.on("error", () => undefined).resume());
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  own.add({ close: () => server.close() });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a model server is refused", () => {
  afterEach(() => own.close());

  const certificates: readonly (readonly [what: string, of: CertificateOptions, detail: RegExp, reason: string])[] = [
    [
      "that has expired",
      { ip: ["127.0.0.1"], fromDays: -3, toDays: -1 },
      /^certificate has expired$/,
      "certificate_expired",
    ],
    ["for another host", { dns: ["stranger.test"] }, /does not match certificate's altnames/, "name"],
    ["with no name but the common one", { commonName: "127.0.0.1" }, /does not match|altnames/, "name"],
  ];

  for (const [what, certificate] of [
    ["alone", {}],
    ["beside a URI", { uri: ["spiffe://test/others"] }],
    ["beside an address", { ip: ["10.0.0.1"] }],
  ] as const) {
    it(`for a name that its certificate has as the common one, ${what}`, async () => {
      const tls = await TestTls.create(own);
      const pair = await tls.authority.sign({ commonName: "fraud.test", ...certificate });
      const address = await tlsServer({ ...pair, ALPNProtocols: ["h2"] });
      const told = await refused(address, { ca: tls.path("ca"), serverName: "fraud.test" });
      assert.deepEqual(told.reasons, ["name"]);
    });
  }

  for (const [what, certificate, detail, reason] of certificates) {
    it(`for a certificate ${what}`, async () => {
      const tls = await TestTls.create(own);
      const address = await tlsServer({ ...(await tls.authority.sign(certificate)), ALPNProtocols: ["h2"] });
      const told = await refused(address, { ca: tls.path("ca") });
      assert.match(told.detail, detail);
      assert.deepEqual(told.reasons, [reason]);
    });
  }

  it("for a certificate of another authority", async () => {
    const tls = await TestTls.create(own);
    const stranger = await (await Authority.create("another authority")).sign({ ip: ["127.0.0.1"] });
    const told = await refused(await tlsServer({ ...stranger, ALPNProtocols: ["h2"] }), { ca: tls.path("ca") });
    assert.match(told.detail, /unable to verify|unable to get/);
    assert.deepEqual(told.reasons, ["certificate_untrusted"]);
  });

  it("for want of another SPIFFE id", async () => {
    const tls = await TestTls.create(own, { uri: ["spiffe://test/models"] });
    const address = await tlsServer({ ...tls.server, ALPNProtocols: ["h2"] });
    const told = await refused(address, { ca: tls.path("ca"), serverName: "spiffe://test/others" });
    assert.equal(told.detail, "the certificate is not for spiffe://test/others, but for URI:spiffe://test/models");
    assert.deepEqual(told.reasons, ["name"]);
  });

  it("that does not take h2", async () => {
    const tls = await TestTls.create(own);
    const silent = await refused(await tlsServer(tls.server), { ca: tls.path("ca") });
    assert.deepEqual([silent.detail, silent.reasons], ["TLS: the server did not agree on h2 (ALPN)", ["alpn"]]);
    const other = await refused(await tlsServer({ ...tls.server, ALPNProtocols: ["http/1.1"] }), {
      ca: tls.path("ca"),
    });
    assert.deepEqual(other.reasons, ["alpn"]);
    // Its ticket comes with the end of the handshake, and is told after the connection was given up for want of h2.
    const early = await refused(await tlsServer({ ...tls.server, maxVersion: "TLSv1.2" }), { ca: tls.path("ca") });
    assert.deepEqual(early.reasons, ["alpn"]);
  });

  it("that speaks TLS 1.2 where 1.3 is asked for", async () => {
    const tls = await TestTls.create(own);
    const address = await tlsServer({ ...tls.server, ALPNProtocols: ["h2"], maxVersion: "TLSv1.2" });
    const told = await refused(address, { ca: tls.path("ca"), minVersion: "TLSv1.3" });
    assert.match(told.detail, /^TLS: .*no version of TLS or cipher in common$/);
    assert.deepEqual(told.reasons, ["version"]);
  });

  it("that speaks plain text", async () => {
    const tls = await TestTls.create(own);
    const server = createPlain((socket) => socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    own.add({ close: () => server.close() });
    const { port } = server.address() as AddressInfo;
    const told = await refused(`127.0.0.1:${port}`, { ca: tls.path("ca") });
    assert.match(told.detail, /the server does not speak TLS$/);
    assert.deepEqual(told.reasons, ["not_tls"]);
  });

  it("that wants a certificate and gets none", async () => {
    const tls = await TestTls.create(own);
    const { address } = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer(true)));
    const told = await refused(address, { ca: tls.path("ca") });
    assert.match(told.detail, /the server wants a client certificate$/);
    assert.deepEqual(told.reasons, ["no_certificate"]);
  });
});

describe("a model server is known", () => {
  afterEach(() => own.close());

  it("by its session, when the connection is opened again", async () => {
    const tls = await TestTls.create(own);
    const server = createSecureServer({ ...tls.server });
    const sessions: ServerHttp2Session[] = [];
    server.on("session", (session) => sessions.push(session));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    own.add({ close: () => server.close() });
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sidecar = own.add(
      await TestSidecar.start(snapshotOf({ variants: { v41: { address, tls: { ca: tls.path("ca") } } } })),
    );
    const connected = (): number => sidecar.events.filter(({ kind }) => kind === "connected").length;
    sessions[0]?.destroy();
    await until(() => connected() === 2, "it is connected again");
    const samples = (await sidecar.exposed()).get("contender_tls_handshakes_total")?.samples ?? [];
    assert.deepEqual(
      samples.map(({ labels, value }) => [labels.side, labels.version, labels.resumed, value]),
      [
        ["upstream", "TLSv1.3", "false", 1],
        ["upstream", "TLSv1.3", "true", 1],
      ],
    );
    sessions[1]?.destroy();
  });

  it("by its SPIFFE id", async () => {
    const tls = await TestTls.create(own, { uri: ["spiffe://test/models"] });
    const server = await GrpcServer.start({}, [], {}, tls.grpcServer());
    own.add(server);
    const variant = { address: server.address, tls: { ca: tls.path("ca"), serverName: "spiffe://test/models" } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: variant } })));
    const client = own.add(new GrpcClient(sidecar.address));
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
  });

  it("by the host of the variant's authority", async () => {
    const tls = await TestTls.create(own, { dns: ["models.test"] });
    const server = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer()));
    const variant = { address: server.address, authority: "models.test:443", tls: { ca: tls.path("ca") } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: variant } })));
    const client = own.add(new GrpcClient(sidecar.address));
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
  });
});
