/**
 * Copies of calls: chosen when the call is assigned, sent when its request is complete, after the call's own bytes.
 */
import { prefixBytes } from "../grpc/framing.ts";
import type { HeaderField } from "../http2/header-block.ts";
import { overloadLevel } from "../resilience/overload.ts";
import type { Flushable, FlushLoop } from "../transport/flush-loop.ts";
import type { Call } from "./call.ts";
import type { BoundShadow } from "./generation.ts";
import { type CopyJob, type CopyPorts, sendCopy } from "./shadow-copy.ts";

/** Calls copied to shadows: those that were drawn, so that what is compared is what the gates compare. */
const copiedReasons = new Set(["weight", "no_key"]);
/** Calls copied to warm a variant up: also those that it would have got by now. */
const warmingReasons = new Set([...copiedReasons, "warming"]);

export class Shadows implements Flushable {
  readonly #ports: CopyPorts;
  readonly #loop: FlushLoop;
  #jobs: CopyJob[] = [];
  #scheduled = false;
  #draining = false;

  constructor(ports: CopyPorts, loop: FlushLoop) {
    this.#ports = ports;
    this.#loop = loop;
  }

  /** No more copies from now on. */
  drain(): void {
    this.#draining = true;
  }

  get #overloaded(): boolean {
    return this.#ports.overload.level >= overloadLevel.shadowsOff;
  }

  /** Decides which shadows a call is copied to, once it is assigned. */
  sample(call: Call): void {
    const { route } = call;
    if (route.copies.length === 0 || call.assigned !== route.champion) return;
    const { method } = call.method.plan;
    if (method !== undefined && !method.unary) return;
    if (route.shadows.length > 0 && copiedReasons.has(call.reason)) this.#sampleShadows(call);
    if (route.copies.length > route.shadows.length && warmingReasons.has(call.reason)) this.#sampleWarmups(call);
  }

  #sampleShadows(call: Call): void {
    const { route } = call;
    const { shadows } = route.plan.assigner;
    const overloaded = this.#overloaded;
    const draw = shadows.draw(call.key, call.proxy.chance);
    for (let i = 0; i < route.shadows.length; i++) {
      if (!shadows.includes(i, draw)) continue;
      const { gate } = route.shadows[i] as BoundShadow;
      if (overloaded)
        gate.drop("overload"); // now, before anything is kept for it
      else if (call.copyable === "yes") choose(call, i, gate);
      else gate.drop(call.copyable);
    }
  }

  #sampleWarmups(call: Call): void {
    const { copies, shadows } = call.route;
    if (call.copyable !== "yes" || this.#overloaded) return;
    for (let i = shadows.length; i < copies.length; i++) {
      const { gate, variant } = copies[i] as BoundShadow;
      if (variant.warmup?.wants(gate.inFlight) === true) choose(call, i, gate);
    }
  }

  /** The call's request is complete: its copies are sent once this turn's live bytes are out. */
  offer(call: Call): void {
    const { route, request } = call;
    // Of a service that no dialect knows, nobody says which calls are unary: those are taken for it that send one message
    // and are answered after it.
    if (call.method.plan.method === undefined && (call.headSent || request.severalMessages)) {
      call.copyTo = 0;
      return;
    }
    for (let i = 0; i < route.copies.length; i++) {
      if ((call.copyTo & (1 << i)) === 0) continue;
      const shadow = route.copies[i] as BoundShadow;
      if (i >= route.shadows.length && shadow.variant.warmup?.wants(shadow.gate.inFlight) !== true) continue;
      if (this.#draining) shadow.gate.drop("draining");
      else if (this.#overloaded) shadow.gate.drop("overload");
      else if (!call.request.replayable) shadow.gate.drop("over_size");
      else this.#admit(shadow, call, request.bytes);
    }
    call.copyTo = 0;
  }

  /** The call has ended before its request was complete: what there is of it is no request to copy. */
  abandon(call: Call): void {
    const { copies } = call.route;
    for (let i = 0; i < copies.length; i++) {
      if ((call.copyTo & (1 << i)) !== 0) (copies[i] as BoundShadow).gate.drop("cancelled");
    }
    call.copyTo = 0;
  }

  #admit(shadow: BoundShadow, call: Call, bytes: number): void {
    const permit = shadow.gate.admit(bytes);
    if (permit === 0) return;
    const { request, route, method, keyed } = call;
    const body = request.copy(); // it is sent at the end of the turn, and held until it is answered
    this.#jobs.push({ shadow, route, fields: call.fields as HeaderField[], method, keyed, body, permit });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#loop.addLate(this);
  }

  /** Sends what was admitted in this turn. */
  flush(): void {
    this.#scheduled = false;
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) sendCopy(this.#ports, job);
  }
}

function choose(call: Call, index: number, gate: BoundShadow["gate"]): void {
  call.copyTo |= 1 << index;
  const keep = call.method.plan.method === undefined ? "keepMessageBytes" : "keepBytes";
  call.request[keep] = Math.max(call.request[keep], gate.spec.maxMessageBytes + prefixBytes);
}
