/** Programs that answer in place of the config service: none of what they say may be put in force. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseVersion } from "../../src/api/version.ts";
import { type Answer, ConfigService } from "../support/config-service.ts";
import { answer, type RouteOptions, sentRoute } from "../support/snapshots.ts";

export interface Impostor {
  readonly address: string;
  close(): void;
}

export interface Kind {
  readonly name: string;
  /** Whether a sidecar takes it for a config service, and says what is wrong with what it gave. */
  readonly heard: boolean;
  /** @param version that sidecars have of the real one */
  open(version: string): Promise<Impostor>;
}

async function listening(server: Server, sockets: ReadonlySet<Socket>): Promise<Impostor> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function randomTalker(): Promise<Impostor> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(randomBytes(512)));
    socket.once("close", () => sockets.delete(socket));
    socket.write(randomBytes(64));
  });
  return await listening(server, sockets);
}

async function webServer(): Promise<Impostor> {
  const sockets = new Set<Socket>();
  const server = createHttp((_, response) => response.end("<html>It works!</html>"));
  server.on("connection", (socket: Socket) => sockets.add(socket));
  return await listening(server, sockets);
}

/** A real gRPC server, with this to say. */
async function speaking(make: (version: string) => Answer, version: string, bytes?: Buffer): Promise<Impostor> {
  const service = await ConfigService.open(0, undefined, () => bytes);
  service.onStream = (stream) => stream.send(make(version));
  return service;
}

const lies = (name: string, make: (version: string) => Answer): Kind => ({
  name,
  heard: true,
  open: (version) => speaking(make, version),
});

/** The next revision of the very store, with a route in it for every kind of sidecar. */
function next(version: string, route: RouteOptions): Answer {
  const { store = "", revision = 0 } = parseVersion(version) ?? {};
  return answer(revision + 1, [sentRoute({ ...route, spec: { default: true } })], { from: store });
}

const good: RouteOptions = { weights: { v1: 1, v2: 1 } };
const twice = (version: string): Answer => {
  const { store = "", revision = 0 } = parseVersion(version) ?? {};
  const route = sentRoute({ ...good, spec: { default: true } });
  const weights = [1, 2].map((weight) => ({ variant: "v1", weight }));
  return answer(revision + 1, [{ ...route, weights }], { from: store });
};
const older = (version: string): Answer => {
  const { store = "", revision = 1 } = parseVersion(version) ?? {};
  return answer(revision - 1, [sentRoute({ ...good, spec: { default: true } })], { from: store });
};
const empty = (version: string): Answer => {
  const { store = "", revision = 0 } = parseVersion(version) ?? {};
  return answer(revision + 1, [], { from: store });
};
const torn = (version: string): Answer => ({
  ...next(version, good),
  version: next(version, { weights: { v1: 1, v2: 2 } }).version as string,
});
const undecodable = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]);
const weights = (v2: number): RouteOptions => ({ weights: { v1: 1, v2 }, slots: 65_536 });

export const kinds: readonly Kind[] = [
  { name: "random bytes instead of it", heard: false, open: randomTalker },
  { name: "a web server instead of it", heard: false, open: webServer },
  {
    name: "messages that can't be read",
    heard: false,
    open: (version) => speaking(() => ({}), version, undecodable),
  },
  lies("no routes at all", empty),
  lies("half of another snapshot", torn),
  lies("an older revision", older),
  lies("a weight of NaN", (version) => next(version, weights(Number.NaN))),
  lies("a negative weight", (version) => next(version, weights(-1))),
  lies("weights of zero", (version) => next(version, { weights: { v1: 0, v2: 0 }, slots: 65_536 })),
  lies("a weight given twice", twice),
];
