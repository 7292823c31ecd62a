/** Why lines were not written: a closed set, as each word is a metric label. */
export const dropReasons = [
  /** More lines than the buffer holds: the disk or the reader is slower than the calls, or stands still. */
  "buffer_full",
  "no_space",
  /** The other end of the pipe is closed. */
  "no_reader",
  "not_found",
  "not_permitted",
  "io_error",
  /** The process ended before they could be written. */
  "closing",
] as const;
export type DropReason = (typeof dropReasons)[number];

const reasons: Readonly<Record<string, DropReason>> = {
  ENOSPC: "no_space",
  EDQUOT: "no_space",
  EFBIG: "no_space",
  EPIPE: "no_reader",
  // A named pipe that nobody has open for reading.
  ENXIO: "no_reader",
  ECONNRESET: "no_reader",
  ENOENT: "not_found",
  ENOTDIR: "not_found",
  EACCES: "not_permitted",
  EPERM: "not_permitted",
  EROFS: "not_permitted",
};

/** The reason behind a system's error code. */
export function dropReasonOf(code: string): DropReason {
  return reasons[code] ?? "io_error";
}
