/** A model server that breaks every rule hurts the calls that it was given, and no others; good again, it is used again. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { ConnectionFault, StreamFault } from "../../src/base/connection-ends.ts";
import { frameType } from "../../src/http2/constants.ts";
import type { LocalReplyReason } from "../../src/model/call.ts";
import { samplesOf } from "../support/exposition.ts";
import {
  continuation,
  data,
  type Frame,
  flag,
  frame,
  goaway,
  headers,
  number32,
  ping,
  priority,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/h2-frames.ts";
import { ClientPeer } from "../support/h2-peer.ts";
import { hex, inserted } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { type Wire, WireServer } from "../support/wire.ts";

const own = new Owned();
const request = framed(tfRequest({ inputs: { text: ["victim"] } }));
const answer = framed(tfResponse([0.25]));
const badPin = [["x-contender-pin", "v42"]] as const;

const repeated = (count: number, each: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(each));

/** What the bad server does once a request's head is there. */
type Act = (wire: Wire, id: number) => void;

/** In place of a status: the answer had begun, and the caller sees for itself that it is not whole. */
const none = -1;

interface Kind {
  readonly what: string;
  /** What it says to each new connection, in place of SETTINGS. */
  readonly greeting?: (wire: Wire) => Buffer;
  readonly act: Act;
  /** gRPC status of its call, and why, where the sidecar had to say it. */
  readonly status: number;
  readonly reason?: LocalReplyReason;
  /** What its connection is ended for. */
  readonly fault?: ConnectionFault;
  /** What its stream is reset for, on a connection that goes on. */
  readonly streamFault?: StreamFault;
}

const says =
  (make: (wire: Wire, id: number) => Buffer): Act =>
  (wire, id) =>
    void wire.send(make(wire, id));

const floods: readonly (readonly [what: string, each: (id: number) => Buffer, fault: ConnectionFault])[] = [
  ["PING", () => ping(), "ping_flood"],
  ["SETTINGS", () => settings(), "settings_flood"],
  ["SETTINGS acknowledgements", () => settingsAck(), "settings_flood"],
  ["WINDOW_UPDATE", (id) => windowUpdate(id, 1), "window_update_flood"],
  ["PRIORITY", (id) => priority(id, id + 2), "priority_flood"],
  ["GOAWAY", () => goaway(0x7fff_ffff), "goaway_flood"],
  ["unknown frames", () => frame(0xbe, 0, 0), "unknown_frame_flood"],
];

const connectionEnds = { status: 13, reason: "upstream_protocol" } as const;
const streamEnds = { status: 13, reason: "upstream_protocol", streamFault: "protocol" } as const;

