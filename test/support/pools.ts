/** Pools with everything by hand: the clock, chance, and a server that answers when the test says so. */
import assert from "node:assert/strict";
import type { Address } from "../../src/base/address.ts";
import type { Chance } from "../../src/base/chance.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import type { Connection } from "../../src/http2/connection.ts";
import { type Http2Options, resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import type { Waiter } from "../../src/transport/call-queue.ts";
import { FlushLoop } from "../../src/transport/flush-loop.ts";
import { resolveTransportOptions, type TransportOptions } from "../../src/transport/options.ts";
import { Pool } from "../../src/transport/pool.ts";
import { type Resolver, systemResolver } from "../../src/transport/resolver.ts";
import { ServerPeer } from "./h2-peer.ts";
import { requestFields } from "./h2-raw.ts";
import { Recorder } from "./h2-recorder.ts";
import { blockOf } from "./hpack.ts";
import { ManualClock } from "./manual-clock.ts";
import type { Owned } from "./owned.ts";
import { constantChance } from "./scripted-chance.ts";
import { until } from "./until.ts";

/** A call that waits, and what became of that. */
export class WaitingCall implements Waiter {
  queuedAtMs = 0;
  waiting = false;
  outcome = "";
  stream: H2Stream | undefined = undefined;

  onConnection(connection: Connection): void {
    this.outcome = "open";
    this.stream = open(connection);
  }

  onNoConnection(reason: string): void {
    this.outcome = reason;
  }
}

function open(connection: Connection): H2Stream {
  const stream = connection.openStream(undefined);
  stream.sendHeaders(blockOf(requestFields), true);
  return stream;
}

export function tcp(address: string): Address {
  return { kind: "tcp", host: "127.0.0.1", port: Number(address.split(":")[1]) };
}

export interface PoolSetUp extends TransportOptions {
  readonly chance?: Chance;
  readonly http2?: Http2Options;
  readonly resolver?: Resolver;
  /** Whether `clock` moves the watches over the connections, too. */
  readonly watched?: boolean;
}

/** As the proxy's handler does it: what concerns a connection goes to its pool. */
class PoolRecorder extends Recorder {
  override onReady(connection: Connection): void {
    (connection.context as Pool).onReady(connection);
  }

  override onCapacity(connection: Connection): void {
    (connection.context as Pool).onCapacity(connection);
  }

  override onGoaway(connection: Connection, code: number): void {
    (connection.context as Pool).onGoaway(connection, code);
  }
}

export class TestPool {
  readonly clock = new ManualClock();
  readonly recorder = new PoolRecorder();
  readonly events: string[] = [];
  readonly pool: Pool;

  constructor(own: Owned, address: Address, setUp: PoolSetUp = {}) {
    const { chance = constantChance(0.5), http2 = {}, resolver = systemResolver, watched = false, ...options } = setUp;
    const { clock, recorder: handler } = this;
    // Else by a clock of its own, so that the pool's timers can be told from those of its connections' watches.
    const wheel = new TimerWheel(watched ? clock : new ManualClock());
    const ports = { clock, chance, wheel, loop: new FlushLoop(clock), budget: new ByteBudget(), resolver, handler };
    const onEvent = ({ kind, detail }: { kind: string; detail: string }): void => {
      this.events.push(detail === "" ? kind : `${kind}: ${detail}`);
    };
    this.pool = new Pool(address, { ...ports, onEvent }, resolveHttp2Options(http2), resolveTransportOptions(options));
    own.add({ close: () => this.pool.destroy() });
  }

  wait(): WaitingCall {
    const call = new WaitingCall();
    const refused = this.pool.wait(call);
    if (refused !== undefined) call.outcome = refused;
    return call;
  }

  /** Opens a stream on the connection that the pool picks. */
  open(): H2Stream {
    const connection = this.pool.pick();
    assert.ok(connection, "a connection with room");
    return open(connection);
  }

  async counts(ready: number, connecting = 0, draining = 0): Promise<void> {
    const { pool } = this;
    const now = (): string => `${pool.count("ready")} ${pool.count("connecting")} ${pool.count("draining")}`;
    const wanted = `${ready} ${connecting} ${draining}`;
    await until(() => now() === wanted, `the pool has ${wanted} connections`);
  }

  /** Waits for the pause before the next attempt, and lets it pass. @returns its length in milliseconds. */
  async pause(): Promise<number> {
    const { clock, pool } = this;
    const sockets = (): number => pool.count("connecting") + pool.count("draining");
    await until(() => clock.pending === 1 && sockets() === 0, "the attempt has failed");
    const pauseMs = (this.clock.nextDueMs ?? Number.NaN) - this.clock.nowMs();
    this.clock.advance(pauseMs);
    return Math.round(pauseMs);
  }
}

/** A pool with a server behind it, connected. */
export async function connected(own: Owned, options: PoolSetUp & { readonly server?: Http2Options } = {}) {
  const { server: peer = {}, ...rest } = options;
  const server = own.add(await ServerPeer.start(() => undefined, peer));
  const test = new TestPool(own, tcp(server.address), rest);
  await test.counts(1);
  return { server, test, pool: test.pool, clock: test.clock };
}
