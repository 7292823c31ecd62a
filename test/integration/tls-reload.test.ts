import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTls } from "node:tls";
import { status } from "@grpc/grpc-js";
import type { KeyPair } from "../support/certificates.ts";
import { ConfigMap } from "../support/config-map.ts";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TestTls } from "../support/tls.ts";
import { until } from "../support/until.ts";

const own = new Owned();

/** The serial number of the certificate that a new connection is shown. */
function shown(sidecar: TestSidecar, tls: TestTls): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port: sidecar.port, host: "127.0.0.1", servername: "localhost", ALPNProtocols: ["h2"] };
    const socket = connectTls({ ...options, ca: tls.authority.cert }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const told = (sidecar: TestSidecar, kind: string): number =>
  sidecar.events.filter((event) => event.kind === kind).length;

function session(sidecar: TestSidecar, tls: TestTls): ClientHttp2Session {
  const opened = connect(`https://localhost:${sidecar.port}`, { ca: tls.authority.cert });
  own.add({ close: () => opened.destroy() });
  return opened;
}

describe("certificates that change", () => {
  afterEach(() => own.close());

  it("by the swap of a Secret are shown to new callers, and cost those under way nothing", async () => {
    const tls = await TestTls.create(own);
    const files = (pair: KeyPair) => ({ "tls.crt": pair.cert, "tls.key": pair.key });
    const secret = await ConfigMap.create(files(tls.server));
    own.add({ close: () => secret.remove() });
    const server = own.add(await GrpcServer.start());
    const listener = tls.listener({ cert: secret.path("tls.crt"), key: secret.path("tls.key") });
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { tls: listener }));
    const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller()));
    let sent = 0;
    const codes: number[] = [];
    const streaming = client.duplex(echo.chat);
    const calling = async (): Promise<void> => {
      while (sent < 200 || told(sidecar, "tls_reloaded") < 2) {
        sent++;
        codes.push((await client.unary(echo.unary, Buffer.from(`${sent}`))).status.code);
      }
    };
    const load = Promise.all([calling(), calling(), calling()]);
    const serials = [await shown(sidecar, tls)];
    for (let swap = 1; swap <= 2; swap++) {
      const next = await tls.authority.sign({ dns: ["localhost"], ip: ["127.0.0.1"] });
      await secret.swap(files(next));
      await until(() => told(sidecar, "tls_reloaded") === swap, "the new certificate is in force");
      serials.push(await shown(sidecar, tls));
      assert.equal(serials.at(-1), next.serial);
    }
    await load;
    streaming.call.write(Buffer.from("still here"));
    streaming.call.end();
    const { messages, status: end } = await streaming.ended;
    assert.deepEqual([end.code, messages.map(String)], [status.OK, ["still here"]]);
    assert.deepEqual([...new Set(codes)], [status.OK]);
    assert.equal(new Set(serials).size, 3);
    assert.equal(sidecar.events.filter(({ kind }) => kind === "caller_fault").length, 0);
  });

  it("to something useless change nothing but a counter and a line, and are mended by the next", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await ServerPeer.answering(Buffer.from("answer")));
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { tls: tls.listener() }));
    const before = await shown(sidecar, tls);
    const other = await tls.authority.sign({ dns: ["localhost"] });
    const expired = await tls.authority.sign({ dns: ["localhost"], fromDays: -3, toDays: -1 });
    const bad = [{ cert: "nothing" }, { cert: other.cert, key: tls.server.key }, expired];
    for (const [index, texts] of bad.entries()) {
      tls.write({ cert: texts.cert, ...("key" in texts ? { key: texts.key } : {}) });
      await until(() => told(sidecar, "tls_rejected") >= index + 1, "it is told");
      assert.equal(await shown(sidecar, tls), before);
    }
    const lines = sidecar.events.flatMap((event) => (event.kind === "tls_rejected" ? event.problems : []));
    assert.ok(lines.some((line) => line.includes("want a certificate in PEM, got none")));
    assert.ok(lines.some((line) => line.includes("is not the key of the certificate in")));
    assert.ok(lines.some((line) => line.includes("expired at")));
    assert.ok(lines.every((line) => !line.includes("PRIVATE")));
    tls.write({ cert: other.cert, key: other.key });
    await until(() => told(sidecar, "tls_reloaded") > 0, "the good one is in force");
    assert.equal(await shown(sidecar, tls), other.serial);
    const reloads = (await sidecar.exposed()).get("contender_tls_reloads_total")?.samples ?? [];
    const count = (result: string) => reloads.find(({ labels }) => labels.result === result)?.value ?? 0;
    assert.ok(count("rejected") >= 3);
    assert.equal(count("applied"), told(sidecar, "tls_reloaded"));
  });

  it("of authorities are asked for by new callers' certificates, also where a session would go on", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await GrpcServer.start());
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { tls: tls.mutual() }));
    const dial = (ticket?: Buffer): Promise<{ served: boolean; ticket: Buffer | undefined }> =>
      new Promise((resolve) => {
        const { cert, key } = tls.client;
        const options = { port: sidecar.port, host: "127.0.0.1", servername: "localhost", ALPNProtocols: ["h2"] };
        const socket = connectTls({ ...options, ca: tls.authority.cert, cert, key, session: ticket });
        let got: Buffer | undefined;
        let served = false;
        socket.on("error", () => undefined);
        socket.on("session", (session: Buffer) => {
          got = session;
        });
        socket.once("secureConnect", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        socket.on("data", () => {
          served = true;
          socket.end();
        });
        socket.once("close", () => resolve({ served, ticket: got }));
      });
    const first = await dial();
    assert.equal(first.served, true);
    assert.ok(first.ticket !== undefined);
    assert.equal((await dial(first.ticket)).served, true);
    const { Authority } = await import("../support/certificates.ts");
    tls.write({ ca: (await Authority.create("the next authority")).cert });
    await until(() => told(sidecar, "tls_reloaded") === 1, "the new authority is in force");
    assert.equal((await dial(first.ticket)).served, false);
  });

  it("are shown to an upstream by the next connection; the one that there is stays", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer(true)));
    const secured = { ca: tls.path("ca"), cert: tls.path("cert"), key: tls.path("key") };
    const variants = { v41: { address: server.address, tls: secured } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants })));
    const client = own.add(new GrpcClient(sidecar.address));
    const next = await tls.authority.sign({ dns: ["sidecar.test"] });
    tls.write({ cert: next.cert, key: next.key });
    await until(() => told(sidecar, "tls_reloaded") > 0, "the new certificate is in force");
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
    assert.equal(told(sidecar, "connected"), 1);
    assert.equal(told(sidecar, "disconnected"), 0);
  });

  it("that routes name must be there when the routes are put in force, and nothing changes where they are not", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer()));
    const good = snapshotOf({ variants: { v41: { address: server.address, tls: { ca: tls.path("ca") } } } });
    const sidecar = own.add(await TestSidecar.start(good));
    const missing = { address: server.address, tls: { ca: "/nowhere/ca.crt" } };
    const applied = sidecar.sidecar.apply(snapshotOf({ variants: { v42: missing } }));
    assert.deepEqual(applied, {
      ok: false,
      problems: [
        { path: "fraud.variants.v42.tls.ca", message: "/nowhere/ca.crt can't be read: there is no such file" },
      ],
    });
    const client = own.add(new GrpcClient(sidecar.address));
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
  });
});

describe("a session of node:http2 over TLS", () => {
  afterEach(() => own.close());

  it("is told of a drain, and a call under way comes to its end", async () => {
    const tls = await TestTls.create(own);
    const server = own.add(await GrpcServer.start());
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { tls: tls.listener() }));
    const opened = session(sidecar, tls);
    const goaways: number[] = [];
    opened.on("goaway", (_code: number, lastId: number) => goaways.push(lastId));
    const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller()));
    const { call, ended } = client.duplex(echo.chat);
    call.write(Buffer.from("before"));
    await new Promise((resolve) => call.once("data", resolve));
    await until(() => opened.connecting === false, "the session is open");
    const drained = sidecar.sidecar.drain(0, 20_000);
    await until(() => goaways.length > 0, "GOAWAY is said");
    call.write(Buffer.from("after"));
    call.end();
    assert.equal((await ended).status.code, status.OK);
    client.close();
    assert.equal(await drained, true);
  });
});
