/**
 * Who calls, as the services need to know it. What a certificate or token says is worked out elsewhere; a service asks and is told, or
 * the call is refused.
 */
import type { ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import type { NodeMessage } from "../../api/messages.ts";
import type { PlannedRoute } from "../routes/planned-change.ts";
import type { StoredRoute } from "../routes/route-set.ts";
import type { Labels } from "../routes/selection.ts";
import type { AskingCall } from "./authenticate.ts";

export type AnyCall = ServerUnaryCall<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

export interface SidecarCaller {
  /** By certificate or token; empty where none was asked for. */
  readonly identity: string;
  /** What counts of what it says of itself. */
  readonly labels: Labels;
  /** Of a person who asks what a sidecar gets: whether they may see a route. A sidecar sees what is for it. */
  readonly sees?: ((route: Pick<StoredRoute, "spec">) => boolean) | undefined;
}

export interface PersonCaller {
  /** As `Author.name` tells it. */
  readonly name: string;
  /** Whether they may see a route. */
  sees(route: Pick<StoredRoute, "spec">): boolean;
  /** @throws ContenderError FORBIDDEN where they may not make this change, which is put on record. */
  mayChange(action: ChangeAction, routes: readonly PlannedRoute[]): void;
  /** Puts on record what was written, and why. */
  changed?(action: ChangeAction, routes: readonly PlannedRoute[], revision: number, reason: string): void;
  /** As `changed`, of what the store did not say of whether it was written. */
  unconfirmed?(action: ChangeAction, routes: readonly PlannedRoute[], revision: number, reason: string): void;
}

export type ChangeAction = "apply" | "weights" | "delete" | "undo";

export type ReadAction = "get" | "list" | "history" | "fleet" | "counts";

/** What a call is for, as far as its path tells. */
export type Admitted = ReadAction | "change" | "watch" | "fetch" | "report" | "share";

/** Every method throws a ContenderError FORBIDDEN for who may not. */
export interface Callers {
  /** Before anything of the call is read: whether whoever makes it may do so at all, anywhere. */
  admit(call: AskingCall, action: Admitted): void;
  sidecar(
    call: AnyCall,
    action: "watch" | "fetch" | "report",
    node: Pick<NodeMessage, "instance" | "namespace" | "workload" | "pod">,
  ): SidecarCaller;
  person(call: AnyCall, action: ReadAction | "change"): PersonCaller;
  replica(call: AnyCall): void;
}
