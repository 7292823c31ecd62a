import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { ControlHttp, json } from "../../../src/control/ports/http.ts";
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
});