const kinds: readonly Kind[] = [
  ...floods.map(([what, each, fault]) => ({
    what: `floods us with ${what}`,
    act: says((_, id) => repeated(10_100, each(id))),
    ...connectionEnds,
    fault,
  })),
  {
    what: "floods us with resets of a stream that is gone",
    act: says((_, id) => repeated(10_100, rstStream(id, 8))),
    status: 1,
    reason: "upstream_reset",
    fault: "reset_flood",
  },
  {
    what: "floods us with empty DATA",
    act: says((wire, id) => Buffer.concat([wire.head(id), repeated(10_100, data(id, 0))])),
    ...connectionEnds,
    fault: "empty_frame_flood",
  },
  {
    what: "gives interim answers without end",
    act: says((wire, id) => repeated(1_100, headers(id, wire.block([[":status", "103"]])))),
    ...connectionEnds,
    fault: "interim_flood",
  },
  {
    what: "never ends its head",
    act: says((_, id) =>
      Buffer.concat([
        headers(id, Buffer.alloc(10), { last: false }),
        repeated(9, continuation(id, Buffer.alloc(0), false)),
      ]),
    ),
    ...connectionEnds,
    fault: "header_flood",
  },
  {
    what: "lets its connection's window overflow",
    act: says(() => windowUpdate(0, 0x7fff_ffff)),
    ...connectionEnds,
    fault: "flow_control",
  },
  {
    what: "sends a bomb of a table index that is not there",
    act: says((_, id) => headers(id, Buffer.from([0xff, 0x80, 0x80, 0x01]))),
    ...connectionEnds,
    fault: "compression",
  },
  {
    what: "answers streams that nobody opened",
    act: says((wire, id) => wire.head(id + 2)),
    ...connectionEnds,
    fault: "protocol",
  },
  {
    what: "pushes promises",
    act: says((_, id) => frame(frameType.PUSH_PROMISE, flag.END_HEADERS, id, number32(2))),
    ...connectionEnds,
    fault: "protocol",
  },
  {
    what: "sends frames of a wrong size",
    act: says(() => frame(frameType.PING, 0, 0, Buffer.alloc(7))),
    ...connectionEnds,
    fault: "frame_size",
  },
  {
    what: "sends frames larger than we take",
    act: says((_, id) => frame(frameType.DATA, 0, id, Buffer.alloc(9), 16_385)),
    ...connectionEnds,
    fault: "frame_size",
  },
  {
    what: "pads frames beyond their end",
    act: says((wire, id) =>
      Buffer.concat([wire.head(id), frame(frameType.DATA, flag.PADDED, id, Buffer.from([9, 1]))]),
    ),
    ...connectionEnds,
    fault: "protocol",
  },
  { what: "sends data before a head", act: says((_, id) => data(id, answer)), ...streamEnds },
  {
    what: "sends trailers with a status of HTTP, twice",
    act: says((w, id) => Buffer.concat([w.head(id), w.head(id)])),
    ...streamEnds,
  },
  {
    what: "sends trailers that end nothing",
    act: says((w, id) => Buffer.concat([w.head(id), headers(id, w.block([["grpc-status", "0"]]))])),
    ...streamEnds,
  },
  {
    what: "sends trailers without a head",
    act: says((w, id) => headers(id, w.block([["grpc-status", "0"]]), { end: true })),
    ...streamEnds,
  },
  {
    what: "sends more than its content-length",
    act: says((w, id) => Buffer.concat([w.head(id, [["content-length", "3"]]), data(id, answer)])),
    ...streamEnds,
    status: none,
  },
  {
    what: "sends less than its content-length",
    act: says((w, id) => Buffer.concat([w.head(id, [["content-length", "999"]]), data(id, answer), w.trailers(id)])),
    ...streamEnds,
    status: none,
  },
  { what: "gives a stream no more window", act: says((_, id) => windowUpdate(id, 0)), ...streamEnds },
  {
    what: "gives a stream more window than there is",
    act: says((_, id) => windowUpdate(id, 0x7fff_ffff)),
    ...streamEnds,
    streamFault: "flow_control",
  },
  { what: "switches protocols", act: says((w, id) => headers(id, w.block([[":status", "101"]]))), ...streamEnds },
  {
    what: "sends a head of references to a large entry, larger than we take",
    act: says((_, id) =>
      headers(id, Buffer.concat([hex("88"), inserted("x-large", "v".repeat(3_900)), Buffer.alloc(10_000, 0xbe)])),
    ),
    ...streamEnds,
  },
  {
    what: "sends trailers larger than we take",
    act: says((w, id) =>
      Buffer.concat([
        w.head(id),
        headers(id, Buffer.concat([inserted("x-large", "v".repeat(3_900)), Buffer.alloc(10_000, 0xbe)]), {
          end: true,
        }),
      ]),
    ),
    ...streamEnds,
  },
  { what: "resets every call", act: says((_, id) => rstStream(id, 2)), status: 13, reason: "upstream_reset" },
  {
    what: "resets every call for no reason",
    act: says((_, id) => rstStream(id, 0)),
    status: 13,
    reason: "upstream_reset",
  },
  {
    what: "resets every call to be calm",
    act: says((_, id) => rstStream(id, 11)),
    status: 8,
    reason: "upstream_reset",
  },
  {
    what: "refuses every call, again and again",
    act: says((_, id) => rstStream(id, 7)),
    status: 14,
    reason: "upstream_reset",
  },
  {
    what: "goes on after a reset of its own",
    act: says((w, id) => Buffer.concat([rstStream(id, 2), w.head(id)])),
    status: 13,
    reason: "upstream_reset",
    fault: "stream_closed",
  },
  { what: "ends its half at once", act: (wire) => void wire.socket.end(), status: 14, reason: "upstream_gone" },
  {
    what: "drops its connection",
    act: (wire) => void wire.socket.resetAndDestroy(),
    status: 14,
    reason: "upstream_gone",
  },
  {
    what: "answers HTTP in HTML",
    act: says((w, id) =>
      Buffer.concat([
        headers(
          id,
          w.block([
            [":status", "503"],
            ["content-type", "text/html"],
          ]),
        ),
        data(id, 100, true),
      ]),
    ),
    status: 14,
    reason: "upstream_http_status",
  },
  {
    what: "ends an answer without a status",
    act: says((w, id) => Buffer.concat([w.head(id), data(id, answer, true)])),
    status: none,
  },
  {
    what: "pads its answer as much as it can",
    act: says((w, id) =>
      Buffer.concat([w.head(id), ...[...answer].map((byte) => data(id, Buffer.of(byte), false, 255)), w.trailers(id)]),
    ),
    status: 0,
  },
  {
    what: "answers in frames of a byte",
    act: says((w, id) =>
      Buffer.concat([w.head(id), ...[...answer].map((byte) => data(id, Buffer.of(byte))), w.trailers(id)]),
    ),
    status: 0,
  },
  {
    what: "shrinks its windows below nothing, and grows them again",
    act: (wire, id) => {
      wire.send(settings({ INITIAL_WINDOW_SIZE: 0 }), settings({ INITIAL_WINDOW_SIZE: 1 }));
      wire.send(settings({ INITIAL_WINDOW_SIZE: 65_535 }), wire.answer(id, answer));
    },
    status: 0,
  },
  { what: "answers before the request is here", act: says((w, id) => w.answer(id, answer)), status: 0 },
  {
    what: "answers with a bomb for whoever unpacks it",
    act: says((w, id) =>
      Buffer.concat([
        w.head(id, [["grpc-encoding", "gzip"]]),
        data(id, framed(gzipSync(Buffer.alloc(4_000_000)), 1)),
        w.trailers(id),
      ]),
    ),
    status: 0,
  },
  {
    what: "says of its message that it has 4 GiB",
    act: says((w, id) =>
      Buffer.concat([w.head(id), data(id, Buffer.from([0, 255, 255, 255, 255, 1])), w.trailers(id)]),
    ),
    status: 0,
  },
];

