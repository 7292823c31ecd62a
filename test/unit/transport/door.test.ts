import assert from "node:assert/strict";
import { once } from "node:events";
import { Door, type RawHandle, socketOf } from "../../../src/transport/door.ts";
import { connectTo } from "../../support/h2-peer.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const own = new Owned();
const anyPort = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

async function open(address: Parameters<Door["listen"]>[0] = anyPort) {
  const handles: RawHandle[] = [];
  const door = new Door({ backlog: 8, onRefused: () => undefined }, (handle) => handles.push(handle));
  own.add(door);
  return { door, handles, address: await door.listen(address) };
}

describe("a door", () => {
  afterEach(() => own.close());

  for (const kind of ["tcp", "unix"] as const) {
    it(`gives ${kind} connections away unread: whoever makes a socket of one gets all that was said`, async () => {
      const folder = own.add(new TempFolder());
      const { address, handles } = await open(kind === "tcp" ? anyPort : { kind, path: folder.at("door.sock") });
      const caller = connectTo(address);
      own.add({ close: () => caller.destroy() });
      caller.end("hello");
      await until(() => handles.length === 1, "the connection is accepted");
      const socket = socketOf(handles[0] as RawHandle);
      own.add({ close: () => socket.destroy() });
      const said: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => said.push(chunk)).resume();
      await once(socket, "end");
      assert.equal(Buffer.concat(said).toString(), "hello");
    });
  }

  it("closed accepts no more, and leaves what it gave away alone", async () => {
    const { door, address, handles } = await open();
    const caller = connectTo(address);
    own.add({ close: () => caller.destroy() });
    await until(() => handles.length === 1, "the connection is accepted");
    door.close();
    const late = connectTo(address);
    await assert.rejects(once(late, "connect"), /ECONNREFUSED/);
    const socket = socketOf(handles[0] as RawHandle);
    own.add({ close: () => socket.destroy() });
    socket.end("still here");
    const [chunk] = (await once(caller, "data")) as [Buffer];
    assert.equal(chunk.toString(), "still here");
  });

  it("closes a connection whose handle is closed", async () => {
    const { address, handles } = await open();
    const caller = connectTo(address);
    own.add({ close: () => caller.destroy() });
    await until(() => handles.length === 1, "the connection is accepted");
    handles[0]?.close();
    await once(caller.resume(), "close");
  });
});
