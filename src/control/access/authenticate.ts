/**
 * What a call or a request brings to tell who is asking.
 *
 * Of a certificate only the names count that TLS verified: grpc-js gives a peer's certificate for sockets that OpenSSL calls
 * authorized, and none for others (`getAuthContext`), and of `node:https` the same is asked for here. That was so when the
 * connection began, or a session before it that it resumes; how old the certificate is by now is looked at each time.
 */

import type { Metadata } from "@grpc/grpc-js";
import { actorKey } from "../../api/metadata-keys.ts";
import { type AskerHeaders, isLocalAsker, isLoopback } from "../../base/local-asker.ts";
import { namesOf } from "../../base/tls-names.ts";
import type { Evidence } from "./access.ts";

/** Of the port that it came by. */
export interface PortFacts {
  readonly tls: boolean;
  readonly unix: boolean;
}

interface Certificate {
  readonly subjectaltname?: string | undefined;
  readonly valid_to?: string | undefined;
}

/** What `ServerUnaryCall` and `ServerDuplexStream` of grpc-js have. */
export interface AskingCall {
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: Certificate | undefined };
}

/** What an `IncomingMessage` of `node:http` and `node:https` has, also where a framework is around it. */
export interface AskingRequest {
  readonly headers: AskerHeaders;
  readonly headersDistinct: Readonly<Record<string, string[] | undefined>>;
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    /** Of a TLS socket: whether the peer showed a certificate, and it was verified. */
    readonly authorized?: boolean;
    getPeerCertificate?(): Certificate | null;
  };
}

export function evidenceOfCall(call: AskingCall, port: PortFacts, wallMs: number): Evidence {
  const peer = call.getPeer();
  // ADDRESS:PORT, without brackets round an IPv6 address; "unknown" for a unix socket's peer, or for one that has gone.
  const colon = peer.lastIndexOf(":");
  const address = colon < 0 ? undefined : peer.slice(0, colon);
  return {
    certificate: port.tls ? certificateOf(call.getAuthContext().sslPeerCertificate, wallMs) : undefined,
    authorization: texts(call.metadata, "authorization"),
    plaintext: !port.tls,
    // No page in a browser speaks HTTP/2 without TLS.
    loopback: port.unix || (address !== undefined && isLoopback(address)),
    peer: port.unix ? "unix" : peer,
    claimed: texts(call.metadata, actorKey)[0],
  };
}

export function evidenceOfRequest(request: AskingRequest, port: PortFacts, wallMs: number): Evidence {
  const { socket, headers, headersDistinct } = request;
  const verified = port.tls && socket.authorized === true;
  return {
    certificate: verified ? certificateOf(socket.getPeerCertificate?.(), wallMs) : undefined,
    // Of `headers` Node keeps the first alone, and who sends two may mean the other.
    authorization: headersDistinct.authorization ?? [],
    plaintext: !port.tls,
    loopback: isLocalAsker(socket.remoteAddress, headers, port.unix),
    peer: port.unix ? "unix" : (socket.remoteAddress ?? "unknown"),
    claimed: headersDistinct[actorKey]?.[0],
  };
}

function certificateOf(certificate: Certificate | null | undefined, wallMs: number): Evidence["certificate"] {
  // An empty object is what Node gives where there is none.
  if (certificate?.valid_to === undefined) return undefined;
  // What can't be read is no date that lies ahead.
  const expired = !(Date.parse(certificate.valid_to) >= wallMs);
  return { names: namesOf(certificate.subjectaltname), expired };
}

const texts = (metadata: Metadata, name: string): string[] => metadata.get(name).map(String);
