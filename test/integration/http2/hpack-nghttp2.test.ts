/**
 * HPACK against nghttp2, by way of node:http2: its client's header blocks are decoded here, and the answers that it
 * decodes were encoded here. Only as much of HTTP/2 is spoken as it takes for that.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../../src/http2/hpack/encoder.ts";
import { decode, encode, type Pair } from "../../support/hpack.ts";

const frameType = { headers: 1, settings: 4 } as const;
const flag = { ack: 1, endStream: 1, endHeaders: 4, priority: 0x20 } as const;
const prefaceLength = 24;
const headLength = 9;
const headerTableSize = 1;

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headLength);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

function settingsOf(tableSize: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(headerTableSize, 0);
  payload.writeUInt32BE(tableSize, 2);
  return frame(frameType.settings, 0, 0, payload);
}

/** Answers each request with `:status` and its own regular fields. Our table is `tableSize` bytes. */
function answer(socket: net.Socket, tableSize: number, requests: Pair[][]): void {
  const decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 65_536 });
  const encoder = new HpackEncoder();
  let pending: Buffer = Buffer.alloc(0);
  let skip = prefaceLength;
  socket.write(settingsOf(tableSize));

  const onFrame = (type: number, flags: number, streamId: number, payload: Buffer): void => {
    if (type === frameType.settings && (flags & flag.ack) !== 0) {
      decoder.setMaxTableSize(tableSize);
    } else if (type === frameType.settings) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === headerTableSize) encoder.setPeerMaxTableSize(payload.readUInt32BE(at + 2));
      }
      socket.write(frame(frameType.settings, flag.ack, 0, Buffer.alloc(0)));
    } else if (type === frameType.headers) {
      const { error, fields } = decode(decoder, payload.subarray((flags & flag.priority) !== 0 ? 5 : 0));
      requests.push(error === "none" ? fields : [["error", error]]);
      const regular = fields.filter(([name]) => !name.startsWith(":"));
      const block = encode(encoder, [[":status", "200"], ...regular]);
      socket.write(frame(frameType.headers, flag.endHeaders | flag.endStream, streamId, block));
    }
  };

  socket.on("data", (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    if (pending.length < skip) return;
    pending = pending.subarray(skip);
    skip = 0;
    while (pending.length >= headLength && pending.length >= headLength + pending.readUIntBE(0, 3)) {
      const end = headLength + pending.readUIntBE(0, 3);
      onFrame(pending.readUInt8(3), pending.readUInt8(4), pending.readUInt32BE(5), pending.subarray(headLength, end));
      pending = pending.subarray(end);
    }
  });
}

async function respond(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
): Promise<[string, string][]> {
  const stream = session.request(headers, { endStream: true });
  stream.resume();
  const [, , raw] = (await once(stream, "response")) as [unknown, unknown, string[]];
  await once(stream, "close");
  return raw.flatMap((name, i) => (i % 2 === 0 && name !== ":status" ? [[name, String(raw[i + 1])]] : []));
}

/** What the client asks for, and what nghttp2 does of its own accord. */
const never = ["x-secret", "authorization"];

describe("HPACK against nghttp2", () => {
  for (const [ours, theirs] of [
    [4096, 4096],
    [256, 100],
    [0, 0],
    [65_536, 65_536],
  ] as const) {
    it(`header blocks arrive unchanged both ways with tables of ${ours} and ${theirs} bytes`, async () => {
      const requests: Pair[][] = [];
      const server = net.createServer((socket) => answer(socket, ours, requests));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize: theirs } });
      await once(session, "remoteSettings");
      try {
        for (let n = 0; n < 30; n++) {
          const regular: [string, string][] = [
            ["content-type", "application/grpc"],
            ["user-agent", "grpc-node-js/1.14.7"],
            ["authorization", `Bearer ${"t".repeat(100 + (n % 3))}`],
            ["traceparent", `00-${String(n).padStart(32, "0")}-${String(n).padStart(16, "0")}-01`],
            ["x-user", `u${n % 4}`],
            [`x-name-${n % 9}`, `\xe9${n}`],
            ["x-secret", `s${n % 2}`],
          ];
          const pseudo: [string, string][] = [
            [":method", "POST"],
            [":scheme", "http"],
            [":path", `/package.Service/Method${n % 2}`],
            [":authority", "models:8500"],
          ];
          const headers = { ...Object.fromEntries([...pseudo, ...regular]), [http2.sensitiveHeaders]: ["x-secret"] };
          assert.deepEqual(await respond(session, headers), regular);
          const expected = [...pseudo, ...regular].map(([name, value]) =>
            never.includes(name) ? [name, value, "never"] : [name, value],
          );
          assert.deepEqual(requests.at(-1), expected);
        }
      } finally {
        session.destroy();
        server.close();
      }
      await once(server, "close");
    });
  }
});
