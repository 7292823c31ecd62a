/** What is wrong with a header block. Whatever it is, the connection's state is lost: COMPRESSION_ERROR. */
export const hpackError = {
  none: 0,
  /** Index 0, or one beyond the tables. */
  index: 1,
  /** An integer above 2^31 - 1, or in more bytes than such a one needs. */
  integer: 2,
  /** The block ends within a field. */
  truncated: 3,
  /** The end-of-string symbol within a string, or padding that is too long or not all ones. */
  huffman: 4,
  /** A table size above the one that our settings allow. */
  tableSize: 5,
  /** A table size update behind a field. */
  tableSizeLate: 6,
  /** Our settings shrank the table, and the peer's next block did not begin by doing so. */
  tableSizeMissing: 7,
} as const;

const names = Object.keys(hpackError);

/** For logs: the key in `hpackError`. */
export function hpackErrorName(code: number): string {
  return names[code] ?? "unknown";
}
