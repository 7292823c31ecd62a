import { digitsOf } from "../base/digits.ts";

/** gRPC status codes by number (https://grpc.io/docs/guides/status-codes/), and what else becomes one. */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Name of each code, indexed by number. */
export const grpcStatusNames: readonly string[] = Object.keys(grpcStatus);

/**
 * The status of an answer that came without `grpc-status`, by its HTTP status
 * (gRPC over HTTP2, "HTTP to gRPC status code mapping": https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
 */
export function grpcStatusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return grpcStatus.INTERNAL;
    case 401:
      return grpcStatus.UNAUTHENTICATED;
    case 403:
      return grpcStatus.PERMISSION_DENIED;
    case 404:
      return grpcStatus.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcStatus.UNAVAILABLE;
    default:
      return grpcStatus.UNKNOWN;
  }
}

/** The status of a stream that its peer reset, by HTTP/2 error code (PROTOCOL-HTTP2.md, "Errors"). */
export function grpcStatusOfReset(http2Error: number): number {
  switch (http2Error) {
    case 7: // REFUSED_STREAM: never processed, safe to send again
      return grpcStatus.UNAVAILABLE;
    case 8: // CANCEL
      return grpcStatus.CANCELLED;
    case 11: // ENHANCE_YOUR_CALM
      return grpcStatus.RESOURCE_EXHAUSTED;
    case 12: // INADEQUATE_SECURITY
      return grpcStatus.PERMISSION_DENIED;
    default:
      return grpcStatus.INTERNAL;
  }
}

/** The number in a `grpc-status` value; anything but a known code's digits is UNKNOWN, never OK by default. */
export function parseGrpcStatus(value: string): number {
  const code = value.length > 2 ? -1 : digitsOf(value, value.length);
  return code >= 0 && code <= 16 ? code : grpcStatus.UNKNOWN;
}
