/** Flow control of what we send: windows, frames, turns, and what the socket has not taken. */
import assert from "node:assert/strict";
import { frameType } from "../../../src/http2/constants.ts";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";
import { rstStream, type Settings, settings, windowUpdate } from "../../support/h2-frames.ts";
import { pattern } from "../../support/h2-pair.ts";
import { type RawOptions, RawPeer, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { heldMemory } from "../../support/held-memory.ts";
import { blockOf } from "../../support/hpack.ts";

const wide: Settings = { INITIAL_WINDOW_SIZE: 1 << 30 };

/** Streams 1, 3, 5 are open, their requests complete. */
function withStreams(peerSettings: Settings = {}, options: RawOptions = {}): RawPeer {
  const peer = RawPeer.ready("server", options, peerSettings);
  for (const id of [1, 3, 5]) peer.request(id, { end: true });
  peer.heard();
  return peer;
}

function send(peer: RawPeer, id: number, bytes: Buffer | number, end = false): number {
  const buf = typeof bytes === "number" ? pattern(bytes, id) : bytes;
  return peer.stream(id).sendData(buf, 0, buf.length, end);
}

describe("data to send", () => {
  it("keeps nothing of streams that are gone, though the connection's window never opens again", () => {
    const peer = RawPeer.ready("server", {}, wide);
    peer.request(1);
    send(peer, 1, 65_535);
    const before = heldMemory();
    for (let id = 3; id < 3 + 2 * 500; id += 2) {
      peer.request(id);
      peer.stream(id).owner = Buffer.alloc(20_000);
      send(peer, id, 10);
      peer.send(rstStream(id, 8));
    }
    peer.recorder.streams.clear();
    peer.heard();
    peer.said();
    assert.ok(heldMemory() - before < 1_000_000, `${heldMemory() - before} bytes held`);
    assert.equal(peer.connection.dead, false);
  });

  it("loses its turn with its stream, first, last or in between, and the others keep theirs", () => {
    for (const gone of [1, 3, 5]) {
      const peer = withStreams(wide);
      peer.request(7, { end: true });
      send(peer, 7, 65_535);
      peer.said();
      for (const id of [1, 3, 5]) send(peer, id, 10);
      peer.send(rstStream(gone, 8));
      send(peer, 7, 10);
      peer.send(windowUpdate(0, 1_000));
      const left = [1, 3, 5, 7].filter((id) => id !== gone);
      assert.deepEqual(
        peer.said(),
        left.map((id) => `DATA ${id} 10 bytes`),
      );
    }
  });

  it("goes out at once where the windows allow it", () => {
    const peer = withStreams();
    assert.equal(send(peer, 1, 100), 100);
    assert.deepEqual(peer.said(), ["DATA 1 100 bytes"]);
    assert.equal(peer.budget.held, 0);
  });

  it("is a range of its buffer, also where only a part of that can go out", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 4 });
    const bytes = Buffer.from("abcdefgh");
    assert.equal(peer.stream(1).sendData(bytes, 2, 5, false), 3);
    assert.equal(peer.stream(1).sendData(bytes, 5, 8, false), 1);
    peer.send(windowUpdate(1, 100));
    assert.equal(RawPeer.bytesOf(peer.frames(), 1).toString(), "cdefgh");
    peer.stream(1).reset(8);
    assert.equal(peer.stream(1).sendData(bytes, 5, 8, false), 3);
  });

  it("that fills the window to its last byte takes the end along", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 10 });
    assert.equal(send(peer, 1, 10, true), 10);
    assert.deepEqual(peer.said(), ["DATA 1 10 bytes END_STREAM"]);
  });

  it("in any number of pieces, copied or passed on, goes on where one piece of memory ends", () => {
    const peer = withStreams(wide, { sliceBytes: 2_048, outputHighWaterBytes: 1 << 30 });
    peer.send(windowUpdate(0, 1 << 30));
    const sent: Buffer[] = [];
    for (let i = 0; i < 9_000; i++) {
      const bytes = pattern(i < 1_000 ? 2_048 : 20, i);
      sent.push(bytes);
      peer.stream(1).sendData(bytes, 0, bytes.length, false);
    }
    assert.ok(RawPeer.bytesOf(peer.frames(), 1).equals(Buffer.concat(sent)));
  });

  it("lent by a read is held for a socket that takes all, and copied for one that has not taken all before", () => {
    const peer = withStreams(wide);
    const memory = ReadMemory.take();
    pattern(16_000).copy(memory.bytes);
    const sent: Buffer[] = [];
    for (const { backlog, free } of [
      { backlog: 1, free: true },
      { backlog: 0, free: false },
    ]) {
      peer.connection.sender.socketBacklog = backlog;
      lent.begin(memory);
      peer.stream(1).sendData(memory.bytes, 0, 16_000, false);
      lent.end();
      assert.equal(memory.free, free);
      sent.push(pattern(16_000));
    }
    assert.ok(RawPeer.bytesOf(peer.frames(), 1).equals(Buffer.concat(sent)));
    peer.connection.output.rewind();
    assert.equal(memory.free, true);
    memory.leave();
  });

  it("has heads beside it, however many", () => {
    const peer = RawPeer.ready("server");
    const sent = Array.from({ length: 900 }, (_, i) => [
      ...responseFields,
      ["x-call", `${"y".repeat(100)}${i}`] as const,
    ]);
    for (const [i, fields] of sent.entries()) {
      peer.request(1 + 2 * i, { end: true });
      peer.stream(1 + 2 * i).sendHeaders(blockOf(fields), true);
    }
    assert.deepEqual(peer.lists(peer.frames()), sent);
  });

  it("is split by the peer's frame size, END_STREAM on the last piece only", () => {
    const peer = withStreams();
    send(peer, 1, 40_000, true);
    const frames = peer.frames();
    assert.deepEqual(
      frames.map(({ flags, payload }) => [flags, payload.length]),
      [
        [0, 16_384],
        [0, 16_384],
        [1, 7_232],
      ],
    );
    assert.deepEqual(RawPeer.bytesOf(frames, 1), pattern(40_000, 1));
  });

  it("comes in larger frames where the peer takes them", () => {
    const peer = withStreams({ ...wide, MAX_FRAME_SIZE: 30_000 });
    send(peer, 1, 30_001);
    assert.deepEqual(peer.said(), ["DATA 1 30000 bytes", "DATA 1 1 bytes"]);
  });

  it("of no bytes is nothing, but for its end, which no window can hold up", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 0 });
    send(peer, 1, 0);
    assert.deepEqual(peer.said(), []);
    send(peer, 1, 0, true);
    assert.deepEqual(peer.said(), ["DATA 1 0 bytes END_STREAM"]);
    assert.equal(peer.connection.streamCount, 2);
  });

  it("after the end goes nowhere, and counts as sent", () => {
    const peer = withStreams();
    send(peer, 1, 1, true);
    peer.said();
    assert.equal(send(peer, 1, 10), 10);
    peer.stream(1).sendTrailers(blockOf(trailerFields));
    peer.stream(1).sendHeaders(blockOf(trailerFields), true);
    assert.deepEqual(peer.said(), []);
  });

  it("after an end that still waits goes nowhere either", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 0 });
    send(peer, 1, 5, true);
    assert.equal(send(peer, 1, 10, true), 10);
    peer.stream(1).sendTrailers(blockOf(trailerFields));
    peer.send(windowUpdate(1, 100));
    assert.deepEqual(peer.said(), ["DATA 1 5 bytes END_STREAM"]);
  });

  it("that is long is passed on as a slice of its own buffer", () => {
    const peer = withStreams();
    const bytes = pattern(8_192);
    peer.stream(1).sendData(bytes, 0, bytes.length, false);
    const pieces = peer.connection.output.take();
    assert.equal(pieces[1]?.buffer, bytes.buffer);
    assert.equal(pieces[1]?.length, 8_192);
  });
});

