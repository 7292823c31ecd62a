/**
 * A sidecar that is attacked: an honest model behind it, somebody else's calls through it before, during and after, and
 * what has to hold whatever the attack: their answers and their latency, one count for it, and nothing that is left.
 */
import assert from "node:assert/strict";
import type { ConnectionFault } from "../../src/base/connection-ends.ts";
import type { LocalReplyReason } from "../../src/model/call.ts";
import { Bystander, honest, type Took } from "./bystander.ts";
import { samplesOf } from "./exposition.ts";
import { type Fields, type PeerOptions, ServerPeer } from "./h2-peer.ts";
import { ManualClock } from "./manual-clock.ts";
import type { Owned } from "./owned.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "./sidecar.ts";
import { until } from "./until.ts";
import { Wire } from "./wire.ts";

/**
 * Processor time that one of somebody else's calls may take while an attack is under way: several turns full of frames, in
 * a process that is the attacker and the model as well, and has run thousands of tests before.
 */
const attackedCpuMs = 1_500;
/** The same on the wall: a machine under test has other things to do. */
const attackedMs = 6_000;

export interface SceneOptions extends SidecarOptions {
  readonly route?: Omit<RouteSource, "variants">;
  /** Variants besides the honest champion, by name. */
  readonly variants?: RouteSource["variants"];
  readonly model?: PeerOptions;
  /** What somebody else's calls say besides the usual. */
  readonly fields?: Fields;
}

/** What an attack comes to, besides calls that nobody else made. */
export interface Outcome {
  /** What its connection was ended for, and by which side's doing; none where the harm stays in its streams. */
  readonly fault?: ConnectionFault | undefined;
  readonly side?: "downstream" | "upstream";
  /** Connections that were ended so. Default 1. */
  readonly times?: number;
  /** Calls that the sidecar answered itself. */
  readonly replies?: Partial<Record<LocalReplyReason, number>>;
}

export class Scene {
  readonly sidecar: TestSidecar;
  readonly model: ServerPeer;
  /** Stands still, so that no time pays for anything, unless the scene has another. */
  readonly clock: ManualClock;
  readonly bystander: Bystander;
  readonly #own: Owned;

  private constructor(own: Owned, sidecar: TestSidecar, model: ServerPeer, clock: ManualClock, bystander: Bystander) {
    this.#own = own;
    this.sidecar = sidecar;
    this.model = model;
    this.clock = clock;
    this.bystander = bystander;
  }

  static async open(own: Owned, options: SceneOptions = {}): Promise<Scene> {
    const { route = {}, variants = {}, model: peer, fields, ...rest } = options;
    const clock = new ManualClock();
    const model = own.add(await ServerPeer.start(honest, peer));
    const forget = setInterval(() => {
      // A peer's list of all it has seen would be the largest thing in memory.
      for (const { streams } of model.peers) streams.length = 0;
    }, 5);
    own.add({ close: () => clearInterval(forget) });
    const snapshot = snapshotOf({ ...route, champion: "v41", variants: { v41: model.address, ...variants } });
    const sidecar = own.add(await TestSidecar.listen(snapshot, { clock, ...rest }));
    await until(
      () => sidecar.sidecar.generation?.routes[0]?.champion.pool.ready === true,
      "the honest model is connected",
    );
    const bystander = own.add(await Bystander.connect(sidecar.address, fields));
    return new Scene(own, sidecar, model, clock, bystander);
  }

  get address(): string {
    return this.sidecar.address;
  }

  /** An attacker's connection whose greetings are over. */
  async attacker(): Promise<Wire> {
    return this.#own.add(await Wire.greet(this.address));
  }

  /** Lets `act` happen between and beside somebody else's calls, and sees to it that it came to `outcome` and no more. */
  async attack(outcome: Outcome, act: () => Promise<void>): Promise<Took> {
    const before = await this.#counts();
    await this.bystander.calls(3);
    this.bystander.start();
    await act();
    const took = await this.bystander.stop();
    assert.ok(took.calls > 0, "somebody else's calls went on");
    assert.ok(took.worstCpuMs < attackedCpuMs, `somebody else's call took ${took.worstCpuMs} ms of the processor`);
    assert.ok(took.worstMs < attackedMs, `somebody else's call took ${took.worstMs} ms`);
    await this.bystander.calls(3);
    const { fault, side = "downstream", times = 1, replies = {} } = outcome;
    const faults = fault === undefined ? {} : { [`${side} ${fault}`]: times };
    const after = await this.#counts();
    assert.deepEqual(less(after.faults, before.faults), faults, "faults");
    assert.deepEqual(less(after.replies, before.replies), replies, "local replies");
    return took;
  }

  async #counts(): Promise<{ faults: Record<string, number>; replies: Record<string, number> }> {
    const faults = samplesOf(await this.sidecar.exposed(), "contender_connection_faults_total");
    return {
      faults: Object.fromEntries(faults.map(({ labels, value }) => [`${labels.side} ${labels.fault}`, value])),
      replies: { ...this.sidecar.localReplies },
    };
  }

  /** A gauge now. */
  async gauge(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const samples = samplesOf(await this.sidecar.exposed(), name, labels);
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  /** Bytes that are held for anybody. Memory that sockets are read into is used again, and not given back. */
  async buffered(): Promise<number> {
    const samples = samplesOf(await this.sidecar.exposed(), "contender_buffered_bytes");
    return samples.filter(({ labels }) => labels.kind !== "read_memory").reduce((sum, { value }) => sum + value, 0);
  }

  /** Everybody leaves, and nothing is left of them: no connection, no stream, no byte, nobody who waits. */
  async leave(...attackers: readonly { close(): void }[]): Promise<void> {
    for (const each of attackers) each.close();
    this.bystander.close();
    const gauges = [
      ["contender_connections_active", { side: "downstream" }],
      ["contender_streams_active", {}],
      ["contender_queue_calls", {}],
    ] as const;
    for (let tries = 0; ; tries++) {
      const left: string[] = [];
      for (const [name, labels] of gauges) {
        const value = await this.gauge(name, labels);
        if (value !== 0) left.push(`${name} ${value}`);
      }
      const bytes = await this.buffered();
      if (bytes !== 0) left.push(`${bytes} bytes`);
      if (left.length === 0) return;
      assert.ok(tries < 500, `left: ${left.join(", ")}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function less(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  const changes = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, count]) => count !== 0));
}
