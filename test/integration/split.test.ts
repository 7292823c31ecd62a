import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { explain } from "../../src/router/explain.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import { valueAt } from "../support/exposition.ts";
import { answerHead, ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipInfer, oipRequest, oipStream, tfPredict, tfRequest } from "../support/predict.ts";
import { ScriptedChance } from "../support/scripted-chance.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const names = ["v41", "v42", "v43"] as const;

type Name = (typeof names)[number];

/** Three model servers, a route over them, and a caller. */
async function between(route: Omit<RouteSource, "variants">, options: SidecarOptions = {}, extra: Extra = {}) {
  const servers = {} as Record<Name, ServerPeer>;
  for (const name of names) servers[name] = own.add(await ServerPeer.answering(framed(name)));
  const variants = Object.fromEntries(names.map((name) => [name, { address: servers[name].address, ...extra[name] }]));
  const snapshot = snapshotOf({ weights: { v41: 70, v42: 20, v43: 10 }, ...route, variants });
  const sidecar = own.add(await TestSidecar.start(snapshot, options));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  /** Which variant `contender why` gives to a key. */
  const assigner = compileAssigner(snapshot.routes[0] ?? assert.fail());
  assert.ok(assigner.ok);
  const why = (key: string): string => explain(assigner.value, key).variant ?? assert.fail();
  return { servers, sidecar, client, why };
}

type Extra = Partial<Record<Name, Readonly<Record<string, unknown>>>>;

const keyed = (user: string): Fields => [["x-user-id", user]];
const variantOf = (answer: PeerStream): string => answer.value("x-contender-variant") ?? "";
const byUserId = { key: { from: [{ metadata: "x-user-id" }], ignore: ["", "anonymous"] } };
const byInput = { key: { from: [{ input: "user_id" }] } };
const byParameter = { key: { from: [{ parameter: "user_id" }] } };

/** A key of each variant, as the router has it. */
function keysOf(why: (key: string) => string): Record<Name, string> {
  const found = {} as Record<Name, string>;
  for (let i = 0; Object.keys(found).length < names.length; i++) found[why(`user-${i}`) as Name] ??= `user-${i}`;
  return found;
}

