/**
 * What is asked of each peer. `load` are flags of the load generator; `mirror` has every call copied to a third server,
 * `tls` has TLS spoken everywhere.
 */
export const scenarios = [
  {
    name: "closed",
    title: "closed loop, 90/10 sticky split: 4 connections x 25 calls in flight, 0.5 KiB up",
    size: 512,
    load: ["-connections", "4", "-streams", "25"],
  },
  {
    name: "paced",
    title: "paced at 2,000 calls/s, 90/10 sticky split: 4 connections, latency from the time a call was meant to start",
    size: 512,
    load: ["-connections", "4", "-rate", "2000"],
  },
  {
    name: "mirror",
    title: "closed loop, 90/10 sticky split, every call copied to a shadow",
    size: 512,
    mirror: true,
    load: ["-connections", "4", "-streams", "25"],
  },
  {
    name: "large",
    title: "closed loop, 90/10 sticky split: requests of 1 MiB, 4 connections x 2 calls in flight",
    size: 1 << 20,
    load: ["-connections", "4", "-streams", "2"],
  },
  {
    name: "tls",
    title: "closed loop, 90/10 sticky split, TLS 1.3 on both sides: 4 connections x 25 calls in flight, 0.5 KiB up",
    size: 512,
    tls: true,
    load: ["-connections", "4", "-streams", "25"],
  },
  {
    name: "tls-large",
    title: "closed loop, TLS 1.3 on both sides: requests of 1 MiB, 4 connections x 2 calls in flight",
    size: 1 << 20,
    tls: true,
    load: ["-connections", "4", "-streams", "2"],
  },
];

/** Bars that the project sets itself; what(scenario results) gives the figure, undefined where not measured. */
export const bars = [
  { scenario: "closed", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 0.4 },
  { scenario: "closed", text: "CPU/call of ours / the relay's", figure: (r) => r.cpuTo("contender", "relay"), most: 4 },
  { scenario: "closed", text: "RSS of ours / Envoy's", figure: (r) => r.rssTo("contender", "envoy"), most: 2 },
  { scenario: "mirror", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 0.4 },
  { scenario: "paced", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 0.8 },
  {
    scenario: "paced",
    text: "CPU/call of ours / the relay's",
    figure: (r) => r.cpuTo("contender", "relay"),
    most: 1.3,
  },
  { scenario: "paced", text: "p99 of ours / Envoy's", figure: (r) => r.p99To("contender", "envoy"), most: 1 },
  { scenario: "large", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 1 },
  { scenario: "tls", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 0.4 },
  { scenario: "tls-large", text: "CPU/call of ours / Envoy's", figure: (r) => r.cpuTo("contender", "envoy"), most: 1 },
  ...["dead", "slow", "flooding", "resetting"].map((mode) => ({
    scenario: "shadow",
    text: `p99 with a ${mode} shadow / without`,
    figure: (r) => r.p99To(mode, "none"),
    most: 1.1,
  })),
];
