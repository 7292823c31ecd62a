/**
 * Where faults are made: a sidecar between a caller and a champion, and two calls that have nothing to do with it. After
 * every fault those two have to end well, and the sidecar to have counted what it answered itself.
 */
import assert from "node:assert/strict";
import { answerHead, ClientPeer, type PeerCall, type PeerOptions, type PeerStream, ServerPeer } from "./h2-peer.ts";
import type { Owned } from "./owned.ts";
import { framed } from "./predict.ts";
import type { RouteSource } from "./sidecar.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "./sidecar.ts";
import { until } from "./until.ts";

export interface FaultSetUp extends SidecarOptions {
  /** What the champion does with a call; by default the test says. */
  readonly onStream?: (stream: PeerStream) => void;
  readonly server?: PeerOptions;
  readonly route?: Omit<RouteSource, "variants">;
  /** More variants than the champion, v41. */
  readonly variants?: RouteSource["variants"];
  /** Fields of the champion besides its address. */
  readonly champion?: Readonly<Record<string, unknown>>;
  /** The caller that makes the fault. */
  readonly client?: PeerOptions;
}

const parts = [framed("before the fault"), framed("after the fault")] as const;

/** A call that is in the middle of its answer while the fault happens. */
class Bystander {
  readonly #call: PeerCall;
  readonly #stream: PeerStream;

  private constructor(call: PeerCall, stream: PeerStream) {
    this.#call = call;
    this.#stream = stream;
  }

  static async open(client: ClientPeer, server: ServerPeer, path: string): Promise<Bystander> {
    const call = client.open(path);
    call.data(parts[0]);
    await until(() => server.streams.some((stream) => stream.value(":path") === path), "the bystander is there");
    const stream = server.streams.find((each) => each.value(":path") === path) ?? assert.fail();
    stream.headers(answerHead);
    stream.data(parts[0]);
    await until(() => call.answer?.bytes === parts[0].length, "the bystander has half of its answer");
    return new Bystander(call, stream);
  }

  async endsWell(): Promise<void> {
    this.#call.data(parts[1], true);
    assert.deepEqual((await this.#stream.done()).body, Buffer.concat(parts));
    this.#stream.data(parts[1]);
    this.#stream.end([["grpc-status", "0"]]);
    const answer = await this.#call.done();
    assert.deepEqual([answer.body, answer.value("grpc-status")], [Buffer.concat(parts), "0"]);
  }
}

const sibling = "/test.Sibling/Talk";
const stranger = "/test.Stranger/Talk";

export class FaultWorld {
  readonly sidecar: TestSidecar;
  readonly champion: ServerPeer;
  readonly client: ClientPeer;
  /** On the connections of the fault, towards caller and champion. */
  readonly #sibling: Bystander;
  /** On other connections, both ways. */
  readonly #stranger: Bystander;

  private constructor(
    sidecar: TestSidecar,
    champion: ServerPeer,
    client: ClientPeer,
    siblings: readonly [Bystander, Bystander],
  ) {
    this.sidecar = sidecar;
    this.champion = champion;
    this.client = client;
    [this.#sibling, this.#stranger] = siblings;
  }

  static async start(own: Owned, given: FaultSetUp = {}): Promise<FaultWorld> {
    const { onStream = () => undefined, server = {}, route = {}, variants = {}, champion: spec = {}, ...rest } = given;
    const { client: peer = {}, ...options } = rest;
    const own41 = (stream: PeerStream): void => {
      if (stream.value(":path") !== sibling) onStream(stream);
    };
    const champion = own.add(await ServerPeer.start(own41, server));
    const other = own.add(await ServerPeer.start());
    const snapshot = snapshotOf(
      { default: true, ...route, variants: { v41: { address: champion.address, ...spec }, ...variants } },
      { name: "others", match: { services: ["test.Stranger"] }, variants: { v1: other.address } },
    );
    const sidecar = own.add(await TestSidecar.listen(snapshot, options));
    const { routes } = sidecar.sidecar.generation ?? assert.fail();
    await until(() => routes.every((each) => each.champion.pool.ready), "the champions are connected");
    const client = own.add(await ClientPeer.connect(sidecar.address, peer));
    const apart = own.add(await ClientPeer.connect(sidecar.address));
    const siblings = [
      await Bystander.open(client, champion, sibling),
      await Bystander.open(apart, other, stranger),
    ] as const;
    return new FaultWorld(sidecar, champion, client, siblings);
  }

  /** Streams at the champion without the bystander's. */
  get asked(): PeerStream[] {
    return this.champion.streams.filter((stream) => stream.value(":path") !== sibling);
  }

  async stream(index = 0): Promise<PeerStream> {
    await until(() => this.asked.length > index, `call ${index} is at the champion`);
    return this.asked[index] as PeerStream;
  }

  /** Live calls of the champion by code, without the bystander's. */
  get byCode(): Readonly<Record<string, number>> {
    return this.sidecar.live("v41").byCode;
  }

  /** The fault has cost nobody else anything, and is counted as `replies` and as nothing else. */
  async onlyCost(replies: Readonly<Record<string, number>> = {}): Promise<void> {
    assert.deepEqual(this.sidecar.localReplies, replies);
    await this.#sibling.endsWell();
    await this.#stranger.endsWell();
  }

  /** The same where the connection that the caller's fault was made on, or the champion's, had to end. */
  async onlyCostItsConnection(replies: Readonly<Record<string, number>> = {}): Promise<void> {
    assert.deepEqual(this.sidecar.localReplies, replies);
    await this.#stranger.endsWell();
    const { client } = await this.#again();
    client.close();
  }

  async #again(): Promise<{ client: ClientPeer }> {
    return { client: await ClientPeer.connect(this.sidecar.address) };
  }
}

export const statusOf = (answer: PeerStream): number => Number(answer.value("grpc-status") ?? Number.NaN);
export const textOf = (answer: PeerStream): string => answer.value("grpc-message") ?? "";
