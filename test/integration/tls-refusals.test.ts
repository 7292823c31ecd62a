import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectPlain, type Socket } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { status } from "@grpc/grpc-js";
import type { ListenerTlsSpec } from "../../src/runtime/sidecar-tls.ts";
import { Authority, type CertificateOptions } from "../support/certificates.ts";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TestTls } from "../support/tls.ts";
import { until } from "../support/until.ts";

const own = new Owned();

interface Told {
  readonly reason: string;
  readonly detail: string;
}

/** A sidecar whose listener speaks TLS, and what it says of callers that it refuses. */
async function start(spec: (tls: TestTls) => ListenerTlsSpec = (tls) => tls.listener(), clock?: ManualClock) {
  const tls = await TestTls.create(own);
  const server = own.add(await ServerPeer.answering(Buffer.from("answer")));
  const options = clock === undefined ? {} : { clock };
  const snapshot = snapshotOf({ variants: { v41: server.address } });
  const sidecar = own.add(await TestSidecar.start(snapshot, { tls: spec(tls), ...options }));
  const told = (): Told[] =>
    sidecar.events.flatMap((event) =>
      event.kind === "tls_handshake_failed" ? [{ reason: event.reason, detail: event.detail }] : [],
    );
  const counted = async (): Promise<Record<string, number>> => {
    const metric = (await sidecar.exposed()).get("contender_tls_handshake_failures_total");
    const samples = metric?.samples ?? [];
    return Object.fromEntries(samples.map(({ labels, value }) => [labels.reason ?? "", value]));
  };
  return { tls, sidecar, server, told, counted };
}

/** Opens a TLS connection, or learns why there is none; what comes over it is dropped. */
async function dial(sidecar: TestSidecar, options: ConnectionOptions) {
  const socket = connect({ host: "127.0.0.1", port: sidecar.port, servername: "localhost", ...options });
  own.add({ close: () => socket.destroy() });
  let error = "";
  socket.on("error", (reason: NodeJS.ErrnoException) => {
    error = reason.code ?? reason.message;
  });
  socket.resume();
  let session: Buffer | undefined;
  socket.on("session", (ticket: Buffer) => {
    session = ticket;
  });
  let answered = false;
  socket.on("data", () => {
    answered = true;
  });
  let secure = false;
  socket.once("secureConnect", () => {
    secure = true;
  });
  await until(() => secure || socket.closed, "the handshake has ended");
  return { socket, error: () => error, session: () => session, answered: () => answered };
}

function plain(sidecar: TestSidecar): Socket {
  const socket = connectPlain(sidecar.port, "127.0.0.1");
  own.add({ close: () => socket.destroy() });
  socket.on("error", () => undefined);
  return socket.resume();
}

async function gone(socket: Socket): Promise<void> {
  await until(() => socket.closed, "the connection is gone");
}

async function refusedWith(options: (tls: TestTls) => ConnectionOptions, spec?: (tls: TestTls) => ListenerTlsSpec) {
  const { tls, sidecar, server, told, counted } = await start(spec);
  const { socket } = await dial(sidecar, { ca: tls.authority.cert, ALPNProtocols: ["h2"], ...options(tls) });
  await gone(socket);
  await until(() => told().length > 0, "it is told");
  const [first] = told();
  assert.deepEqual(await counted(), { [first?.reason ?? ""]: 1 });
  assert.equal(server.streams.length, 0);
  return first;
}