describe("the split by a key in metadata", () => {
  afterEach(() => own.close());

  it("gives every user one variant, the one that `contender why` tells, and each variant its share of users", async () => {
    const { servers, sidecar, client, why } = await between(byUserId);
    const users = Array.from({ length: 500 }, (_, i) => `user-${i}`);
    const first = users.map((user) => client.call(tfPredict, message, keyed(user)));
    const second = users.map((user) => client.call(oipInfer, message, keyed(user)));
    const count: Record<string, number> = {};
    for (const [i, user] of users.entries()) {
      const answers = await Promise.all([first[i]?.done(), second[i]?.done()]);
      const variant = why(user);
      for (const answer of answers) {
        assert.deepEqual([answer && variantOf(answer), answer?.body.subarray(5).toString()], [variant, variant]);
      }
      count[variant] = (count[variant] ?? 0) + 1;
    }
    for (const [name, share] of [
      ["v41", 0.7],
      ["v42", 0.2],
      ["v43", 0.1],
    ] as const) {
      const got = (count[name] ?? 0) / users.length;
      assert.ok(Math.abs(got - share) < 0.03, `${name} has ${got} of the users`);
      assert.equal(servers[name].streams.length, 2 * (count[name] ?? 0));
      assert.deepEqual(sidecar.variant(name).assignments, { weight: 2 * (count[name] ?? 0) });
      assert.deepEqual(sidecar.live(name).byCode, { OK: 2 * (count[name] ?? 0) });
    }
  });

  it("draws anew for every call that has no key, or one that is none, and says so", async () => {
    const chance = new ScriptedChance(0.05, 0.75, 0.95, 0.05);
    const { sidecar, client } = await between({ ...byUserId, assignment: "md5-100" }, { chance });
    const answers = [
      await client.unary(tfPredict, message),
      await client.unary(tfPredict, message, keyed("")),
      await client.unary(tfPredict, message, keyed("anonymous")),
      await client.unary(tfPredict, message),
    ];
    // md5-100 has the challengers first, in the order of the file: v42 up to 20, v43 up to 30.
    assert.deepEqual(answers.map(variantOf), ["v42", "v41", "v41", "v42"]);
    assert.deepEqual(sidecar.variant("v42").assignments, { no_key: 2 });
    assert.deepEqual(sidecar.variant("v41").assignments, { no_key: 2 });
  });

  it("takes the first of several sources that has a key", async () => {
    const { client, why } = await between({ key: { from: [{ metadata: "x-first" }, { metadata: "x-second" }] } });
    const { v42, v43 } = keysOf(why);
    const second: Fields = [["x-second", v43]];
    assert.equal(variantOf(await client.unary(tfPredict, message, second)), "v43");
    assert.equal(variantOf(await client.unary(tfPredict, message, [...second, ["x-first", v42]])), "v42");
    assert.equal(variantOf(await client.unary(tfPredict, message, [...second, ["x-first", ""]])), "v43");
  });

  it("takes binary metadata with or without its padding for the same key", async () => {
    const { client } = await between({ key: { from: [{ metadata: "x-user-bin" }] } });
    for (let i = 0; i < 20; i++) {
      const padded = Buffer.from(`u${i}\xff`, "latin1").toString("base64");
      const bare = padded.replace(/=+$/, "");
      const answers = [padded, bare].map((value) => client.unary(tfPredict, message, [["x-user-bin", value]]));
      const [first, second] = await Promise.all(answers);
      assert.equal(variantOf(first as PeerStream), variantOf(second as PeerStream));
    }
  });

  it("goes by md5 of the key where the route says so", async () => {
    const { client } = await between({ ...byUserId, assignment: "md5-100" });
    // int(md5(key)) mod 100 by Python's hashlib: 75, 10 and 20.
    for (const [user, variant] of [
      ["user-2", "v41"],
      ["user-15", "v42"],
      ["user-1", "v43"],
    ] as const) {
      assert.equal(variantOf(await client.unary(tfPredict, message, keyed(user))), variant, user);
    }
  });

  it("keeps the variant of a stream for all its messages, and splits streams as it splits calls", async () => {
    const { servers, client, why } = await between(byUserId);
    const { v42, v43 } = keysOf(why);
    for (const [name, key] of [
      ["v42", v42],
      ["v43", v43],
    ] as const) {
      const call = client.open(oipStream, keyed(key));
      call.data(framed(oipRequest()));
      await until(() => servers[name].streams.length === 1, `the stream is at ${name}`);
      for (let i = 0; i < 5; i++) call.data(framed(oipRequest()), i === 4);
      assert.equal(variantOf(await call.done()), name);
      assert.equal(servers[name].streams[0]?.bytes, 6 * framed(oipRequest()).length);
    }
    assert.equal(servers.v41.streams.length, 0);
  });

  it("of a service that no dialect knows works by metadata as well", async () => {
    const { client, why } = await between({ ...byUserId, match: { services: ["my.Own"] } });
    const { v43 } = keysOf(why);
    assert.equal(variantOf(await client.unary("/my.Own/Anything", message, keyed(v43))), "v43");
  });
});

