/** Model servers that answer every call with their own name, by Node's HTTP/2: `models.ts NAME…` tells the ports once they listen. */
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { framed } from "../support/predict.ts";

const addresses: Record<string, string> = {};
for (const name of process.argv.slice(2)) {
  const answer = framed(name);
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "application/grpc" });
      response.addTrailers({ "grpc-status": "0" });
      response.end(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  addresses[name] = `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
// Whoever started it is gone: nobody else would end it.
process.once("disconnect", () => process.exit(0));
process.send?.({ addresses });
