import type { ConnectionFault } from "../base/connection-ends.ts";
import { errorCode } from "./constants.ts";

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