describe("the split by a key in the message", () => {
  afterEach(() => own.close());

  it("reads a TensorFlow Serving input tensor", async () => {
    const { client, sidecar, why } = await between(byInput);
    for (const [name, key] of Object.entries(keysOf(why))) {
      const one = framed(tfRequest({ inputs: { other: ["x"], user_id: [key] } }));
      const batch = framed(tfRequest({ inputs: { user_id: [key, key, key] } }));
      assert.equal(variantOf(await client.unary(tfPredict, one)), name);
      assert.equal(variantOf(await client.unary(tfPredict, batch)), name);
      assert.deepEqual(sidecar.variant(name).assignments, { weight: 2 });
    }
  });

  it("reads an Open Inference parameter", async () => {
    const { client, why } = await between(byParameter);
    for (const [name, user_id] of Object.entries(keysOf(why))) {
      const request = framed(oipRequest({ parameters: { other: "x", user_id } }));
      assert.equal(variantOf(await client.unary(oipInfer, request)), name);
    }
  });

  it("takes an Open Inference sequence's id for the key, whatever else is there", async () => {
    const { client, why } = await between(byUserId);
    const { v41 } = keysOf(why);
    for (let sequenceId = 1; sequenceId <= 20; sequenceId++) {
      const answer = await client.unary(oipInfer, framed(oipRequest({ sequenceId })), keyed(v41));
      assert.equal(variantOf(answer), why(`${sequenceId}`));
    }
  });

  it("gives a batch of several users to the champion, outside the gates", async () => {
    const { client, sidecar, why } = await between(byInput);
    const { v42, v43 } = keysOf(why);
    const answer = await client.unary(tfPredict, framed(tfRequest({ inputs: { user_id: [v42, v43] } })));
    assert.equal(variantOf(answer), "v41");
    assert.deepEqual(sidecar.variant("v41").assignments, { multi_key: 1 });
  });

  it("draws where the message has no key", async () => {
    const { client, sidecar } = await between(
      { ...byInput, assignment: "md5-100" },
      { chance: new ScriptedChance(0.25) },
    );
    assert.equal(variantOf(await client.unary(tfPredict, message)), "v43");
    assert.deepEqual(sidecar.variant("v43").assignments, { no_key: 1 });
  });

  for (const [reason, body, fields, what] of [
    ["malformed", framed(Buffer.from("0aff", "hex")), [], "is no message of its protocol"],
    ["malformed", framed("x".repeat(90)).subarray(0, 50), [], "is cut off"],
    ["compressed", framed(gzipSync(tfRequest()), 1), [["grpc-encoding", "gzip"]], "is compressed"],
    ["peek_limit", framed(tfRequest({ inputs: { a: ["x".repeat(200_000)] } })), [], "is longer than may be held"],
    ["peek_limit", Buffer.from("00ffffffff".padEnd(200_010, "0"), "hex"), [], "promises four gigabytes"],
  ] as const) {
    it(`gives a message that ${what} to the champion as ${reason}, unchanged`, async () => {
      const { client, sidecar, servers } = await between({ ...byInput, peekBytes: 65_536 });
      const answer = await client.unary(tfPredict, body, fields);
      assert.equal(variantOf(answer), "v41");
      assert.deepEqual(servers.v41.streams[0]?.body, body);
      assert.deepEqual(sidecar.variant("v41").assignments, { [reason]: 1 });
    });
  }

  it("is not waited for where the metadata has a key first", async () => {
    const { servers, client, why } = await between({
      key: { from: [{ metadata: "x-user-id" }, { input: "user_id" }] },
    });
    const { v42, v43 } = keysOf(why);
    const call = client.open(tfPredict, keyed(v42));
    await until(() => servers.v42.streams.length === 1, "the call is upstream before its message");
    call.data(framed(tfRequest({ inputs: { user_id: [v43] } })), true);
    assert.equal(variantOf(await call.done()), "v42");
    const without = await client.unary(tfPredict, framed(tfRequest({ inputs: { user_id: [v43] } })));
    assert.equal(variantOf(without), "v43");
  });
});