describe("a stream's window", () => {
  it("lets out as much as it has, and the rest when it grows", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 10 });
    assert.equal(send(peer, 1, 25, true), 10);
    assert.deepEqual(peer.said(), ["DATA 1 10 bytes"]);
    assert.equal(peer.budget.held, 15);
    peer.send(windowUpdate(1, 10));
    assert.deepEqual(peer.said(), ["DATA 1 10 bytes"]);
    assert.deepEqual(peer.heard(), ["sent 1 10"]);
    peer.send(windowUpdate(1, 10));
    assert.deepEqual(peer.said(), ["DATA 1 5 bytes END_STREAM"]);
    assert.deepEqual(peer.heard(), ["sent 1 5"]);
    assert.equal(peer.budget.held, 0);
  });

  it("of 0 lets out nothing but heads", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 0 });
    peer.stream(1).sendHeaders(blockOf(responseFields), false);
    assert.equal(send(peer, 1, 5), 0);
    assert.deepEqual(peer.said(), ["HEADERS 1"]);
  });

  it("grows by SETTINGS, whose acknowledgement comes first", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 0 });
    send(peer, 1, 5);
    peer.send(settings({ INITIAL_WINDOW_SIZE: 1 }));
    assert.deepEqual(peer.said(), ["SETTINGS ACK", "DATA 1 1 bytes"]);
  });

  it("shrinks below zero by SETTINGS and must grow above it again", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 100 });
    send(peer, 1, 80);
    peer.said();
    peer.send(settings({ INITIAL_WINDOW_SIZE: 30 }));
    assert.equal(peer.stream(1).sendWindow, -50);
    assert.equal(send(peer, 1, 20), 0);
    peer.send(windowUpdate(1, 50));
    assert.deepEqual(peer.said(), ["SETTINGS ACK"]);
    peer.send(windowUpdate(1, 7));
    assert.deepEqual(peer.said(), ["DATA 1 7 bytes"]);
  });

  it("of streams to come is what SETTINGS said last", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 100 });
    peer.send(settings({ INITIAL_WINDOW_SIZE: 3 })).request(7, { end: true });
    peer.said();
    send(peer, 7, 10);
    assert.deepEqual(peer.said(), ["DATA 7 3 bytes"]);
  });

  it("that is used up does not hold up the others", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 10 });
    send(peer, 1, 1_000);
    send(peer, 3, 10);
    assert.deepEqual(peer.said(), ["DATA 1 10 bytes", "DATA 3 10 bytes"]);
  });
});

