/** Who is asking, by what grpc-js and node:https really tell of a peer. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, request as plainRequest, type RequestOptions } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createSecureServer, request as secureRequest } from "node:https";
import type { AddressInfo, Server as NetServer } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { experimental, type ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import { readAccess } from "../../src/config/access-document.ts";
import { type Evidence, identify } from "../../src/control/access/access.ts";
import { evidenceOfCall, evidenceOfRequest, type PortFacts } from "../../src/control/access/authenticate.ts";
import { Authority, type KeyPair } from "../support/certificates.ts";
import { type Ended, echo, GrpcClient, GrpcServer, metadataOf } from "../support/grpc-js.ts";
import { accessText, hashOf } from "../support/known-callers.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { TestTls } from "../support/tls.ts";

const token = "0123456789abcdef0123456789abcdef";
const { identities } = parsedValue(
  readAccess(
    "access.yaml",
    accessText([
      `{ name: alice, role: admin, namespaces: ["*"], token: "${hashOf(token)}" }`,
      `{ name: sidecars, role: sidecar, certificate: "spiffe://test/ns/{namespace}/sa/{workload}" }`,
    ]),
  ),
);

const secure: PortFacts = { tls: true, unix: false };
const own = new Owned();
let tls: TestTls;
let seen: Evidence[] = [];
let wallMs: number | undefined;

before(async () => {
  tls = await TestTls.create(own);
});
beforeEach(() => {
  seen = [];
  wallMs = undefined;
});
const open = new Owned();
afterEach(() => open.close());
after(() => own.close());

/** A server that says to each caller who it is. */
async function asking(security: ServerCredentials | undefined, port: PortFacts, at?: string): Promise<GrpcServer> {
  const tell = (evidence: Evidence) => {
    seen.push(evidence);
    return identify(identities, evidence);
  };
  const unary: NonNullable<Parameters<typeof GrpcServer.start>[0]>["unary"] = (call, reply) => {
    const found = tell(evidenceOfCall(call, port, wallMs ?? Date.now()));
    if (found.ok) reply(null, Buffer.from(JSON.stringify(found.value)));
    else reply({ code: status.UNAUTHENTICATED, details: found.text });
  };
  const chat = (call: ServerDuplexStream<Buffer, Buffer>) => {
    const found = tell(evidenceOfCall(call, port, wallMs ?? Date.now()));
    call.resume();
    call.write(Buffer.from(found.ok ? found.value.name : found.text));
    call.end();
  };
  return open.add(await GrpcServer.start({ unary, chat }, [], {}, security, at));
}

/** A call; without a pair, of a caller without a certificate. */
async function ask(server: GrpcServer, pair?: KeyPair, headers: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const client = open.add(
    new GrpcClient(server.address, { "grpc.initial_reconnect_backoff_ms": 60_000 }, tls.caller(pair)),
  );
  return await client.unary(echo.unary, Buffer.of(1), { metadata: metadataOf(headers), timeoutMs: 5_000 });
}

const nameIn = ({ messages: [message] }: Ended): unknown => JSON.parse(String(message ?? "{}")).name;

const bearer = { authorization: `Bearer ${token}` };
const wrong = { authorization: "Bearer ffffffffffffffffffffffff" };

