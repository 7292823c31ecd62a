import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import { ControlHttp, type HttpEndpoint, json, plain } from "../../../src/control/ports/http.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";

const owned = new Owned();
afterEach(() => owned.close());

describe("the HTTP port of a config service", () => {
  it("does not make an answer for who has it already", async () => {
    const made = { times: 0 };
    const body = (): string => {
      made.times++;
      return "{}\n";
    };
    const http = owned.add(new ControlHttp(systemClock, () => undefined));
    http.serve(new Map([["/v1/routes", { about: "", answer: () => json(body, "a-1-b") }]]));
    const address = await http.listen({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const asked = async (headers: Record<string, string>) => {
      const answer = await fetch(`http://${address}/v1/routes`, { headers: { ...headers, connection: "close" } });
      return [answer.status, answer.headers.get("etag"), await answer.text(), made.times];
    };
    assert.deepEqual(await asked({}), [200, '"a-1-b"', "{}\n", 1]);
    assert.deepEqual(await asked({ "if-none-match": '"x", "a-1-b"' }), [304, '"a-1-b"', "", 1]);
    assert.deepEqual(await asked({ "if-none-match": '"x"' }), [200, '"a-1-b"', "{}\n", 2]);
  });

  /** Time stands still: whoever is waited for fails the test. */
  const listening = async (endpoint: HttpEndpoint) => {
    const http = new ControlHttp(new ManualClock(), () => undefined);
    http.serve(new Map([["/slow", endpoint]]));
    const port = Number((await http.listen({ kind: "tcp", host: "127.0.0.1", port: 0 })).split(":").at(-1));
    const connected = async (bytes: string) => {
      const socket = connect(port, "127.0.0.1").on("error", () => undefined);
      owned.add({ close: () => void socket.destroy() });
      const closed = once(socket, "close");
      await once(socket, "connect");
      socket.write(bytes);
      return { socket, closed };
    };
    return { http, connected };
  };

  for (const [what, bytes] of [
    ["nothing yet", ""],
    ["half a request", "GET /slow HTTP/1.1\r\n"],
  ] as const) {
    it(`ends at once though somebody has sent ${what}`, async () => {
      const { http, connected } = await listening({ about: "", answer: () => plain(200, "") });
      const { socket, closed } = await connected(bytes);
      // Behind it, so that the connection is known.
      const other = await connected("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      await once(other.socket, "data");
      await http.close();
      socket.resume();
      await closed;
    });
  }

  it("answers what is under way before it ends", async () => {
    const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const answer = async () => {
      asked.resolve();
      await held.promise;
      return plain(200, "done");
    };
    const { http, connected } = await listening({ about: "", answer });
    const { socket } = await connected("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    await asked.promise;
    const closed = http.close();
    held.resolve();
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    assert.match(text, /^HTTP\/1.1 200 OK.*done\n$/s);
    await closed;
  });
});
