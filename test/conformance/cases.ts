/** Which interop cases are run, and how. The page about them is held to this list. */

/** Those that grpc-go's own `interop_test.sh` runs: all that need no cloud's credentials. */
export const interopCases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
] as const;

export interface InteropMode {
  readonly name: string;
  /** A second server gets copies of all calls that are copied at all. */
  readonly shadow?: true;
  /** On every connection: caller to sidecar, sidecar to server, and directly. */
  readonly tls?: true;
}

export const interopModes: readonly InteropMode[] = [
  { name: "plain" },
  { name: "with TLS", tls: true },
  { name: "with a shadow", shadow: true },
];