describe("who calls a gRPC port that asks for certificates", () => {
  let server: GrpcServer;
  beforeEach(async () => {
    server = await asking(tls.grpcServer(true), secure);
  });

  it("is told by the names that TLS verified", async () => {
    const answer = await ask(server, tls.client);
    assert.deepEqual(JSON.parse(String(answer.messages[0])), {
      name: "sidecars",
      role: "sidecar",
      namespaces: [],
      node: { namespace: "ml", workload: "caller" },
      how: "certificate",
    });
    assert.deepEqual(seen[0]?.certificate, {
      names: ["caller.test", "spiffe://test/ns/ml/sa/caller"],
      expired: false,
    });
    assert.equal(seen[0]?.plaintext, false);
  });

  it("is told so on a stream, too", async () => {
    const client = open.add(new GrpcClient(server.address, {}, tls.caller(tls.client)));
    const { messages } = await client.stream(echo.chat, [Buffer.of(1)]);
    assert.equal(String(messages[0]), "sidecars");
  });

  const refused: [string, () => Promise<KeyPair | undefined>][] = [
    [
      "an expired certificate",
      () => tls.authority.sign({ uri: ["spiffe://test/ns/ml/sa/caller"], fromDays: -3, toDays: -1 }),
    ],
    [
      "one that begins tomorrow",
      () => tls.authority.sign({ uri: ["spiffe://test/ns/ml/sa/caller"], fromDays: 1, toDays: 2 }),
    ],
    [
      "one of another authority of the same name",
      async () => await (await Authority.create()).sign({ uri: ["spiffe://test/ns/ml/sa/caller"] }),
    ],
    ["no certificate", () => Promise.resolve(undefined)],
  ];
  for (const [what, pair] of refused) {
    it(`with ${what} does not get past the handshake, not even with a good token`, async () => {
      const answer = await ask(server, await pair(), bearer);
      assert.equal(answer.status.code, status.UNAVAILABLE);
      assert.deepEqual(seen, []);
    });
  }

  it("with a good certificate of nobody is refused", async () => {
    const answer = await ask(
      server,
      await tls.authority.sign({ commonName: "sidecars", uri: ["spiffe://test/ns/ml"] }),
    );
    assert.equal(answer.status.code, status.UNAUTHENTICATED);
    assert.equal(answer.status.details, "nobody has a name of this certificate: spiffe://test/ns/ml");
  });

  it("is not told by a name that is hidden within another one", async () => {
    const uri = ["https://x/, URI:spiffe://test/ns/ml/sa/caller"];
    const answer = await ask(server, await tls.authority.sign({ uri }));
    assert.equal(answer.status.details, "nobody has a name of this certificate: it has none");
  });

  it("with a certificate and a token is who the token says", async () => {
    assert.equal(nameIn(await ask(server, tls.client, bearer)), "alice");
  });

  it("with a certificate and a wrong token is refused", async () => {
    const answer = await ask(server, tls.client, wrong);
    assert.deepEqual([answer.status.code, answer.status.details], [status.UNAUTHENTICATED, "nobody has this token"]);
  });

  it("is refused once the certificate has ended, on a connection that goes on", async () => {
    const client = open.add(new GrpcClient(server.address, {}, tls.caller(tls.client)));
    assert.equal((await client.unary(echo.unary, Buffer.of(1))).status.code, status.OK);
    wallMs = Date.now() + 2 * 86_400_000;
    const answer = await client.unary(echo.unary, Buffer.of(1));
    assert.equal(answer.status.code, status.UNAUTHENTICATED);
    assert.match(answer.status.details, /^the certificate is not valid any more/);
  });

  it("is told by its certificate in a session that is resumed, too", async () => {
    const first = await speak(server, undefined);
    const [session] = (await first.ticket) as [Buffer];
    const again = await speak(server, session);
    assert.deepEqual([first.reused, again.reused], [false, true]);
    assert.deepEqual(
      seen.map(({ certificate }) => certificate?.names[1]),
      ["spiffe://test/ns/ml/sa/caller", "spiffe://test/ns/ml/sa/caller"],
    );
  });

  /** One call on a connection of its own, which resumes `session`. */
  async function speak(
    to: GrpcServer,
    session: Buffer | undefined,
  ): Promise<{ ticket: Promise<unknown[]>; reused: boolean }> {
    const [host, port] = to.address.split(":");
    const socket: TLSSocket = connectTls({
      host,
      port: Number(port),
      ca: tls.authority.cert,
      cert: tls.client.cert,
      key: tls.client.key,
      ALPNProtocols: ["h2"],
      ...(session === undefined ? {} : { session }),
    });
    const ticket = once(socket, "session");
    await once(socket, "secureConnect");
    const http2 = connectHttp2(`https://${to.address}`, { createConnection: () => socket });
    open.add({ close: () => http2.destroy() });
    const call = http2.request({
      ":method": "POST",
      ":path": echo.unary,
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.resume();
    call.end(Buffer.from([0, 0, 0, 0, 1, 1]));
    await once(call, "close");
    return { ticket, reused: socket.isSessionReused() };
  }
});

describe("who calls a gRPC port with TLS that asks for none", () => {
  const cases: [string, Readonly<Record<string, string>>, unknown, string][] = [
    ["with a token is who it says", bearer, "alice", ""],
    ["with a wrong token is refused", wrong, undefined, "nobody has this token"],
    [
      "with nothing is refused",
      {},
      undefined,
      "nothing says who is asking: want a certificate or authorization: Bearer TOKEN",
    ],
  ];
  for (const [what, headers, name, details] of cases) {
    it(what, async () => {
      const server = await asking(tls.grpcServer(), secure);
      const answer = await ask(server, tls.client, headers);
      assert.equal(nameIn(answer), name);
      assert.equal(answer.status.code, details === "" ? status.OK : status.UNAUTHENTICATED);
      assert.equal(answer.status.code === status.OK ? "" : answer.status.details, details);
      assert.equal(seen[0]?.certificate, undefined);
    });
  }
});

describe("who calls a gRPC port that takes certificates and does not need them", () => {
  /** What grpc-js has for it: the handshake goes on whatever the peer shows. */
  function optional(): ServerCredentials {
    const none = (): void => undefined;
    const provider = {
      addCaCertificateListener: (tell: (update: { caCertificate: Buffer }) => void) =>
        tell({ caCertificate: Buffer.from(tls.authority.cert) }),
      removeCaCertificateListener: none,
      addIdentityCertificateListener: (tell: (update: { certificate: Buffer; privateKey: Buffer }) => void) =>
        tell({ certificate: Buffer.from(tls.server.cert), privateKey: Buffer.from(tls.server.key) }),
      removeIdentityCertificateListener: none,
    };
    const made = experimental.createCertificateProviderServerCredentials(provider, provider, false);
    // It learns of its certificates when it is first watched; the server watches after it has looked.
    made._addWatcher(none);
    return made;
  }

  const cases: [string, () => Promise<KeyPair | undefined>, string | undefined][] = [
    ["a good certificate", () => Promise.resolve(tls.client), "sidecars"],
    ["no certificate", () => Promise.resolve(undefined), undefined],
    [
      "an expired one",
      () => tls.authority.sign({ uri: ["spiffe://test/ns/ml/sa/caller"], fromDays: -3, toDays: -1 }),
      undefined,
    ],
    [
      "one of another authority",
      async () => await (await Authority.create("another")).sign({ uri: ["spiffe://test/ns/ml/sa/caller"] }),
      undefined,
    ],
  ];
  for (const [what, pair, name] of cases) {
    it(`with ${what} is ${name ?? "nobody"}, and with a token beside it whom that says`, async () => {
      const server = await asking(optional(), secure);
      const answer = await ask(server, await pair());
      assert.equal(answer.status.code, name === undefined ? status.UNAUTHENTICATED : status.OK);
      assert.equal(nameIn(answer), name);
      assert.equal(seen[0]?.certificate === undefined, name === undefined);
      assert.equal(nameIn(await ask(server, await pair(), bearer)), "alice");
    });
  }
});

describe("where a caller of a gRPC port is", () => {
  const hosts: [string, RegExp][] = [
    ["127.0.0.1", /^127\.0\.0\.1:[0-9]+$/],
    ["[::1]", /^::1:[0-9]+$/],
  ];
  for (const [host, peer] of hosts) {
    it(`is told by its address: ${host}`, async () => {
      const server = await asking(undefined, { tls: false, unix: false }, host);
      const client = open.add(new GrpcClient(server.address));
      await client.unary(echo.unary, Buffer.of(1), { metadata: metadataOf({ "contender-actor": "bob" }) });
      const [evidence] = seen;
      assert.deepEqual([evidence?.loopback, evidence?.plaintext, evidence?.claimed], [true, true, "bob"]);
      assert.match(evidence?.peer ?? "", peer);
    });
  }

  it("is this machine for a unix socket", async () => {
    const folder = open.add(new TempFolder());
    const server = await asking(undefined, { tls: false, unix: true }, `unix:${folder.at("s")}`);
    const client = open.add(new GrpcClient(server.address));
    await client.unary(echo.unary, Buffer.of(1));
    assert.deepEqual([seen[0]?.loopback, seen[0]?.peer], [true, "unix"]);
  });

  const peers: [string, boolean][] = [
    ["10.0.0.1:80", false],
    ["::ffff:127.0.0.1:80", true],
    ["::ffff:10.0.0.1:80", false],
    ["2001:db8::1:80", false],
    ["fe80::1%eth0:80", false],
    ["unknown", false],
  ];
  for (const [peer, loopback] of peers) {
    it(`${peer} is ${loopback ? "" : "not "}this machine`, () => {
      const call = { metadata: metadataOf({}), getPeer: () => peer, getAuthContext: () => ({}) };
      assert.equal(evidenceOfCall(call, { tls: false, unix: false }, 0).loopback, loopback);
    });
  }
});

describe("who asks an HTTP port", () => {
  async function answering(port: PortFacts, mutual = true): Promise<number> {
    const { cert, key } = tls.server;
    const ca = tls.authority.cert;
    const options = { cert, key, ca, requestCert: true, rejectUnauthorized: mutual };
    const server: NetServer = port.tls ? createSecureServer(options) : createServer();
    server.on("request", (request: IncomingMessage, response) => {
      seen.push(evidenceOfRequest(request, port, wallMs ?? Date.now()));
      response.end();
    });
    server.on("tlsClientError", () => undefined);
    open.add({ close: () => server.close() });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  async function get(options: RequestOptions & { readonly pair?: KeyPair | undefined; readonly tls?: boolean }) {
    const { pair, tls: over = false, ...rest } = options;
    const own = pair === undefined ? {} : { cert: pair.cert, key: pair.key };
    const all = { host: "127.0.0.1", agent: false, ca: tls.authority.cert, ...own, ...rest };
    const asked = over ? secureRequest(all) : plainRequest(all);
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.resume();
    await once(response, "close");
  }

  it("is told by the names that TLS verified, and by every authorization", async () => {
    const port = await answering(secure);
    await get({ port, tls: true, pair: tls.client, headers: bearer });
    assert.deepEqual(seen[0]?.certificate?.names, ["caller.test", "spiffe://test/ns/ml/sa/caller"]);
    assert.deepEqual(seen[0]?.authorization, [bearer.authorization]);
  });

  it("does not get past the handshake with another authority's certificate", async () => {
    const port = await answering(secure);
    const pair = await (await Authority.create()).sign({ uri: ["spiffe://test/ns/ml/sa/caller"] });
    await assert.rejects(get({ port, tls: true, pair }));
    assert.deepEqual(seen, []);
  });

  it("is not told by a certificate that nobody verified", async () => {
    const port = await answering(secure, false);
    const pair = await (await Authority.create()).sign({ uri: ["spiffe://test/ns/ml/sa/caller"] });
    await get({ port, tls: true, pair });
    await get({ port, tls: true });
    assert.deepEqual(
      seen.map(({ certificate }) => certificate),
      [undefined, undefined],
    );
  });

  it("has two authorizations where it sent two", async () => {
    const port = await answering({ tls: false, unix: false });
    await get({ port, headers: ["host", "localhost", "authorization", "Bearer a", "authorization", "Bearer b"] });
    assert.deepEqual(seen[0]?.authorization, ["Bearer a", "Bearer b"]);
  });

  const pages: [string, Readonly<Record<string, string>>, boolean][] = [
    ["a program", {}, true],
    ["a page of elsewhere", { origin: "https://evil.example.com" }, false],
    ["a page under a name that leads here", { host: "evil.example.com" }, false],
  ];
  for (const [what, headers, near] of pages) {
    it(`counts as this machine's: ${what}, ${near}`, async () => {
      const port = await answering({ tls: false, unix: false });
      await get({ port, headers });
      assert.equal(seen[0]?.loopback, near);
    });
  }
});
