/** The house as data: which folder may know which, and where each library lives. ARCHITECTURE.md says why. */
import type { Homes, Layers } from "../support/house-rules.ts";

const call = ["base", "model", "http2", "grpc", "transport", "protocol", "router", "resilience", "observe", "shadow"];
const proxy = [...call, "compare", "plan"];

export const layers: Layers = {
  base: [],
  model: ["base"],
  http2: ["base"],
  grpc: ["base"],
  transport: ["base", "http2"],
  protocol: ["base", "model", "grpc"],
  router: ["base", "model"],
  resilience: ["base", "model"],
  observe: ["base", "model"],
  shadow: ["base", "model", "grpc", "resilience"],
  compare: ["base", "model", "protocol"],
  config: ["base", "model"],
  plan: ["base", "model", "protocol", "router"],
  proxy,
  runtime: [...proxy, "proxy"],
  workers: ["base", "model", "transport", "resilience", "runtime"],
  processes: "anything",
  gate: ["base", "model"],
  strategy: ["base", "model"],
  rollout: ["base", "model", "gate", "strategy"],
  etcd: ["base"],
  api: ["base", "model", "config"],
  sync: ["base", "model", "config", "api", "etcd"],
  control: ["base", "model", "router", "config", "plan", "rollout", "api", "etcd"],
  admin: ["base", "model"],
  injector: ["base", "model", "config"],
  report: ["base", "model", "gate", "compare"],
  init: ["base", "model", "config", "protocol", "grpc"],
  demo: "anything",
  cli: ["base", "model", "config", "plan", "gate"],
  "app.ts": "anything",
  "main.ts": "anything",
};

const files = {
  homes: [
    "src/config/",
    "src/compare/",
    "src/control/embedded/",
    "src/sync/last-good.ts",
    "src/demo/",
    "src/cli/",
    "src/processes/",
    "src/app.ts",
    "src/main.ts",
  ],
};
// init asks an address what listens there before a gRPC library makes one error of every slip; channels ask after it.
const sockets = [
  "src/transport/",
  "src/admin/",
  "src/api/handshake.ts",
  "src/control/ports/server.ts",
  "src/init/",
  "src/demo/",
];
const rpc = { homes: ["src/api/", "src/etcd/", "src/sync/", "src/control/", "src/init/", "src/demo/"] };
const demo = { homes: ["src/demo/"] };

export const homes: Homes = {
  "@grpc/grpc-js": rpc,
  "@grpc/proto-loader": rpc,
  "@grpc/reflection": { homes: ["src/api/"] },
  commander: { homes: ["src/cli/"] },
  convict: { homes: ["src/config/"] },
  "grpc-health-check": { homes: ["src/control/", "src/demo/"] },
  "onnxruntime-web": demo,
  opossum: { homes: ["src/resilience/"] },
  pino: { homes: ["src/processes/"] },
  "prom-client": { homes: ["src/observe/"] },
  yaml: { homes: ["src/config/"] },
  "node:child_process": { homes: ["src/workers/", "src/demo/"] },
  "node:cluster": { homes: [] },
  "node:dgram": { homes: [] },
  "node:dns": { homes: ["src/transport/"] },
  "node:dns/promises": { homes: ["src/transport/"] },
  // A socket's descriptor is written like a file's.
  "node:fs": { homes: [...files.homes, "src/transport/direct-write.ts", "src/transport/unix-socket.ts"] },
  "node:fs/promises": files,
  "node:http": {
    homes: [
      "src/admin/",
      "src/control/ports/http.ts",
      "src/control/ports/http-endpoints.ts",
      "src/demo/",
      "src/sync/http-source.ts",
    ],
  },
  "node:http2": demo,
  "node:https": { homes: ["src/control/ports/http.ts"] },
  "node:module": { homes: [] },
  // Addresses are only told apart by the free names; what opens a socket stays at home.
  "node:net": { homes: sockets, free: ["BlockList", "SocketAddress", "isIP", "isIPv4", "isIPv6"] },
  "node:tls": { homes: [...sockets, "src/control/ports/tls-options.ts"] },
  "node:vm": { homes: [] },
  "node:worker_threads": { homes: [] },
};