describe("the connection's window", () => {
  it("binds all streams together", () => {
    const peer = withStreams(wide);
    send(peer, 1, 65_000);
    assert.equal(send(peer, 3, 1_000), 535);
    assert.equal(send(peer, 5, 1), 0);
    peer.said();
    peer.send(windowUpdate(0, 465));
    assert.deepEqual(peer.said(), ["DATA 3 465 bytes"]);
    peer.send(windowUpdate(0, 1));
    assert.deepEqual(peer.said(), ["DATA 5 1 bytes"]);
  });

  it("is shared in turns of a frame: a stream with much to say does not starve one with little", () => {
    const peer = withStreams(wide);
    send(peer, 1, 65_535);
    send(peer, 1, 100_000);
    send(peer, 3, 20_000, true);
    send(peer, 5, 10);
    peer.said();
    peer.send(windowUpdate(0, 1 << 20));
    assert.deepEqual(
      peer.frames().map(({ id }) => id),
      [1, 3, 5, 1, 3, 1, 1, 1, 1, 1],
    );
  });

  it("is given to a stream that comes later only after those that wait", () => {
    const peer = withStreams(wide);
    send(peer, 1, 65_535 + 10);
    peer.said();
    peer.connection.sender.window = 5;
    send(peer, 3, 3);
    assert.deepEqual(peer.said(), []);
    peer.send(windowUpdate(0, 100));
    assert.deepEqual(peer.said(), ["DATA 1 10 bytes", "DATA 3 3 bytes"]);
  });

  it("is not spent on a stream that was reset while it waited", () => {
    const peer = withStreams(wide);
    send(peer, 1, 65_535 + 10);
    send(peer, 3, 10);
    peer.said();
    peer.send(rstStream(1, 8), windowUpdate(0, 100));
    assert.deepEqual(peer.said(), ["DATA 3 10 bytes"]);
    assert.equal(peer.connection.sender.window, 90);
  });
});

describe("trailers", () => {
  it("go out at once after data that went out", () => {
    const peer = withStreams();
    send(peer, 1, 5);
    peer.stream(1).sendTrailers(blockOf(trailerFields));
    assert.deepEqual(peer.said(), ["DATA 1 5 bytes", "HEADERS 1 END_STREAM"]);
    assert.equal(peer.connection.streamCount, 2);
  });

  it("follow data that has to wait, unchanged however long it takes", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 3 });
    peer.stream(1).sendHeaders(blockOf(responseFields), false);
    send(peer, 1, 8);
    const block = blockOf(trailerFields);
    peer.stream(1).sendTrailers(block);
    block.clear();
    const first = peer.frames();
    assert.deepEqual(
      first.map(({ type }) => type),
      [frameType.HEADERS, frameType.DATA],
    );
    peer.send(windowUpdate(1, 4));
    assert.deepEqual(
      peer.frames().map(({ type }) => type),
      [frameType.DATA],
    );
    peer.send(windowUpdate(1, 4));
    const last = peer.frames();
    assert.deepEqual(
      last.map(({ type, flags }) => [type, flags]),
      [
        [frameType.DATA, 0],
        [frameType.HEADERS, 5],
      ],
    );
    assert.deepEqual(peer.lists([...first, ...last]), [responseFields, trailerFields]);
    assert.equal(peer.connection.streamCount, 2);
    assert.equal(peer.budget.held, 0);
  });

  it("are the last thing that a stream says, also while they wait", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 3 });
    send(peer, 1, 5);
    peer.stream(1).sendTrailers(blockOf(trailerFields));
    assert.equal(send(peer, 1, 7, true), 7);
    peer.stream(1).sendTrailers(blockOf([["x-second", "1"]]));
    peer.send(windowUpdate(1, 100));
    const frames = peer.frames();
    assert.equal(RawPeer.bytesOf(frames, 1).length, 5);
    assert.deepEqual(peer.lists(frames), [trailerFields]);
  });

  it("of several streams do not mix", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 3 });
    for (const id of [1, 3]) {
      send(peer, id, 5);
      peer.stream(id).sendTrailers(blockOf([["x-stream", String(id)]]));
    }
    peer.said();
    peer.send(windowUpdate(1, 100), windowUpdate(3, 100));
    assert.deepEqual(peer.lists(peer.frames()), [[["x-stream", "1"]], [["x-stream", "3"]]]);
  });

  it("are dropped with a stream that is reset before their turn", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 0 });
    send(peer, 1, 8);
    peer.stream(1).sendTrailers(blockOf(trailerFields));
    peer.send(rstStream(1, 8), windowUpdate(0, 100));
    assert.deepEqual(peer.said(), []);
  });
});

