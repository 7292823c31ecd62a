/**
 * Who is asking is known before anything of what they say is read: a call of somebody who may not make it ends at its metadata, and
 * none of its bytes becomes a message. What services look at beside that (whose route, which instance) they look at themselves.
 *
 * grpc-js reads a call's stream from when its handler asks for a message, and throws away what comes after a status. So a call that is
 * ended here costs what its headers cost, whatever it goes on to send.
 */
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from "@grpc/grpc-js";
import { type ServiceName, serviceDefinition } from "../../api/protos.ts";
import { ContenderError } from "../../base/errors.ts";
import { refusal } from "../ports/refusal.ts";
import { boundedReader, type Read, requestBounds } from "../ports/request-bounds.ts";
import { readWatchRequest } from "../watch/watch-bounds.ts";
import type { Admitted, Callers } from "./callers.ts";

interface Method {
  /** What it takes to call it at all. */
  readonly action: Admitted;
  read(bytes: Buffer): Read<object>;
}

const unread = (bytes: Buffer): Read<object> => ({ request: bytes });
const plain = (action: Admitted, name: string): Method => ({ action, read: boundedReader(name, requestBounds.plain) });

/** Every method of ours; loaded with the definitions, when a service begins. */
const tables: Readonly<Record<ServiceName, () => Readonly<Record<string, Method>>>> = {
  ConfigService: () => ({
    // Its stream tells itself what is wrong with a message, as with all else that a sidecar says.
    Watch: { action: "watch", read: (bytes) => ({ request: readWatchRequest(bytes) }) },
    Fetch: plain("fetch", "FetchRequest"),
  }),
  ReportService: () => ({
    // Read when it is known whether it comes too soon, kept, and summed up later.
    Report: { action: "report", read: unread },
  }),
  AdminService: () => ({
    ApplyRoutes: { action: "change", read: boundedReader("ApplyRoutesRequest", requestBounds.documents) },
    SetWeights: plain("change", "SetWeightsRequest"),
    DeleteRoute: plain("change", "DeleteRouteRequest"),
    UndoRoute: plain("change", "UndoRouteRequest"),
    GetRoute: plain("get", "GetRouteRequest"),
    ListRoutes: plain("list", "ListRoutesRequest"),
    GetHistory: plain("history", "GetHistoryRequest"),
    ListSidecars: plain("fleet", "ListSidecarsRequest"),
    GetCounts: plain("counts", "GetCountsRequest"),
  }),
  PeerService: () => ({
    Share: { action: "share", read: boundedReader("ShareRequest", requestBounds.shared) },
  }),
};

/** By path. @throws where a method has no row: it would be read for anybody. */
function methods(): ReadonlyMap<string, Method> {
  const all = new Map<string, Method>();
  for (const [service, table] of Object.entries(tables)) {
    const rows = table();
    for (const [name, { path }] of Object.entries(serviceDefinition(service as ServiceName))) {
      const row = rows[name];
      if (row === undefined) throw new Error(`nothing says who may call ${path}`);
      all.set(path, row);
    }
  }
  return all;
}

/** For a server whose services of ours have requests that are bytes. Others, health and reflection, are anybody's. */
export function admission(callers: Callers): ServerInterceptor {
  const known = methods();
  return ({ path }, call) => {
    const method = known.get(path);
    return method === undefined ? (call as ServerInterceptingCall) : admitted(callers, method, call);
  };
}

function admitted(callers: Callers, { action, read }: Method, call: ServerInterceptingCallInterface) {
  return new ServerInterceptingCall(call, {
    start: (start) =>
      start({
        onReceiveMetadata: (metadata, next) => {
          try {
            const asking = { metadata, getPeer: () => call.getPeer(), getAuthContext: () => call.getAuthContext() };
            callers.admit(asking, action);
          } catch (reason) {
            call.sendStatus(refusal(reason));
            return;
          }
          next(metadata);
        },
        onReceiveMessage: (bytes: Buffer, next) => {
          const message = read(bytes);
          if ("request" in message) next(message.request);
          else call.sendStatus(refusal(new ContenderError("CONFIG_INVALID", message.fault)));
        },
      }),
  });
}