describe("a listener with TLS refuses a caller", () => {
  afterEach(() => own.close());

  it("that offers no ALPN", async () => {
    assert.equal((await refusedWith(() => ({ ALPNProtocols: undefined })))?.reason, "alpn");
  });

  it("that offers protocols, but not h2", async () => {
    assert.equal((await refusedWith(() => ({ ALPNProtocols: ["http/1.1"] })))?.reason, "alpn");
  });

  it("that speaks TLS 1.1 at most", async () => {
    const old: ConnectionOptions = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    assert.equal((await refusedWith(() => old))?.reason, "version");
  });

  it("that speaks TLS 1.2 where 1.3 is asked for", async () => {
    const told = await refusedWith(
      () => ({ maxVersion: "TLSv1.2" }),
      (tls) => tls.listener({ minVersion: "TLSv1.3" }),
    );
    assert.equal(told?.reason, "version");
  });

  it("that speaks TLS 1.2 by a cipher that HTTP/2 forbids", async () => {
    const weak: ConnectionOptions = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" };
    assert.equal((await refusedWith(() => weak))?.reason, "version");
  });

  it("without a certificate where one is asked for", async () => {
    assert.equal(
      (
        await refusedWith(
          () => ({}),
          (tls) => tls.mutual(),
        )
      )?.reason,
      "no_certificate",
    );
  });

  const certificates: readonly (readonly [what: string, of: CertificateOptions, reason: string])[] = [
    ["whose certificate has expired", { dns: ["caller.test"], fromDays: -3, toDays: -1 }, "certificate_expired"],
    ["whose certificate is not valid yet", { dns: ["caller.test"], fromDays: 0.5, toDays: 1 }, "certificate_expired"],
    ["whose certificate is for other names", { dns: ["stranger.test"] }, "name"],
    ["whose name is only the common one", { commonName: "caller.test" }, "name"],
  ];
  for (const [what, certificate, reason] of certificates) {
    it(what, async () => {
      const { tls, sidecar, told } = await start((made) => made.mutual("caller.test", "spiffe://test/ns/ml/*"));
      const { cert, key } = await tls.authority.sign(certificate);
      const { socket } = await dial(sidecar, { ca: tls.authority.cert, cert, key, ALPNProtocols: ["h2"] });
      await gone(socket);
      await until(() => told().length > 0, "it is told");
      assert.deepEqual(
        told().map((each) => each.reason),
        [reason],
      );
    });
  }

  it("whose certificate was signed by another authority", async () => {
    const { cert, key } = await (await Authority.create("another authority")).sign({ dns: ["caller.test"] });
    const told = await refusedWith(
      () => ({ cert, key }),
      (tls) => tls.mutual(),
    );
    assert.equal(told?.reason, "certificate_untrusted");
  });

  it("that speaks plain HTTP/2, and tells it why by GOAWAY", async () => {
    const { sidecar, told } = await start();
    const session = connectHttp2(`http://${sidecar.address}`);
    session.on("error", () => undefined);
    own.add({ close: () => session.destroy() });
    const [code, , text] = (await once(session, "goaway")) as [number, number, Buffer];
    assert.equal(code, 12);
    assert.match(text.toString(), /^contender: this port speaks gRPC over HTTP\/2 with TLS/);
    assert.deepEqual(told(), [{ reason: "not_tls", detail: "the first bytes are not TLS" }]);
  });

  it("that speaks plain HTTP/1, and tells it why by 400", async () => {
    const { sidecar, counted } = await start();
    const response = await fetch(`http://${sidecar.address}/`);
    assert.equal(response.status, 400);
    assert.match(await response.text(), /^contender: this port speaks gRPC over HTTP\/2 with TLS/);
    assert.deepEqual(await counted(), { not_tls: 1 });
  });

  it("that says nothing, or only half of a handshake, when its time is up", async () => {
    const clock = new ManualClock();
    const { sidecar, counted } = await start(undefined, clock);
    const [silent, halting] = [plain(sidecar), plain(sidecar)];
    halting.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    await Promise.all([once(silent, "connect"), once(halting, "connect")]);
    const waiting = clock.pending;
    await until(() => clock.pending >= waiting, "both are known");
    await until(() => {
      clock.advance(10_000);
      return silent.closed && halting.closed;
    }, "both are gone");
    assert.deepEqual(await counted(), { timeout: 2 });
  });

  it("that goes away in the middle, and goes on with others", async () => {
    const { tls, sidecar, counted } = await start();
    const socket = plain(sidecar);
    await once(socket, "connect");
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    await new Promise((resolve) => setImmediate(resolve));
    socket.resetAndDestroy();
    const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller()));
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
    const counts = await counted();
    assert.deepEqual(Object.values(counts), [1]);
  });

  it("again and again with one line in the log, and counts every one", async () => {
    const { sidecar, told, counted } = await start();
    for (let i = 0; i < 20; i++) {
      const socket = plain(sidecar);
      socket.end("nonsense");
      await once(socket, "close");
    }
    assert.equal(told().length, 1);
    assert.deepEqual(await counted(), { not_tls: 20 });
  });
});

describe("a listener without TLS", () => {
  afterEach(() => own.close());

  it("tells a caller that speaks TLS what it is, in a way that its library shows", async () => {
    const server = own.add(await ServerPeer.answering(Buffer.from("answer")));
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } })));
    const { socket, error } = await dial(sidecar, { ALPNProtocols: ["h2"] });
    await gone(socket);
    assert.match(error(), /WRONG_VERSION_NUMBER|PACKET_LENGTH/);
    assert.deepEqual(
      sidecar.events.flatMap((event) => (event.kind === "tls_handshake_failed" ? event.reason : [])),
      ["tls_not_expected"],
    );
  });
});

describe("callers that come all at once", () => {
  afterEach(() => own.close());

  it("are all served, though one handshake begins in a turn, and strangers among them are in nobody's way", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await GrpcServer.start());
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const limits = { transport: { handshakesPerTurn: 1 } };
    const sidecar = own.add(await TestSidecar.start(snapshot, { tls: tls.listener(), limits }));
    for (let i = 0; i < 30; i++) plain(sidecar).write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    const calls = Array.from({ length: 30 }, async () => {
      const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller()));
      return (await client.unary(echo.unary, Buffer.from("x"))).status.code;
    });
    assert.deepEqual([...new Set(await Promise.all(calls))], [status.OK]);
  });
});

describe("a caller with a certificate is known", () => {
  afterEach(() => own.close());

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`over ${version}, and again when it goes on from its session`, async () => {
      const { tls, sidecar } = await start((made) => made.mutual("spiffe://test/ns/ml/*"));
      const { cert, key } = tls.client;
      const options = { ca: tls.authority.cert, cert, key, ALPNProtocols: ["h2"], maxVersion: version };
      const first = await dial(sidecar, options);
      await until(() => first.session() !== undefined, "there is a session");
      assert.equal(first.socket.getProtocol(), version);
      const again = await dial(sidecar, { ...options, session: first.session() });
      assert.equal(again.socket.isSessionReused(), true);
      again.socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      await until(again.answered, "the sidecar has greeted");
      const metric = (await sidecar.exposed()).get("contender_tls_handshakes_total");
      assert.deepEqual(
        metric?.samples.map(({ labels, value }) => [labels.version, labels.resumed, value]),
        [
          [version, "false", 1],
          [version, "true", 1],
        ],
      );
    });
  }
});
