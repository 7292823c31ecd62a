import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import type { Control } from "../../../src/control/control.ts";
import { httpEndpoints } from "../../../src/control/http-endpoints.ts";

describe("the HTTP port of a config service", () => {
  const ready = async (why: string | undefined) => {
    const endpoints = httpEndpoints({
      control: {} as Control,
      contentType: "",
      metrics: async () => "",
      sidecar: () => ({ labels: { namespace: undefined, workload: undefined, pod: undefined } }),
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
});
