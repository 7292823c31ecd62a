/**
 * Why connections end, in the words of logs and metric labels. They are found where connections are and counted where
 * metrics are, and those two know nothing of each other.
 */

/** What a connection was ended for: what its peer did, or did not do in time. */
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

/** What a stream was reset for, while its connection went on. */
export const streamFaults = ["protocol", "frame_size", "flow_control", "stream_closed", "too_many_streams"] as const;
export type StreamFault = (typeof streamFaults)[number];

/** Why a connection that did nothing wrong was ended. */
export const retirements = ["idle", "max_age"] as const;
export type Retirement = (typeof retirements)[number];
