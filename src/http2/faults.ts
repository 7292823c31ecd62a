/** What a connection was ended for: the words that logs and metrics use. */
import { errorCode } from "./constants.ts";

export const connectionFaults = [
  "protocol",
  "frame_size",
  "flow_control",
  "stream_closed",
  "compression",
  "header_flood",
  "reset_flood",
  "settings_flood",
  "ping_flood",
  "priority_flood",
  "window_update_flood",
  "empty_frame_flood",
  "interim_flood",
  "goaway_flood",
  "unknown_frame_flood",
  "slow_frame",
  "slow_handshake",
  /** Heard of no more, asked, and no answer. */
  "silent",
  /** Its socket takes nothing. */
  "stuck",
] as const;
export type ConnectionFault = (typeof connectionFaults)[number];

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