describe("a call's route", () => {
  afterEach(() => own.close());

  it("goes by the model in its message; a model that no route names goes to the default's champion", async () => {
    const server = own.add(await ServerPeer.answering(framed("ok")));
    const { address } = server;
    const route = (name: string, model: string, more = {}): RouteSource => ({
      name,
      match: { models: [model] },
      variants: { [`${name}-1`]: address },
      ...more,
    });
    const snapshot = snapshotOf(route("fraud", "fraud", { default: true }), route("churn", "churn"));
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const ask = async (path: string, request: Uint8Array) => variantOf(await client.unary(path, framed(request)));
    assert.equal(await ask(tfPredict, tfRequest({ model: "churn" })), "churn-1");
    assert.equal(await ask(oipInfer, oipRequest({ model: "churn" })), "churn-1");
    assert.equal(await ask(tfPredict, tfRequest({ model: "fraud" })), "fraud-1");
    assert.equal(await ask(oipInfer, oipRequest({ model: "other" })), "fraud-1");
    assert.deepEqual(sidecar.variant("churn-1", "churn").assignments, { no_key: 2 });
    assert.deepEqual(sidecar.variant("fraud-1").assignments, { no_key: 1, no_model: 1 });
  });

  it("sets a variant's own authority and metadata, in place of what the caller sent", async () => {
    const { servers, client, why } = await between(
      byUserId,
      {},
      {
        v42: { authority: "fraud-v42.ml", metadata: { "X-Api-Key": "k42", "x-extra": "1" } },
      },
    );
    const { v41, v42 } = keysOf(why);
    const fields = (user: string): Fields => [...keyed(user), ["x-api-key", "callers"], ["x-api-key", "again"]];
    await client.unary(tfPredict, message, fields(v42));
    await client.unary(tfPredict, message, fields(v41));
    const [of42, of41] = [servers.v42.streams[0], servers.v41.streams[0]];
    assert.deepEqual([of42?.value(":authority"), of42?.values("x-api-key")], ["fraud-v42.ml", ["k42"]]);
    assert.equal(of42?.value("x-extra"), "1");
    assert.deepEqual(
      [of41?.value(":authority"), of41?.values("x-api-key")],
      [servers.v41.address, ["callers", "again"]],
    );
  });

  it("says who answered, on an answer of a status alone too, and not where it is told not to", async () => {
    for (const variantHeader of [true, false]) {
      const server = own.add(await ServerPeer.start((stream) => stream.refuse(5)));
      const snapshot = snapshotOf({ variantHeader, variants: { v41: server.address } });
      const sidecar = own.add(await TestSidecar.start(snapshot));
      const client = own.add(await ClientPeer.connect(sidecar.address));
      const answer = await client.unary(tfPredict, message);
      assert.deepEqual(answer.values("x-contender-variant"), variantHeader ? ["v41"] : []);
      assert.equal(answer.head.length, answerHead.length + 2 + (variantHeader ? 1 : 0));
    }
  });
});

describe("a pin", () => {
  afterEach(() => own.close());

  const pin = (variant: string): Fields => [["x-contender-pin", variant]];

  it("chooses the variant where the route allows it, outside the gates", async () => {
    const { servers, sidecar, client } = await between({ ...byUserId, pin: true });
    for (const name of names) {
      assert.equal(variantOf(await client.unary(tfPredict, message, [...keyed("user-1"), ...pin(name)])), name);
      assert.deepEqual(sidecar.variant(name).assignments, { pinned: 1 });
      assert.equal(servers[name].streams[0]?.value("x-contender-pin"), undefined);
    }
  });

  it("on a variant that is not there is INVALID_ARGUMENT and names those that are", async () => {
    const { sidecar, client } = await between({ pin: true });
    const answer = await client.unary(tfPredict, message, pin("v99"));
    assert.equal(answer.value("grpc-status"), "3");
    assert.match(answer.value("grpc-message") ?? "", /^contender: x-contender-pin: want one of v41, v42, v43/);
    assert.deepEqual(sidecar.localReplies, { bad_request: 1 });
    assert.ok(names.every((name) => sidecar.live(name).requests === 0));
    assert.equal(valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind: "headers" }), 0);
  });

  it("is ignored and taken out where the route does not allow it", async () => {
    const { servers, sidecar, client, why } = await between(byUserId);
    const { v42 } = keysOf(why);
    assert.equal(variantOf(await client.unary(tfPredict, message, [...keyed(v42), ...pin("v43")])), "v42");
    assert.equal(variantOf(await client.unary(tfPredict, message, [...keyed(v42), ...pin("v99")])), "v42");
    assert.equal(servers.v42.streams[0]?.value("x-contender-pin"), undefined);
    assert.deepEqual(sidecar.variant("v42").assignments, { weight: 2 });
  });
});
