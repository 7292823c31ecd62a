/** Frames that carry no message, of every kind that makes a flood; streams 1 and 3 have begun, and 3 was reset. */
import type { ConnectionFault } from "../../src/base/connection-ends.ts";
import { data, frame, goaway, ping, priority, rstStream, settings, settingsAck, windowUpdate } from "./h2-frames.ts";

export const floodFrames: readonly (readonly [what: string, each: Buffer, fault: ConnectionFault])[] = [
  ["PING", ping(), "ping_flood"],
  ["acknowledgements of PINGs that nobody sent", ping("12345678", true), "ping_flood"],
  ["SETTINGS", settings(), "settings_flood"],
  ["SETTINGS that make and unmake our header table", settings({ HEADER_TABLE_SIZE: 0 }), "settings_flood"],
  ["acknowledgements of SETTINGS that nobody sent", settingsAck(), "settings_flood"],
  ["PRIORITY", priority(7, 3), "priority_flood"],
  ["WINDOW_UPDATE", windowUpdate(0, 1), "window_update_flood"],
  ["empty DATA", data(1, 0), "empty_frame_flood"],
  ["DATA of nothing but padding", data(1, 0, false, 20), "empty_frame_flood"],
  ["RST_STREAM of a stream that is gone", rstStream(3, 8), "reset_flood"],
  ["GOAWAY", goaway(0), "goaway_flood"],
  ["frames of an unknown type", frame(0xbe, 0xff, 0, Buffer.alloc(8)), "unknown_frame_flood"],
  ["ORIGIN, ALTSVC and their like", frame(0x0c, 0, 0), "unknown_frame_flood"],
];
