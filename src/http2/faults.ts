import type { ConnectionFault, StreamFault } from "../base/connection-ends.ts";
import { errorCode } from "./constants.ts";

/** Errors of streams as of connections that have a code of their own in the protocol. */
const named: ReadonlyMap<number, ConnectionFault & StreamFault> = new Map([
  [errorCode.FRAME_SIZE_ERROR, "frame_size"],
  [errorCode.FLOW_CONTROL_ERROR, "flow_control"],
  [errorCode.STREAM_CLOSED, "stream_closed"],
]);

/** What a connection is ended for, by the code that its peer is told. */
export function faultOf(code: number): ConnectionFault {
  return code === errorCode.COMPRESSION_ERROR ? "compression" : (named.get(code) ?? "protocol");
}

/** What a stream is reset for, by the code that its peer is told. */
export function streamFaultOf(code: number): StreamFault {
  return code === errorCode.REFUSED_STREAM ? "too_many_streams" : (named.get(code) ?? "protocol");
}
