/**
 * Every metric of our own: type, labels, help. The one table that exposition, documentation and its test are held to.
 *
 * Label values come from the configuration or from closed sets, never from a request.
 */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** In the order in which callbacks give their values. */
  readonly labels: readonly string[];
  readonly help: string;
}

export const catalogue = {
  contender_requests_total: {
    type: "counter",
    labels: ["route", "variant", "traffic", "method", "grpc_code"],
    help: "Calls that ended, by the variant they were assigned to.",
  },
  contender_request_duration_seconds: {
    type: "histogram",
    labels: ["route", "variant", "traffic", "outcome"],
    help: "Time from a call's first header to its last byte, as the caller sees it.",
  },
  contender_upstream_duration_seconds: {
    type: "histogram",
    labels: ["route", "variant", "traffic", "outcome"],
    help: "Time from sending a call upstream to the end of the upstream's answer.",
  },
  contender_score: {
    type: "histogram",
    labels: ["route", "variant", "traffic", "output"],
    help: "Prediction scores, one per row of an answer.",
  },
  contender_score_invalid_total: {
    type: "counter",
    labels: ["route", "variant", "traffic", "reason"],
    help: "Rows or answers that gave no score.",
  },
  contender_assignments_total: {
    type: "counter",
    labels: ["route", "variant", "reason"],
    help: "Live calls assigned to a variant, by why they were.",
  },
  contender_shadow_dropped_total: {
    type: "counter",
    labels: ["route", "variant", "reason"],
    help: "Copies for a shadow that were not sent or not finished.",
  },
  contender_warmup_remaining_copies: {
    type: "gauge",
    labels: ["route", "variant"],
    help: "Copies that the variant has yet to answer before it is warm.",
  },
  contender_local_replies_total: {
    type: "counter",
    labels: ["reason"],
    help: "Calls answered by the proxy itself, without an upstream's word.",
  },
  contender_plain_requests_total: {
    type: "counter",
    labels: ["status"],
    help: "Requests that are no gRPC calls and were passed on, by how they ended.",
  },
  contender_breaker_open: {
    type: "gauge",
    labels: ["route", "variant", "traffic"],
    help: "1 while the circuit breaker keeps calls from the variant.",
  },
  contender_variant_info: {
    type: "gauge",
    labels: ["route", "variant", "role", "model", "model_version"],
    help: "1 for every variant of the configuration in force, with its role and the model expected behind it.",
  },
  contender_route_weight_ratio: {
    type: "gauge",
    labels: ["route", "variant"],
    help: "Share of the route's live calls that the configuration in force gives to the variant.",
  },
  contender_version_mismatch_total: {
    type: "counter",
    labels: ["route", "variant"],
    help: "Answers from another model version than the one expected of the variant.",
  },
  contender_streams_active: {
    type: "gauge",
    labels: ["side"],
    help: "HTTP/2 streams that are open.",
  },
  contender_connections_active: {
    type: "gauge",
    labels: ["side"],
    help: "Connections that are open.",
  },
  contender_pool_connections: {
    type: "gauge",
    labels: ["route", "variant", "state"],
    help: "Connections to the variant's upstream, by state.",
  },
  contender_pool_addresses: {
    type: "gauge",
    labels: ["route", "variant"],
    help: "Addresses of the variant's upstream in use.",
  },
  contender_queue_calls: {
    type: "gauge",
    labels: ["route", "variant"],
    help: "Calls that wait for a stream towards the variant's upstream.",
  },
  contender_buffered_bytes: {
    type: "gauge",
    labels: ["kind"],
    help: "Bytes held in memory, by what they are held for.",
  },
  contender_connections_refused_total: {
    type: "counter",
    labels: [],
    help: "Connections of callers that were closed at once, for there are as many as there may be.",
  },
  contender_overload_level: {
    type: "gauge",
    labels: [],
    help: "What is given up to stay alive: 0 nothing, 1 copies for shadows, 2 new calls as well.",
  },
  contender_overload_pressure_ratio: {
    type: "gauge",
    labels: ["resource"],
    help: "How near a resource is to the mark at which new calls are refused: 1 is that mark.",
  },
  contender_overload_entered_total: {
    type: "counter",
    labels: ["step", "resource"],
    help: "Times that a step was taken, by the resource that asked for it.",
  },
  contender_overload_shed_total: {
    type: "counter",
    labels: ["resource"],
    help: "Calls refused or ended for the lack of a resource.",
  },
  contender_overload_stalled_seconds_total: {
    type: "counter",
    labels: [],
    help: "Time in which the event loop stood still, by stalls of 50 ms and more.",
  },
  contender_goaways_total: {
    type: "counter",
    labels: ["side", "direction"],
    help: "GOAWAY frames, by the side of the connection and the way they went.",
  },
  contender_connections_retired_total: {
    type: "counter",
    labels: ["reason"],
    help: "Connections of callers that were ended gracefully, by why.",
  },
  contender_connection_faults_total: {
    type: "counter",
    labels: ["side", "fault"],
    help: "Connections ended for what the peer did, or did not do in time.",
  },
  contender_stream_faults_total: {
    type: "counter",
    labels: ["side", "fault"],
    help: "Streams reset for what the peer did on them, on connections that went on.",
  },
  contender_resends_total: {
    type: "counter",
    labels: ["route", "variant"],
    help: "Calls sent again because the upstream never processed them.",
  },
  contender_fallbacks_total: {
    type: "counter",
    labels: ["route", "variant", "result"],
    help: "Failed calls of the variant that were handed to the champion, by what came of it.",
  },
  contender_hook_failures_total: {
    type: "counter",
    labels: ["hook"],
    help: "Failures beside the path of a call, which went on without it.",
  },
  contender_config_info: {
    type: "gauge",
    labels: ["version", "source"],
    help: "1 for the configuration in force.",
  },
  contender_config_rejected_total: {
    type: "counter",
    labels: [],
    help: "Configurations refused; the one before stayed in force.",
  },
  contender_config_last_success_timestamp_seconds: {
    type: "gauge",
    labels: [],
    help: "When the configuration in force was applied, in seconds since the Unix epoch.",
  },
  contender_config_source_connected: {
    type: "gauge",
    labels: [],
    help: "1 while the source of routes answers, 0 while it does not; absent where nobody is asked over a network.",
  },
  contender_config_source_contact_timestamp_seconds: {
    type: "gauge",
    labels: [],
    help: "When the source of routes was heard last, in seconds since the Unix epoch.",
  },
  contender_config_source_failures_total: {
    type: "counter",
    labels: ["reason"],
    help: "Times that the source of routes was of no use, by why.",
  },
  contender_config_expired_routes: {
    type: "gauge",
    labels: [],
    help: "Routes left to their champions, for the config service has not been heard for longer than their ttl.",
  },
  contender_config_last_good_writes_total: {
    type: "counter",
    labels: ["result"],
    help: "Times that the last good routes were to be kept on disk.",
  },
  contender_tls_handshakes_total: {
    type: "counter",
    labels: ["side", "version", "resumed"],
    help: "TLS handshakes that succeeded, by whether they went on from an earlier session.",
  },
  contender_tls_handshake_failures_total: {
    type: "counter",
    labels: ["side", "reason"],
    help: "Connections that came to nothing because of TLS, or for want of it.",
  },
  contender_tls_reloads_total: {
    type: "counter",
    labels: ["side", "result"],
    help: "Changes of certificate files, by what came of them.",
  },
  contender_tls_certificate_not_after_timestamp_seconds: {
    type: "gauge",
    labels: ["side", "path"],
    help: "When the certificate in force ends to be valid, in seconds since the Unix epoch.",
  },
  contender_prediction_log_dropped_total: {
    type: "counter",
    labels: ["reason"],
    help: "Records that the prediction log did not take.",
  },
  contender_workers: {
    type: "gauge",
    labels: [],
    help: "Workers that can take connections, where the sidecar has more than one process.",
  },
  contender_worker_restarts_total: {
    type: "counter",
    labels: [],
    help: "Workers that ended unasked and were replaced.",
  },
  contender_reports_total: {
    type: "counter",
    labels: ["result"],
    help: "Reports of counts to the config service.",
  },
  contender_report_lost_versions_total: {
    type: "counter",
    labels: [],
    help: "Versions of the configuration that were told apart no longer before all of their counts was reported.",
  },
  contender_build_info: {
    type: "gauge",
    labels: ["version", "node"],
    help: "1, with the version of Contender and of Node.",
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof catalogue;

/** Metrics whose values live elsewhere (pools, budgets, breakers, logs) and are read when someone scrapes. */
export const scrapedNames = [
  "contender_breaker_open",
  "contender_warmup_remaining_copies",
  "contender_streams_active",
  "contender_connections_active",
  "contender_pool_connections",
  "contender_pool_addresses",
  "contender_queue_calls",
  "contender_buffered_bytes",
  "contender_goaways_total",
  "contender_tls_handshakes_total",
  "contender_tls_handshake_failures_total",
  "contender_tls_reloads_total",
  "contender_tls_certificate_not_after_timestamp_seconds",
  "contender_prediction_log_dropped_total",
  "contender_config_source_connected",
  "contender_config_source_contact_timestamp_seconds",
  "contender_config_source_failures_total",
  "contender_config_expired_routes",
  "contender_config_last_good_writes_total",
  "contender_workers",
  "contender_worker_restarts_total",
  "contender_reports_total",
  "contender_report_lost_versions_total",
  "contender_overload_level",
  "contender_overload_pressure_ratio",
  "contender_overload_stalled_seconds_total",
] as const satisfies readonly MetricName[];
export type ScrapedName = (typeof scrapedNames)[number];
