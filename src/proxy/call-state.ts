/** The stages of a call's life, in order. */
export const callState = {
  /** Its first message is held until it is known where it goes. */
  peeking: 0,
  /** It has a variant and waits for a stream. */
  waiting: 1,
  /** Bytes are relayed. */
  open: 2,
  /** Reported; only what the caller has not yet read is still under way. */
  done: 3,
} as const;
