/**
 * Insured canaries (`onFailure: champion`): a challenger's failure costs the challenger, not the user.
 *
 * A unary call that the challenger fails with UNAVAILABLE, resets before its answer, or can't be sent to at all, is
 * answered by the champion from the bytes that were kept. It stays one observation, the challenger's. What the champion takes on is bounded, so that
 * a dead challenger can't overload the model that has to answer everybody.
 */
import { grpcStatus } from "../grpc/status.ts";
import type { LocalReplyReason } from "../model/call.ts";
import { assignmentIndex, fallbackIndex, outcomeIndex } from "../observe/labels.ts";
import { breakerVerdict, isFairTimeout, type TransportEnd } from "../resilience/classify.ts";
import type { Call } from "./call.ts";

export class Insurance {
  /**
   * Asks the breaker of a call's challenger.
   *
   * @returns whether the call is insured; then its assignment is counted by `settle`, once its reason is known.
   */
  admit(call: Call): boolean {
    const { assigned, route, method } = call;
    const { breaker } = assigned;
    if (breaker === undefined || assigned === route.champion) return false;
    if (call.reason !== "weight" && call.reason !== "no_key") return false;
    call.permit = breaker.tryAcquire();
    if (call.permit === 0) {
      call.reason = "breaker_open";
      call.target = route.champion;
      // What the challenger would have said: the champion's answers must not make a dead challenger look well.
      call.insuredCode = grpcStatus.UNAVAILABLE;
      return false;
    }
    if (method.plan.method?.unary === true)
      call.request.keepBytes = Math.max(call.request.keepBytes, call.proxy.options.insuredBytes);
    return true;
  }

  /**
   * Lets the champion answer in the challenger's place, where that is possible.
   *
   * @returns whether it does; then the call goes on.
   */
  take(call: Call, code: number, reason: LocalReplyReason | "answer"): boolean {
    const { assigned, route } = call;
    if (call.permit === 0 || call.insuredCode >= 0 || call.target !== assigned || call.headSent) return false;
    if (!isPayable(code, reason) || call.method.plan.method?.unary !== true) return false;
    if (!call.request.replayable || call.fields === undefined) {
      assigned.cells.fallback(fallbackIndex.over_size);
      return false;
    }
    if (!route.fallbackBudget.tryWithdraw()) {
      assigned.cells.fallback(fallbackIndex.over_budget);
      return false;
    }
    call.insuredCode = code;
    call.reason = "fallback";
    call.reopen(route.champion);
    return true;
  }

  /** The call has ended: tells the breaker, and counts what was left to count. */
  settle(call: Call, code: number, outcome: number): void {
    const { assigned, permit, route } = call;
    if (call.target === route.champion && call.insuredCode < 0) route.fallbackBudget.deposit();
    if (permit === 0) return;
    call.permit = 0;
    assigned.cells.assigned(assignmentIndex[call.reason]);
    if (call.insuredCode >= 0) {
      assigned.cells.fallback(code === grpcStatus.OK ? fallbackIndex.ok : fallbackIndex.error);
    }
    this.#tellBreaker(call, permit, code, outcome);
  }

  #tellBreaker(call: Call, permit: number, code: number, outcome: number): void {
    const { breaker } = call.assigned;
    if (breaker === undefined) return;
    if (call.insuredCode >= 0) {
      // Decided by what the challenger did; the champion's answer says nothing of it.
      breaker.settle(permit, false);
      return;
    }
    if (call.target !== call.assigned) {
      // It was never asked: its model can't be put into the message.
      breaker.giveBack(permit);
      return;
    }
    const byCaller = call.failure === undefined && outcome === outcomeIndex.cancelled;
    const end = byCaller ? "cancelled" : transportEnds[call.failure ?? "none"];
    const stalledMs = call.proxy.overload.stalledMs - call.stalledMs;
    const ours = call.deadlineOurs && isFairTimeout(call.timeoutMs, stalledMs);
    const verdict = end === undefined ? "neither" : breakerVerdict(code, end, ours);
    if (verdict === "neither") breaker.giveBack(permit);
    else breaker.settle(permit, verdict === "success");
  }
}

/** Failures that are no answer of the model's; our own going away is not the challenger's fault. */
function isPayable(code: number, reason: LocalReplyReason | "answer"): boolean {
  return code === grpcStatus.UNAVAILABLE ? reason !== "draining" : reason === "upstream_reset";
}

/** What a failure of ours says of the transport; undefined for what is our own doing, and says nothing of the upstream. */
const transportEnds: Readonly<Partial<Record<LocalReplyReason | "none", TransportEnd>>> = {
  none: "answered",
  deadline: "answered",
  connect_failed: "connect_failed",
  upstream_reset: "reset",
  upstream_gone: "gone",
  upstream_http_status: "protocol",
  upstream_protocol: "protocol",
  upstream_stalled: "gone",
};
