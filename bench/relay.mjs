/**
 * The floor: bytes from one socket to another, in Node, with nothing in between.
 *
 * Whatever a proxy in Node does, it does on top of this. `node relay.mjs LISTEN_PORT UPSTREAM_PORT`
 */
import net from "node:net";
import process from "node:process";

const [listenPort, upstreamPort] = process.argv.slice(2).map(Number);

const server = net.createServer({ noDelay: true }, (caller) => {
  const upstream = net.connect({ host: "127.0.0.1", port: upstreamPort, noDelay: true });
  caller.pipe(upstream);
  upstream.pipe(caller);
  const close = () => {
    caller.destroy();
    upstream.destroy();
  };
  caller.on("error", close).on("close", close);
  upstream.on("error", close).on("close", close);
});
server.listen(listenPort, "127.0.0.1");
