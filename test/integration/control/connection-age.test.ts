import assert from "node:assert/strict";
import { Client, credentials } from "@grpc/grpc-js";
import { systemClock } from "../../../src/base/clock.ts";
import { ControlServer, serverDefaults } from "../../../src/control/ports/server.ts";
import { startControl, TestWatch } from "../../support/control.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

describe("a connection to a config service that is old", () => {
  it("ends with the stream of its sidecar, which comes back to whichever replica there is by then", async () => {
    const folder = new TempFolder();
    const control = await startControl(folder.at("store"));
    const ages = { maxConnectionAgeMs: 200, maxConnectionAgeGraceMs: 200 };
    const server = new ControlServer(control.control, systemClock, { ...serverDefaults, ...ages });
    const client = new Client(
      await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }),
      credentials.createInsecure(),
    );
    try {
      const watch = new TestWatch(client, { instance: "a" }, "");
      await watch.snapshot();
      await until(() => watch.ended !== undefined, "the stream has ended", 5_000);
      assert.equal(control.control.fleet.get("a")?.state, "gone");
    } finally {
      client.close();
      await server.close(100);
      await control.close();
      folder.close();
    }
  });
});
