/** `Watch` of the config service over grpc-js: what is loaded only where there is a service, and once calls are served. */
import { status as codes, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import type { ControlChannel } from "../api/channel.ts";
import type { WatchResponse } from "../api/messages.ts";
import { method } from "../api/protos.ts";
import { neverConnected } from "../api/unreachable.ts";
import type { SourceFailure } from "../config/source-status.ts";
import type { Received } from "./judge.ts";
import { receivedOf } from "./received.ts";
import type { OpenWatch, Request, StreamEnd } from "./watch.ts";

/** Codes that say something other than that the service is not there. */
const reasons: Readonly<Partial<Record<number, SourceFailure>>> = {
  [codes.UNAUTHENTICATED]: "forbidden",
  [codes.PERMISSION_DENIED]: "forbidden",
  [codes.INTERNAL]: "garbage",
  [codes.UNIMPLEMENTED]: "garbage",
  [codes.UNKNOWN]: "garbage",
  [codes.DATA_LOSS]: "garbage",
  [codes.RESOURCE_EXHAUSTED]: "garbage",
};

export function watchOver(channel: ControlChannel): OpenWatch {
  const { path, requestSerialize } = method<Request, WatchResponse>("ConfigService", "Watch");
  return (listener) => {
    const call = channel.stream<Request, Received>({ path, requestSerialize, responseDeserialize: receivedOf });
    let over = false;
    call.on("data", (received: Received) => {
      if (!over) listener.received(received);
    });
    // The status says the same, and comes where there is no error too.
    call.on("error", (_error: ServiceError) => undefined);
    call.on("status", (status: StatusObject) => {
      if (over) return;
      over = true;
      // Another connection, and maybe another of the service's addresses.
      if (status.code !== codes.OK) channel.renew();
      void endOf(status, channel).then((end) => listener.ended(end));
    });
    return {
      send: (request) => void call.write(request),
      cancel: () => {
        over = true;
        call.cancel();
        channel.renew();
      },
    };
  };
}

async function endOf(status: StatusObject, channel: ControlChannel): Promise<StreamEnd> {
  const { code, details } = status;
  if (code === codes.OK) return "normal";
  const detail = neverConnected(status) ? await channel.why(status) : `${codes[code] ?? code}: ${details}`;
  return { reason: reasons[code] ?? "unreachable", detail };
}
