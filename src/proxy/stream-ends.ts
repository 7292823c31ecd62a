/** How a call's two streams are let go of when it is over, whatever it was. */
import { errorCode } from "../http2/constants.ts";
import type { H2Stream } from "../http2/stream.ts";

/**
 * The upstream is told that nothing more is wanted of it. Not where both sides have ended: servers on nghttp2 count
 * resets, and close the connection after some 1,000 of them.
 */
export function letGo(up: H2Stream | undefined): void {
  if (up === undefined || up.closed || (up.remoteEnded && up.localEnded)) return;
  up.reset(up.remoteEnded ? errorCode.NO_ERROR : errorCode.CANCEL);
}

/** The caller has all of its answer: a request that is still coming is told to stop (RFC 9113, 8.1). */
export function stopCaller(down: H2Stream): void {
  if (!down.closed && down.localEnded && !down.remoteEnded) down.reset(errorCode.NO_ERROR);
}