/** Acts once for each request; afterwards, `good` makes it a model server like others. */
async function badServer(kind: Kind): Promise<{ server: WireServer; mend: () => void }> {
  let good = false;
  const server = own.add(
    await WireServer.start((wire) => {
      wire.send(good || kind.greeting === undefined ? settings() : kind.greeting(wire));
      wire.onFrame = ({ type, flags, id }: Frame) => {
        if (type === frameType.SETTINGS && (flags & flag.ACK) === 0) wire.send(settingsAck());
        if (type !== frameType.HEADERS) return;
        if (good) wire.send(wire.answer(id, answer));
        else kind.act(wire, id);
      };
    }),
  );
  return {
    server,
    mend: () => {
      good = true;
    },
  };
}

async function set(kind: Kind) {
  const { server, mend } = await badServer(kind);
  const scene = await Scene.open(own, {
    variants: { v42: server.address },
    route: { weights: { v41: 100, v42: 0 }, pin: true, score: { output: "scores", index: 1 } },
    limits: { transport: { backoffJitter: 0 } },
  });
  await scene.sidecar.connected();
  const victim = own.add(await ClientPeer.connect(scene.address));
  return { scene, victim, mend, server };
}

describe("a model server that", () => {
  afterEach(() => own.close());

  for (const kind of kinds) {
    const { what, status, reason, fault, streamFault } = kind;
    it(`${what}: its call ends with ${status}, others' go on, and it is used again`, async () => {
      const { scene, victim, mend } = await set(kind);
      const replies = reason === undefined ? {} : { [reason]: 1 };
      await scene.attack({ fault, side: "upstream", replies }, async () => {
        const call = victim.call(tfPredict, request, badPin);
        await until(() => call.answer?.ended === true || call.reset !== undefined, `the call is over: ${what}`);
        assert.equal(Number(call.answer?.value("grpc-status") ?? none), status);
      });
      const blamed = samplesOf(await scene.sidecar.exposed(), "contender_stream_faults_total");
      assert.deepEqual(
        blamed.map(({ labels }) => labels),
        streamFault === undefined ? [] : [{ side: "upstream", fault: streamFault }],
      );
      mend();
      // A second chance comes after a pause, which a clock that stands still has to be helped over.
      for (let tries = 0; ; tries++) {
        scene.clock.advance(200);
        const again = await victim.unary(tfPredict, request, badPin);
        if (again.value("grpc-status") === "0" && again.body.equals(answer)) break;
        assert.ok(tries < 100, `still ${again.value("grpc-message")}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await scene.leave(victim);
    });
  }
});

describe("a model server that never becomes one", () => {
  afterEach(() => own.close());

  for (const [what, greeting] of [
    ["speaks HTTP/1", () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(50))],
    ["sends noise", () => createHash("sha512").update("noise").digest()],
    ["says nothing", () => Buffer.alloc(0)],
    ["says GOAWAY to whoever comes", () => Buffer.concat([settings(), goaway(0)])],
    ["allows no streams", () => settings({ MAX_CONCURRENT_STREAMS: 0 })],
  ] as const) {
    it(`because it ${what}: its calls end, it is not asked without a pause, and others' calls go on`, async () => {
      const kind: Kind = { what, act: () => undefined, greeting, status: 14 };
      const { server, mend } = await badServer(kind);
      const scene = await Scene.open(own, {
        variants: { v42: server.address },
        route: { weights: { v41: 100, v42: 0 }, pin: true },
        limits: { transport: { backoffJitter: 0 } },
      });
      const victim = own.add(await ClientPeer.connect(scene.address));
      await scene.bystander.calls(3);
      const call = victim.call(tfPredict, request, badPin);
      // Ten seconds of its badness, in steps that let sockets speak.
      for (let step = 0; step < 100; step++) {
        scene.clock.advance(100);
        await new Promise(setImmediate);
        await new Promise(setImmediate);
      }
      await until(() => call.answer?.ended === true, "the call is over");
      assert.equal(call.answer?.value("grpc-status"), "14");
      assert.ok(server.wires.length <= 20, `${server.wires.length} connections in ten seconds`);
      await scene.bystander.calls(3);
      mend();
      for (const wire of server.wires) wire.close();
      for (let tries = 0; ; tries++) {
        scene.clock.advance(1_000);
        const again = await victim.unary(tfPredict, request, badPin);
        if (again.value("grpc-status") === "0") break;
        assert.ok(tries < 200, `still ${again.value("grpc-message")}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await scene.leave(victim);
    });
  }
});
