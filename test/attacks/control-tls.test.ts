/** The config service's TLS port: what a connection proves, and what strangers do to it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { Client, type ServiceError } from "@grpc/grpc-js";
import { evidenceOfCall } from "../../src/control/access/authenticate.ts";
import { Authority, type KeyPair } from "../support/certificates.ts";
import { openCallers, startControl, type TestControl, unary } from "../support/control.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { TestTls } from "../support/tls.ts";

describe("the TLS port of a config service", function () {
  this.timeout(20_000);
  const own = new Owned();
  let tls: TestTls;
  let control: TestControl;
  /** Names that TLS verified, of each call. */
  let proved: (readonly string[] | undefined)[];
  afterEach(() => own.close());

  beforeEach(async () => {
    tls = await TestTls.create(own);
    proved = [];
    const callers: typeof openCallers = {
      ...openCallers,
      person: (call, action) => {
        proved.push(evidenceOfCall(call, { tls: true, unix: false }, Date.now()).certificate?.names);
        return openCallers.person(call, action);
      },
    };
    const { cert, key } = tls.server;
    const options = { callers, tls: { cert, key, ca: tls.authority.cert } };
    control = own.add(await startControl(own.add(new TempFolder()).at("store"), options));
  });

  async function ask(pair?: KeyPair): Promise<void> {
    const client = own.add(new Client(control.address, tls.caller(pair)));
    await unary(client, "AdminService", "ListRoutes", {});
  }

  it("has the names of a certificate that it verified, and none of another's", async () => {
    await ask(tls.client);
    await ask();
    const stranger = await Authority.create("somebody else");
    await ask(await stranger.sign({ uri: ["spiffe://test/ns/ml/sa/caller"] }));
    await ask(await tls.authority.sign({ dns: ["late.test"], fromDays: -3, toDays: -2 }));
    assert.deepEqual(proved, [
      ["DNS:caller.test", "URI:spiffe://test/ns/ml/sa/caller"].map(plain),
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("survives a certificate of a false authority of the same name, and bytes that are no TLS", async () => {
    const forged = await Authority.create();
    await ask(await forged.sign({ dns: ["caller.test"] })).catch((reason: ServiceError) => reason);
    const [host = "", port] = control.address.split(":");
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
      const socket = connectPlain(Number(port), host);
      own.add({ close: () => socket.destroy() });
      socket.on("error", () => undefined).end(bytes);
      socket.resume();
      await once(socket, "close");
    }
    await ask(tls.client);
    assert.ok(!proved.slice(0, -1).some((names) => names !== undefined));
  });

  for (const [what, protocols] of [
    ["another protocol", ["http/1.1"]],
    ["none", []],
  ] as const) {
    it(`speaks HTTP/2 alone: who asks for ${what} is let go`, async () => {
      const [host = "", port] = control.address.split(":");
      const socket = connect({ host, port: Number(port), ca: tls.authority.cert, ALPNProtocols: [...protocols] });
      own.add({ close: () => socket.destroy() });
      socket.on("error", () => undefined).on("secureConnect", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
      socket.resume();
      await new Promise((resolve) => socket.once("close", resolve));
      await ask(tls.client);
    });
  }
});

const plain = (name: string): string => name.replace(/^(DNS|URI):/, "");
