/** What to tell someone whose address is not that of a gRPC server. */
import { type Address, formatAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { ContenderError } from "../base/errors.ts";
import { type Listening, whatListens } from "./what-listens.ts";

/** Ports that the servers have unless they are told otherwise, from their own documentation. */
const usualPorts =
  "TensorFlow Serving's is 8500 (REST: 8501), Triton's 8001 (REST: 8000), MLServer's 8081 (REST: 8080)";

/** @throws ContenderError UPSTREAM_UNREACHABLE or UPSTREAM_UNSUPPORTED unless HTTP/2 without TLS is spoken there. */
export async function refuseListening(address: Address, timeoutMs: number, clock: Clock): Promise<void> {
  const listening = await whatListens(address, timeoutMs, clock);
  const refused = refusal(listening, formatAddress(address), formatDuration(timeoutMs));
  if (refused !== undefined) throw refused;
}

function refusal(listening: Listening, place: string, timeout: string): ContenderError | undefined {
  switch (listening.kind) {
    case "http2":
      return undefined;
    case "http1":
      return new ContenderError(
        "UPSTREAM_UNSUPPORTED",
        `${place} speaks HTTP/1, not gRPC: it is likely the server's REST port. Give its gRPC port: ${usualPorts}.`,
      );
    case "tls":
      return new ContenderError(
        "UPSTREAM_UNSUPPORTED",
        `${place} speaks TLS, which contender init does not. Give a port without it, such as one on loopback in the server's pod, or write the route by hand: tls:// in front of a variant's address reaches it.`,
      );
    case "unreachable":
      return new ContenderError("UPSTREAM_UNREACHABLE", unreachableText(place, listening.why));
    case "silent":
      return new ContenderError(
        "UPSTREAM_UNREACHABLE",
        `${place} takes connections but says nothing within ${timeout}. Does the model server still start, or is another kind of server there?`,
      );
    case "unknown":
      return new ContenderError(
        "UPSTREAM_UNSUPPORTED",
        `${place} answers in neither HTTP/2 nor anything else that is known here. Give the model server's gRPC port: ${usualPorts}.`,
      );
  }
}

function unreachableText(place: string, why: string): string {
  switch (why) {
    case "ECONNREFUSED":
      return `nothing listens at ${place}. Does the model server run, and is this its gRPC port? ${usualPorts}.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host of ${place} is not found by name (${why})`;
    case "ENOENT":
      return `there is no socket at ${place}`;
    default:
      return `${place} can't be reached: ${why}`;
  }
}
