import assert from "node:assert/strict";
import { parseSettings, type Strings } from "../../../src/config/settings.ts";
import { parsedValue, problemLinesOf, problemsOf } from "../../support/parsed.ts";

const settings = (env: Strings) => parsedValue(parseSettings(env));
const problems = (env: Strings) => problemLinesOf(parseSettings(env));

describe("settings", () => {
  it("have defaults for all, so that an empty environment is enough", () => {
    assert.deepEqual(settings({}), {
      listen: { kind: "tcp", host: "0.0.0.0", port: 7400 },
      listenMode: 0o660,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsClientCa: undefined,
      tlsAllowedNames: [],
      tlsMinVersion: "TLSv1.2",
      admin: { kind: "tcp", host: "127.0.0.1", port: 7401 },
      workers: 1,
      local: { kind: "tcp", host: "127.0.0.1", port: 8500 },
      config: undefined,
      configPollMs: 10_000,
      configCa: undefined,
      configCert: undefined,
      configKey: undefined,
      configTokenFile: undefined,
      configUser: undefined,
      configPasswordFile: undefined,
      control: undefined,
      controlCa: undefined,
      controlCert: undefined,
      controlKey: undefined,
      controlServerName: undefined,
      controlTokenFile: undefined,
      controlPlaintext: false,
      controlWaitMs: 2_000,
      stateDir: undefined,
      namespace: undefined,
      workload: undefined,
      pod: undefined,
      champion: undefined,
      challengers: [],
      weights: [],
      shadows: [],
      key: [],
      score: undefined,
      upstreamTlsCa: undefined,
      upstreamTlsCert: undefined,
      upstreamTlsKey: undefined,
      route: "default",
      salt: undefined,
      assignment: "slots",
      pin: false,
      variantHeader: true,
      trustHop: [
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
      ],
      drainDelayMs: 5_000,
      gracePeriodMs: 25_000,
      waitForChampion: false,
      logLevel: "info",
      nonGrpc: "refuse",
      accessLog: 0,
      predictionLog: undefined,
      predictionLogSample: 0.01,
      controlClient: undefined,
      limits: { http2: {}, transport: {}, proxy: {}, breaker: {}, overload: {} },
      given: new Set(),
    });
  });

  it("of TLS are read together", () => {
    const read = settings({
      CONTENDER_TLS_CERT: "/tls/tls.crt",
      CONTENDER_TLS_KEY: "/tls/tls.key",
      CONTENDER_TLS_CLIENT_CA: "/tls/ca.crt",
      CONTENDER_TLS_ALLOWED_NAMES: "router.ml.svc, spiffe://td/ns/ml/*",
      CONTENDER_TLS_MIN_VERSION: "TLSv1.3",
    });
    assert.deepEqual(read.tlsAllowedNames, ["router.ml.svc", "spiffe://td/ns/ml/*"]);
    assert.deepEqual([read.tlsCert, read.tlsKey, read.tlsClientCa], ["/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt"]);
    assert.equal(read.tlsMinVersion, "TLSv1.3");
  });

  const halves: readonly (readonly [set: Strings, missing: string])[] = [
    [{ CONTENDER_TLS_CERT: "/a" }, "CONTENDER_TLS_KEY"],
    [{ CONTENDER_TLS_KEY: "/a" }, "CONTENDER_TLS_CERT"],
    [{ CONTENDER_TLS_CLIENT_CA: "/a" }, "CONTENDER_TLS_CERT"],
    [{ CONTENDER_TLS_MIN_VERSION: "TLSv1.3" }, "CONTENDER_TLS_CERT"],
    [
      { CONTENDER_TLS_CERT: "/a", CONTENDER_TLS_KEY: "/b", CONTENDER_TLS_ALLOWED_NAMES: "a.b" },
      "CONTENDER_TLS_CLIENT_CA",
    ],
  ];
  for (const [set, missing] of halves) {
    it(`refuse ${Object.keys(set).join(" and ")} without ${missing}`, () => {
      const parsed = parseSettings(set);
      assert.deepEqual(
        problemsOf(parsed).map(({ path }) => path),
        [missing],
      );
    });
  }

  it("read every word of the common case", () => {
    const read = settings({
      CONTENDER_CHAMPION: "127.0.0.1:8500",
      CONTENDER_CHALLENGERS: "v2=127.0.0.1:8501",
      CONTENDER_WEIGHTS: "champion=90,v2=10",
      CONTENDER_SHADOWS: "v3=127.0.0.1:8502@25%",
      CONTENDER_KEY: "metadata:x-user-id",
      CONTENDER_SCORE: "scores[1]",
      CONTENDER_ROUTE: "fraud",
      CONTENDER_LISTEN: "127.0.0.1:7400",
      CONTENDER_ADMIN: "127.0.0.1:7401",
    });
    assert.deepEqual(read.champion, { name: "champion", address: "127.0.0.1:8500" });
    assert.deepEqual(read.challengers, [{ name: "v2", address: "127.0.0.1:8501" }]);
    assert.deepEqual(read.weights, [
      ["champion", 90],
      ["v2", 10],
    ]);
    assert.deepEqual(read.shadows, [{ name: "v3", address: "127.0.0.1:8502", percent: 25 }]);
    assert.deepEqual(read.key, [{ kind: "metadata", name: "x-user-id" }]);
    assert.deepEqual(read.score, { output: "scores", reduce: "element", index: 1 });
    assert.equal(read.route, "fraud");
    assert.deepEqual(read.listen, { kind: "tcp", host: "127.0.0.1", port: 7400 });
  });

  it("tell every problem at once, each under the name of its variable", () => {
    const lines = problems({
      CONTENDER_LISTEN: "7400",
      CONTENDER_DRAIN_DELAY: "5",
      CONTENDER_PIN: "yes",
      CONTENDER_ACCESS_LOG: "1.5",
      CONTENDER_LOG_LEVEL: "verbose",
      CONTENDER_CHAMPIN: "127.0.0.1:8500",
      CONTENDER_LIMIT_MAX_FRAME_BYTES: "100",
    });
    assert.deepEqual(lines, [
      "CONTENDER_CHAMPIN: unknown setting, the nearest is CONTENDER_CHAMPION",
      'CONTENDER_LISTEN: want HOST:PORT, the port is missing in "7400"',
      'CONTENDER_PIN: want true or false, got "yes"',
      'CONTENDER_DRAIN_DELAY: want a duration such as "500ms", "2s" or "10m", got "5"',
      'CONTENDER_LOG_LEVEL: want one of trace, debug, info, warn, error, fatal, silent, got "verbose"',
      'CONTENDER_ACCESS_LOG: want a number from 0 to 1, got "1.5"',
      'CONTENDER_LIMIT_MAX_FRAME_BYTES: want a whole number from 16384 to 16777215, got "100"',
    ]);
  });

  it("tell an unknown name with odd characters in quotes, so that a problem stays one line", () => {
    assert.deepEqual(problems({ "CONTENDER_\r\nKEY": "a" }), [
      '"CONTENDER_\\r\\nKEY": unknown setting, the nearest is CONTENDER_KEY',
    ]);
  });

  it("count an empty variable as not set, which is what an unset ConfigMap key gives", () => {
    assert.deepEqual(settings({ CONTENDER_PIN: "", CONTENDER_ROUTE: "  ", CONTENDER_CONFIG: "" }), settings({}));
  });

  it("do not look at names of others", () => {
    assert.deepEqual(settings({ PATH: "/bin", CONTENDERS: "x", NOT_CONTENDER_PIN: "x" }), settings({}));
  });

  it("keep what was set apart from what was filled in", () => {
    const read = settings({ CONTENDER_PIN: "true", CONTENDER_LIMIT_MAX_QUEUED_CALLS: "5" });
    assert.deepEqual([...read.given], ["CONTENDER_PIN", "CONTENDER_LIMIT_MAX_QUEUED_CALLS"]);
  });

  it("refuse a grace period that ends with the drain delay", () => {
    assert.deepEqual(problems({ CONTENDER_DRAIN_DELAY: "10s", CONTENDER_GRACE_PERIOD: "10s" }), [
      "CONTENDER_GRACE_PERIOD: want more than CONTENDER_DRAIN_DELAY, or no call would be waited for",
    ]);
  });

  for (const [text, ratio] of [
    ["0", 0],
    ["1", 1],
    ["0.05", 0.05],
    [".5", 0.5],
    ["1.0", 1],
  ] as const) {
    it(`read the ratio ${text}`, () => {
      assert.equal(settings({ CONTENDER_ACCESS_LOG: text }).accessLog, ratio);
    });
  }

  for (const text of ["-1", "2", "1e-3", "0.5x", "NaN", "0x1", "1.01"]) {
    it(`refuse the ratio ${text}`, () => {
      assert.equal(problems({ CONTENDER_ACCESS_LOG: text }).length, 1);
    });
  }

  it("sort limits into the options of the modules that own them", () => {
    const { limits } = settings({
      CONTENDER_LIMIT_STREAM_WINDOW_BYTES: "65536",
      CONTENDER_LIMIT_CONNECT_TIMEOUT: "1.5s",
      CONTENDER_LIMIT_BACKOFF_JITTER: "0",
      CONTENDER_LIMIT_BREAKER_WINDOW: "30s",
    });
    assert.deepEqual(limits, {
      http2: { streamWindowBytes: 65_536 },
      transport: { connectTimeoutMs: 1_500, backoffJitter: 0 },
      proxy: {},
      overload: {},
      breaker: { windowMs: 30_000 },
    });
  });

  it("are frozen", () => {
    assert.ok(Object.isFrozen(settings({})));
  });
});

