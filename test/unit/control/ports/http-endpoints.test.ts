import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import type { Control } from "../../../../src/control/control.ts";
import { httpEndpoints } from "../../../../src/control/ports/http-endpoints.ts";
import { routeSet } from "../../../support/route-set.ts";

describe("the HTTP port of a config service", () => {
  const ready = async (why: string | undefined) => {
    const endpoints = httpEndpoints({
      control: {} as Control,
      contentType: "",
      metrics: async () => "",
      sidecar: () => ({ identity: "", labels: { namespace: undefined, workload: undefined, pod: undefined } }),
      reader: () => undefined,
      unready: () => why,
    });
    const answer = await endpoints.get("/readyz")?.answer({} as IncomingMessage, new URLSearchParams());
    return [answer?.status, answer?.body];
  };

  it("says why it is not ready, and that it is", async () => {
    assert.deepEqual(await ready("not told everything yet by two"), [
      503,
      "not ready\n- not told everything yet by two\n",
    ]);
    assert.deepEqual(await ready(undefined), [200, "ready\n"]);
  });

  it("names routes before it writes them out", async () => {
    const [route] = routeSet({ fraud: {} }).routes;
    const read = { times: 0 };
    const watched = Object.defineProperty({ ...route }, "text", {
      get: () => {
        read.times++;
        return route?.text;
      },
    });
    const endpoints = httpEndpoints({
      control: { routes: { ...routeSet({}), routes: [watched] }, polled: () => undefined } as unknown as Control,
      contentType: "",
      metrics: async () => "",
      sidecar: () => ({ identity: "", labels: { namespace: undefined, workload: undefined, pod: undefined } }),
      reader: () => undefined,
      unready: () => undefined,
    });
    const request = { headers: {}, socket: {} } as IncomingMessage;
    const answer = await endpoints.get("/v1/routes")?.answer(request, new URLSearchParams());
    assert.match(answer?.etag ?? "", /^0123456789ab-1-[0-9a-f]{8}$/);
    assert.equal(read.times, 0);
    const { body } = answer as { body: () => string };
    assert.deepEqual([JSON.parse(body()).version, read.times], [answer?.etag, 1]);
  });
});
