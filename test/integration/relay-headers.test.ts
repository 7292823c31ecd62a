import assert from "node:assert/strict";
import { answerHead, ClientPeer, type Fields, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfMetadata, tfPredict } from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";

const own = new Owned();
const message = framed("a message");

/** A server of which each test decides what it says, a sidecar before it, and a caller. */
async function between(onStream: Parameters<typeof ServerPeer.start>[0], route: Omit<RouteSource, "variants"> = {}) {
  const server = own.add(await ServerPeer.start(onStream));
  const snapshot = snapshotOf({ variantHeader: false, ...route, variants: { v41: server.address } });
  const sidecar = own.add(await TestSidecar.start(snapshot));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { server, sidecar, client };
}

/** The fields that are neither HTTP/2's own nor the sidecar's. */
const metadata = (fields: Fields): Fields =>
  fields.filter(([name]) => !/^(:.*|te|content-type|grpc-timeout|x-contender-.*)$/.test(name));

/** Bytes that are no UTF-8: a lone continuation, a cut sequence, Latin-1. */
const invalid = Buffer.from("c328e282ff", "hex").toString("latin1");

const awkward: Fields = [
  ["x-one", "1"],
  ["x-many", "first"],
  ["x-between", ""],
  ["x-many", "second"],
  ["x-one", "again"],
  ["x-invalid", invalid],
  ["x-blank", " \t"],
  ["x-blank", " at both ends "],
  ["x-key-bin", "q6urAP8="],
  ["x-key-bin", "not base64!"],
  ["cookie", "a=1"],
  ["cookie", "b=2"],
  ["authorization", "Bearer secret"],
  ["user-agent", "tester/1.0"],
  ["x-long", "x".repeat(9_000)],
  ["grpc-accept-encoding", "identity,gzip"],
  ["content-length", String(message.length)],
];

describe("on its way through the sidecar", () => {
  afterEach(() => own.close());

  it("a request keeps its metadata: order, names that come twice, bytes that are no UTF-8", async () => {
    const { server, client } = await between((stream) => void stream.done().then(() => stream.refuse(0)));
    await client.unary(tfPredict, message, awkward);
    const { head, body } = await server.stream();
    assert.deepEqual(metadata(head), awkward);
    assert.deepEqual(body, message);
  });

  it("a request keeps what gRPC says of itself, and names the upstream as its authority", async () => {
    const { server, client } = await between((stream) => void stream.done().then(() => stream.refuse(0)));
    await client.unary(tfPredict, message, [
      ["content-type", "application/grpc+proto"],
      [":scheme", "https"],
      ["host", "elsewhere.test"],
    ]);
    const stream = await server.stream();
    assert.deepEqual(stream.head.slice(0, 4), [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", tfPredict],
      [":authority", server.address],
    ]);
    assert.deepEqual([stream.value("content-type"), stream.value("te")], ["application/grpc+proto", "trailers"]);
    assert.equal(stream.value("host"), undefined);
  });

  it("an answer keeps head and trailers as the server wrote them", async () => {
    const head: Fields = [...answerHead, ...awkward.slice(0, 13), ["grpc-encoding", "identity"]];
    const trailers: Fields = [
      ["grpc-status", "9"],
      ["grpc-message", "bad %zz escape and \xc3\x28"],
      ["grpc-status-details-bin", "CAMSBXdyb25n"],
      ...awkward.slice(0, 8),
    ];
    const { client } = await between((stream) => {
      stream.headers(head);
      stream.data(message);
      stream.end(trailers);
    });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual(answer.head, head);
    assert.deepEqual(answer.trailers, trailers);
    assert.deepEqual(answer.body, message);
  });

  for (const flag of [0, 255]) {
    it(`messages with the flag ${flag} pass unread, as do messages without a byte`, async () => {
      const sent = Buffer.concat([framed("bytes that no inflater takes", flag), framed("", flag), framed("", 0)]);
      const { server, client } = await between((stream) => void stream.done().then(() => stream.answer(sent)), {
        score: { output: "scores" },
        key: { from: [{ metadata: "x-user-id" }] },
      });
      const answer = await client.unary(tfPredict, sent, [["grpc-encoding", "gzip"]]);
      assert.deepEqual((await server.stream()).body, sent);
      assert.deepEqual(answer.body, sent);
    });
  }

  it("a request without any message, and an answer without any, stay so", async () => {
    const { server, client } = await between((stream) => {
      stream.headers(answerHead);
      stream.end([["grpc-status", "0"]]);
    });
    const answer = await client.open(tfPredict, [], { end: true }).done();
    assert.deepEqual([answer.bytes, answer.value("grpc-status")], [0, "0"]);
    const stream = await server.stream();
    assert.deepEqual([stream.bytes, stream.headOnly], [0, true]);
  });

  it("x-contender metadata of a caller or a server is taken out, but for what the sidecar itself adds", async () => {
    const forged: Fields = [
      ["x-contender-pin", "v42"],
      ["x-contender-traffic", "shadow"],
      ["x-contender-variant", "v42"],
      ["x-contender-anything", "else"],
      ["x-containers", "stay"],
    ];
    const { server, client } = await between((stream) => {
      stream.headers([...answerHead, ...forged]);
      stream.data(message);
      stream.end([["grpc-status", "0"], ...forged]);
    });
    const answer = await client.unary(tfPredict, message, forged);
    const ours = (fields: Fields): Fields => fields.filter(([name]) => name.startsWith("x-cont"));
    assert.deepEqual(ours((await server.stream()).head), [
      ["x-containers", "stay"],
      ["x-contender-hop", "fraud"],
    ]);
    assert.deepEqual(ours(answer.head), [["x-containers", "stay"]]);
    assert.deepEqual(ours(answer.trailers ?? []), [["x-containers", "stay"]]);
  });

  for (const [path, what] of [
    ["/grpc.health.v1.Health/Check", "health"],
    ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "reflection"],
    ["/my.Own/Method", "a service that nobody knows"],
    [tfMetadata, "a question about a model"],
    ["*", "a path of no shape"],
  ] as const) {
    it(`${what} goes to the default route's champion`, async () => {
      const champion = own.add(await ServerPeer.start((stream) => stream.refuse(0)));
      const others = own.add(await ServerPeer.start((stream) => stream.refuse(13)));
      const snapshot = snapshotOf(
        { variants: { v1: others.address }, match: { models: ["other"] } },
        {
          name: "main",
          default: true,
          match: { models: ["main"] },
          variants: { v41: others.address, v42: champion.address },
          champion: "v42",
          weights: { v41: 1 },
        },
      );
      const sidecar = own.add(await TestSidecar.start(snapshot));
      const client = own.add(await ClientPeer.connect(sidecar.address));
      const answer = await client.unary(path, message);
      assert.deepEqual([answer.value("grpc-status"), answer.value("x-contender-variant")], ["0", "v42"]);
      assert.deepEqual([champion.streams.length, others.streams.length], [1, 0]);
      assert.deepEqual(sidecar.variant("v42", "main").assignments, { not_prediction: 1 });
    });
  }
});