describe("the names of service links", () => {
  const links = {
    CONTENDER_PORT: "tcp://10.0.0.1:7400",
    CONTENDER_SERVICE_HOST: "10.0.0.1",
    CONTENDER_SERVICE_PORT: "7400",
    CONTENDER_SERVICE_PORT_GRPC: "7400",
    CONTENDER_PORT_7400_TCP: "tcp://10.0.0.1:7400",
    CONTENDER_PORT_7400_TCP_PROTO: "tcp",
    CONTENDER_PORT_7400_TCP_PORT: "7400",
    CONTENDER_PORT_7400_TCP_ADDR: "10.0.0.1",
    CONTENDER_CONTROL_SERVICE_HOST: "10.0.0.2",
    CONTENDER_CONTROL_SERVICE_PORT: "7410",
    CONTENDER_CONTROL_SERVICE_PORT_HTTP: "7411",
    CONTENDER_CONTROL_PORT: "tcp://10.0.0.2:7410",
    CONTENDER_CONTROL_PORT_7410_TCP: "tcp://10.0.0.2:7410",
    CONTENDER_CONTROL_PORT_7410_TCP_ADDR: "10.0.0.2",
    CONTENDER_DNS_PORT_53_UDP: "udp://10.0.0.3:53",
  };
  for (const [name, value] of Object.entries(links)) {
    it(`are no settings, and no mistake: ${name}`, () => {
      assert.deepEqual(settings({ [name]: value }), settings({}));
    });
  }

  for (const [name, nearest] of [
    ["CONTENDER_PORT", "CONTENDER_POD"],
    ["CONTENDER_ADMIN_PORT", "CONTENDER_ADMIN"],
    ["CONTENDER_LISTN", "CONTENDER_LISTEN"],
    ["CONTENDER_WIEGHTS", "CONTENDER_WEIGHTS"],
    ["CONTENDER_LIMIT_STREAM_WINDOW", "CONTENDER_LIMIT_STREAM_WINDOW_BYTES"],
    ["CONTENDER_DRAINDELAY", "CONTENDER_DRAIN_DELAY"],
  ] as const) {
    it(`do not hide a mistake: ${name}=7400 is one, and near ${nearest}`, () => {
      assert.deepEqual(problems({ [name]: "7400" }), [`${name}: unknown setting, the nearest is ${nearest}`]);
    });
  }
});
