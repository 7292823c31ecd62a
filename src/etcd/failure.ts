/**
 * What a failed call to etcd means for the next try. etcd tells more by its texts than by gRPC's codes: UNAVAILABLE may be a
 * member that refused before it looked at the request, and one that had passed it on to the leader.
 */
import { type ServiceError, status } from "@grpc/grpc-js";

/**
 * - `refused`: nothing was done; another member may do it.
 * - `away`: no answer, or one that leaves open whether it was done.
 * - `token`: nothing was done; sign in again.
 * - `gone`: a revision that is no longer kept, or not there yet.
 * - `wrong`: every member would say the same.
 */
export type FailureKind = "refused" | "away" | "token" | "gone" | "wrong";

export class EtcdFailure extends Error {
  override readonly name = "EtcdFailure";
  readonly kind: FailureKind;
  /** Whether it is the request that no etcd would take, as opposed to its state or to who asks. */
  readonly malformed: boolean;

  constructor(kind: FailureKind, text: string, malformed = false) {
    super(text);
    this.kind = kind;
    this.malformed = malformed;
  }

  static from(reason: unknown): EtcdFailure {
    if (reason instanceof EtcdFailure) return reason;
    const { code, details } = reason as Partial<ServiceError>;
    const text = details || (reason instanceof Error ? reason.message : String(reason));
    const advice = noSpace.test(text) ? noSpaceAdvice : "";
    return new EtcdFailure(kindOf(code, text), `${text}${advice}`, malformed.test(text));
  }
}

/** Said by members before they look at a request, and by our own library before it has sent one. */
const untouched = /no leader|No connection established|too many requests|not supported for learner/;
/** `user name is empty` is what a member says to those without a token where authentication was just switched on. */
const signIn = /invalid auth token|revision of auth store is old|user name is empty/;

const malformed = /request is too large|larger than max|too many operations|duplicate key|key is not provided/;

/** It takes no writes until somebody has looked, though room may be there again: https://etcd.io/docs/v3.6/op-guide/maintenance/#space-quota */
const noSpace = /database space exceeded/;
const noSpaceAdvice =
  ". It takes no writes until it is compacted (etcdctl compact), defragmented (etcdctl defrag) and told so (etcdctl alarm disarm); --quota-backend-bytes gives it more room";

const final: ReadonlySet<number | undefined> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

function kindOf(code: number | undefined, text: string): FailureKind {
  if (signIn.test(text)) return "token";
  if (untouched.test(text)) return "refused";
  if (code === status.OUT_OF_RANGE && /compacted|future revision/.test(text)) return "gone";
  return final.has(code) ? "wrong" : "away";
}
