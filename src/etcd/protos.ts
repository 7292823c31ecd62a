/** etcd's services, from the vendored `.proto` files, and the few of their messages that we speak, as the loader gives them. */
import { fileURLToPath } from "node:url";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";

/** A whole number of 64 bits: revisions fit a JavaScript number, ids of leases and members don't. */
export type Int64 = string;

export interface Header {
  readonly revision: Int64;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly mod_revision: Int64;
}

export interface RangeRequest {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly limit?: number;
  /** 0 for the newest. */
  readonly revision?: number;
  readonly count_only?: boolean;
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

export interface Compare {
  readonly result: "EQUAL";
  readonly target: "MOD";
  readonly key: Buffer;
  readonly mod_revision: number;
}

export type RequestOp =
  | { readonly request_put: { readonly key: Buffer; readonly value: Buffer; readonly lease?: Int64 } }
  | { readonly request_delete_range: { readonly key: Buffer } };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: Header;
  readonly succeeded: boolean;
}

export interface WatchEvent {
  readonly type: "PUT" | "DELETE";
  readonly kv: KeyValue;
}

export type WatchRequest =
  | {
      readonly create_request: {
        readonly key: Buffer;
        readonly range_end: Buffer;
        readonly start_revision: number;
        readonly progress_notify: boolean;
        readonly fragment: boolean;
      };
    }
  | { readonly progress_request: object };

export interface WatchResponse {
  readonly header: Header;
  /** -1 where it belongs to the stream as a whole. */
  readonly watch_id: Int64;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Where the revision to begin with is no longer kept: the oldest that is. */
  readonly compact_revision: Int64;
  readonly cancel_reason: string;
  /** More of the same revisions is to come. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

export interface LeaseResponse {
  readonly ID: Int64;
  /** In seconds; of a lease that is gone it is not above 0. */
  readonly TTL: Int64;
}

export interface StatusResponse {
  readonly version: string;
}

export type Method<Request, Answer> = Pick<
  MethodDefinition<Request & object, Answer & object>,
  "path" | "requestSerialize" | "responseDeserialize"
>;

/** From here the package's root is two folders up, both in the sources and in what is built of them. */
const folder = fileURLToPath(new URL("../../proto/etcd", import.meta.url));

/** Every service by its short name. Loaded when a store is opened, not by whoever imports its type. */
export function loadServices() {
  const loaded = loadSync("etcd/api/etcdserverpb/rpc.proto", {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [folder],
  });
  const method = <Request, Answer>(service: string, name: string): Method<Request, Answer> => {
    const found = (loaded[`etcdserverpb.${service}`] as Record<string, Method<Request, Answer>> | undefined)?.[name];
    if (found === undefined) throw new Error(`no method ${service}.${name}`);
    return found;
  };
  return {
    range: method<RangeRequest, RangeResponse>("KV", "Range"),
    txn: method<TxnRequest, TxnResponse>("KV", "Txn"),
    watch: method<WatchRequest, WatchResponse>("Watch", "Watch"),
    grant: method<{ readonly TTL: number }, LeaseResponse>("Lease", "LeaseGrant"),
    revoke: method<{ readonly ID: Int64 }, object>("Lease", "LeaseRevoke"),
    keepAlive: method<{ readonly ID: Int64 }, LeaseResponse>("Lease", "LeaseKeepAlive"),
    status: method<object, StatusResponse>("Maintenance", "Status"),
    authenticate: method<{ readonly name: string; readonly password: string }, { readonly token: string }>(
      "Auth",
      "Authenticate",
    ),
  };
}

export type Services = ReturnType<typeof loadServices>;
