/**
 * The service under test, as it is shipped, and the calls that change its routes.
 *
 * They are made by hand over `node:http2`: the bench has no packages of its own, and a unary call is one frame each way.
 */
import http2 from "node:http2";
import { join } from "node:path";
import process from "node:process";
import { method } from "../../src/api/protos.ts";
import { Child } from "../lib/children.mjs";
import { folder, projectNode, shippedDir } from "../lib/peers.mjs";
import { cpuSeconds, rssBytes, tree } from "../lib/proc.mjs";

/** How often memory is looked at. */
const rssEveryMs = 250;
/** Status, bytes of a message's head. */
const headBytes = 5;

/** One directory, and one process after the other that serves it. */
export class Control {
  /** @param {{ program?: string, nodeArgs?: string[] }} options program: another than the shipped `contender control` */
  constructor({ program, nodeArgs = [] }) {
    this.args = [
      ...nodeArgs,
      ...(program === undefined ? [join(shippedDir, "bin/contender.js"), "control"] : [program]),
    ];
    this.store = folder("store");
    this.listen = "127.0.0.1:0";
    /** The most memory that was seen, of any of its processes. */
    this.mostRss = 0;
  }

  /** Starts it; the second time on the port it had. Resolves when it says that it is ready. */
  async start() {
    this.child = new Child(projectNode(), this.args, {
      env: {
        CONTENDER_CONTROL_LISTEN: this.listen,
        CONTENDER_CONTROL_HTTP: "127.0.0.1:0",
        CONTENDER_STORE: `dir:${this.store}`,
        NODE_ENV: "production",
        NODE_DISABLE_COMPILE_CACHE: "1",
      },
    });
    const { grpc } = await this.child.next("ready");
    this.listen = grpc;
    this.pids = tree(this.child.pid);
    this.sampler = setInterval(() => this.rss(), rssEveryMs);
    this.session = http2.connect(`http://${grpc}`);
    this.session.on("error", () => undefined);
  }

  rss() {
    const now = rssBytes(this.pids);
    this.mostRss = Math.max(this.mostRss, now);
    return now;
  }

  cpu() {
    return cpuSeconds(this.pids);
  }

  /** Ends it as the out-of-memory killer would. */
  async kill() {
    clearInterval(this.sampler);
    this.session.destroy();
    for (const pid of this.pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // ended meanwhile
      }
    }
    await this.child.ended;
  }

  async stop() {
    clearInterval(this.sampler);
    this.session.destroy();
    return await this.child.stop();
  }

  /** A unary call, resolved with the bytes of its answer. */
  callBytes(service, name, request) {
    const { path, requestSerialize } = method(service, name);
    const message = requestSerialize(request);
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(message.length, 1);
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks = [];
      let ended = {};
      stream.on("response", (headers) => Object.assign(ended, headers));
      stream.on("trailers", (trailers) => {
        ended = { ...ended, ...trailers };
      });
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (ended["grpc-status"] === "0") resolve(Buffer.concat(chunks).subarray(headBytes));
        else
          reject(
            new Error(`${name}: ${ended["grpc-status"]} ${decodeURIComponent(ended["grpc-message"] ?? "no answer")}`),
          );
      });
      stream.end(Buffer.concat([head, message]));
    });
  }

  async call(service, name, request) {
    return method(service, name).responseDeserialize(await this.callBytes(service, name, request));
  }
}
