/** Turns the events of callers' connections into calls, and those of requests that are none into exchanges. */
import type { ConnectionHandler } from "../http2/connection-handler.ts";
import { streamFaultOf } from "../http2/faults.ts";
import type { H2Stream } from "../http2/stream.ts";
import { Call } from "./call.ts";
import { isPlain } from "./failures.ts";
import { PlainExchange } from "./plain-exchange.ts";
import type { ProxyPorts } from "./ports.ts";
import { readRequestHead } from "./request-head.ts";

export function downstreamHandler(proxy: ProxyPorts): ConnectionHandler {
  return {
    onRequest: (stream, block, endStream) => {
      const head = readRequestHead(block);
      if (proxy.forwardsPlain && isPlain(head, block.tooLarge)) {
        const exchange = new PlainExchange(proxy, stream, proxy.generation(), head.hop);
        stream.owner = exchange;
        exchange.begin(block, endStream);
        return;
      }
      if (proxy.admission.refuses(stream, block)) return;
      const call = new Call(proxy, stream, proxy.generation());
      stream.owner = call;
      call.begin(head, block, endStream);
    },
    onResponse: () => undefined, // callers don't answer
    onTrailers: (stream, block) => {
      const user = userOf(stream);
      if (user instanceof PlainExchange) user.onRequestTrailers(block);
      // A gRPC request has no trailers of its own; the end of the stream is what counts.
      else user.onRequestData(empty, 0, 0, true);
    },
    onData: (stream, buf, start, end, endStream) => userOf(stream).onRequestData(buf, start, end, endStream),
    onReset: (stream, _code, how) => {
      const user = userOf(stream);
      if (how === "stalled") {
        proxy.metrics.localReply("caller_stalled");
        if (user instanceof Call) user.failure ??= "caller_stalled";
      }
      user.onCallerReset();
    },
    onStreamFault: (code) => proxy.metrics.streamFault("downstream", streamFaultOf(code)),
    onDelivered: (stream, bytes) => userOf(stream).onDownDelivered(bytes),
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

function userOf(stream: H2Stream): Call | PlainExchange {
  return stream.owner as Call | PlainExchange;
}