describe("output above its mark", () => {
  const mark = 65_536;

  it("holds stream data back in its stream until the socket has taken some", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 1 << 20 }, { outputHighWaterBytes: mark });
    peer.send(windowUpdate(0, 1 << 20));
    send(peer, 1, 60_000);
    send(peer, 1, 60_000);
    assert.equal(send(peer, 3, 10_000), 0);
    assert.equal(peer.budget.held, 10_000);
    peer.frames();
    peer.connection.sender.socketBacklog = mark;
    peer.connection.sender.pump();
    assert.deepEqual(peer.said(), [], "the socket is as full as before");
    peer.connection.sender.socketBacklog = mark - 1;
    peer.connection.sender.pump();
    assert.deepEqual(peer.said(), ["DATA 3 10000 bytes"]);
    assert.deepEqual(peer.heard(), ["sent 3 10000"]);
  });

  it("is asked to be taken at once before data is held back", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 1 << 20 }, { outputHighWaterBytes: mark });
    peer.send(windowUpdate(0, 1 << 20));
    let asked = 0;
    peer.connection.onFull = () => {
      asked++;
      peer.frames();
    };
    send(peer, 1, 70_000);
    assert.equal(asked, 0);
    assert.equal(send(peer, 3, 10_000), 10_000);
    assert.equal(asked, 1);
  });

  it("does not hold up heads, resets and acknowledgements", () => {
    const peer = withStreams({}, { outputHighWaterBytes: mark });
    peer.connection.sender.socketBacklog = mark;
    peer.stream(1).sendHeaders(blockOf(responseFields), false);
    send(peer, 1, 0, true);
    peer.stream(3).reset(8);
    peer.send(settings());
    assert.deepEqual(peer.said(), ["HEADERS 1", "DATA 1 0 bytes END_STREAM", "RST_STREAM 3 CANCEL", "SETTINGS ACK"]);
  });

  it("is left in turns, as the window is", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 1 << 20 }, { outputHighWaterBytes: mark });
    peer.send(windowUpdate(0, 1 << 20));
    peer.connection.sender.socketBacklog = mark;
    send(peer, 1, 200_000);
    send(peer, 3, 20_000);
    peer.connection.sender.socketBacklog = 0;
    peer.connection.sender.pump();
    const ids: number[] = [];
    for (let frames = peer.frames(); frames.length > 0; frames = peer.frames()) {
      ids.push(...frames.map(({ id }) => id));
      peer.connection.sender.pump();
    }
    assert.deepEqual(ids.slice(0, 5), [1, 3, 1, 3, 1]);
    assert.equal(ids.filter((id) => id === 1).length, 13);
  });
});

describe("an owner that acts within a report", () => {
  it("may send on another stream while one is being pumped", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 5 });
    peer.recorder.onEvent = (event) => {
      if (event === "sent 1 5") send(peer, 3, 3, true);
    };
    send(peer, 1, 10);
    peer.said();
    peer.send(windowUpdate(1, 100));
    assert.deepEqual(peer.said(), ["DATA 1 5 bytes", "DATA 3 3 bytes END_STREAM"]);
  });

  it("may reset the stream that is being pumped", () => {
    const peer = withStreams({ INITIAL_WINDOW_SIZE: 5 });
    peer.recorder.onEvent = (event, stream) => {
      if (event.startsWith("sent 1")) stream?.reset(8);
    };
    send(peer, 1, 50_000);
    peer.said();
    peer.send(windowUpdate(1, 20_000));
    assert.deepEqual(peer.said(), ["DATA 1 16384 bytes", "RST_STREAM 1 CANCEL"]);
    assert.equal(peer.budget.held, 0);
  });
});
