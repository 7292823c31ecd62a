import type { ConnectionFault, StreamFault } from "../base/connection-ends.ts";
import { errorCode } from "./constants.ts";

/** What a stream was reset for, by the code of that. */
export function streamFaultOf(code: number): StreamFault {
  switch (code) {
    case errorCode.FRAME_SIZE_ERROR:
      return "frame_size";
    case errorCode.FLOW_CONTROL_ERROR:
      return "flow_control";
    case errorCode.STREAM_CLOSED:
      return "stream_closed";
    case errorCode.REFUSED_STREAM:
      return "too_many_streams";
    default:
      return "protocol";
  }
}

/** The fault of an error that has a code of its own in the protocol. */
export function faultOf(code: number): ConnectionFault {
  switch (code) {
    case errorCode.FRAME_SIZE_ERROR:
      return "frame_size";
    case errorCode.FLOW_CONTROL_ERROR:
      return "flow_control";
    case errorCode.STREAM_CLOSED:
      return "stream_closed";
    case errorCode.COMPRESSION_ERROR:
      return "compression";
    default:
      return "protocol";
  }
}
