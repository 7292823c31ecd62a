/** Turns the events of callers' connections into calls. */
import type { ConnectionHandler } from "../http2/connection.ts";
import type { H2Stream } from "../http2/stream.ts";
import { Call } from "./call.ts";
import type { ProxyPorts } from "./ports.ts";

export function downstreamHandler(proxy: ProxyPorts): ConnectionHandler {
  return {
    onRequest: (stream, block, endStream) => {
      const call = new Call(proxy, stream, proxy.generation());
      stream.owner = call;
      call.begin(block, endStream);
    },
    onResponse: () => undefined, // callers don't answer
    // A gRPC request has no trailers of its own; the end of the stream is what counts.
    onTrailers: (stream) => callOf(stream).onRequestData(empty, 0, 0, true),
    onData: (stream, buf, start, end, endStream) => callOf(stream).onRequestData(buf, start, end, endStream),
    onReset: (stream) => callOf(stream).onCallerReset(),
    onDelivered: (stream, bytes) => callOf(stream).onDownDelivered(bytes),
    onReady: () => undefined,
    onCapacity: () => undefined,
    onGoaway: () => proxy.metrics.goaway("downstream", "received"),
    onClosed: (connection) => {
      if (connection.failure >= 0) {
        proxy.metrics.goaway("downstream", "sent");
        proxy.metrics.connectionFault("downstream", connection.fault);
        proxy.onCallerFault(connection);
      }
    },
  };
}

const empty = Buffer.alloc(0);

function callOf(stream: H2Stream): Call {
  return stream.owner as Call;
}
