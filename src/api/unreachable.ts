/**
 * Why there is no connection to a config service, and what to do about it.
 *
 * Of a wrong port, a forgotten `tls://`, an authority that nobody named and a certificate that has ended a gRPC library makes one
 * "no connection", with what OpenSSL says of it. So the server is looked at once more, and what is found is said by its setting.
 */
import { status as codes } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.ts";
import type { PemTexts } from "../base/pem.ts";
import {
  type ClientTls,
  type ControlClient,
  controlClientSettings,
  formatControl,
  type HostPort,
} from "../config/control-client.ts";
import { unsent } from "./control-failure.ts";
import { type Handshake, shakeHands } from "./handshake.ts";

/** A status of grpc-js: its own, or a service's. */
export interface Failed {
  readonly code?: unknown;
  readonly details?: string;
}

/** Two round trips take less, and whoever waits has waited for the first try already. */
const lookMs = 2_000;

const { control, controlCa, controlCert, controlKey, controlServerName } = controlClientSettings;

/** Whether no connection came about. What a service itself says of UNAVAILABLE has other words. */
export const neverConnected = ({ code, details = "" }: Failed): boolean =>
  code === codes.UNAVAILABLE && unsent.test(details);

/** One sentence for each address. @param texts of the files that the connection was to be made with */
export async function whyUnreachable(
  failed: Failed,
  client: ControlClient,
  texts: PemTexts,
  clock: Clock,
): Promise<string> {
  const { addresses, tls } = client.target;
  // What the library says is of one address, which it does not name.
  const details = addresses.length === 1 ? failed.details : undefined;
  const each = addresses.map((at) => whyOf({ ...at, tls }, details, client, texts, clock));
  return (await Promise.all(each)).join("; ");
}

async function whyOf(
  place: Place,
  details: string | undefined,
  { tls }: ControlClient,
  texts: PemTexts,
  clock: Clock,
): Promise<string> {
  const where = written(place);
  const unnamed = `${where} does not answer: no machine is named ${place.host}`;
  if (details?.startsWith("Name resolution") === true) return unnamed;
  const known = /\bconnect (E[A-Z]+)/.exec(details ?? "")?.[1];
  if (known !== undefined) return notConnected(where, known);
  const name = tls?.serverName ?? place.host;
  const shaken = await shakeHands(place, texts, name, clock, lookMs);
  const code = shaken.kind === "nothing" ? (shaken.code ?? "") : "";
  if (/^(?:ENOTFOUND|EAI_AGAIN)$/.test(code)) return unnamed;
  if (/^E(?:CONNREFUSED|HOSTUNREACH|NETUNREACH)$/.test(code)) return notConnected(where, code);
  return tls === undefined ? inPlain(shaken, place) : overTls(shaken, place, tls, name, clock);
}

/** One of the service's addresses. */
interface Place extends HostPort {
  readonly tls: boolean;
}

const written = ({ tls, ...address }: Place): string => formatControl({ addresses: [address], tls });

const notConnected = (where: string, code: string): string =>
  code === "ECONNREFUSED"
    ? `${where} does not answer: nothing listens there. Does contender control run?`
    : `${where} does not answer: no connection (${code}). Does contender control run there?`;

const notGrpc =
  "Is it the HTTP port of a config service? gRPC is at its CONTENDER_CONTROL_LISTEN, port 7410 by default";

function inPlain({ kind }: Handshake, place: Place): string {
  const where = written(place);
  if (kind === "plain" || kind === "nothing") return `${where} does not answer as a config service. ${notGrpc}`;
  return `${where} speaks TLS, and was asked in plain text: write ${control.env}=${written({ ...place, tls: true })}, and ${controlCa.env}=PATH where its certificate is of an authority of your own`;
}

function overTls(shaken: Handshake, place: Place, tls: ClientTls, name: string, clock: Clock): string {
  const where = written(place);
  switch (shaken.kind) {
    case "plain":
      return `${where} speaks no TLS: to ask it in plain text, write ${control.env}=${written({ ...place, tls: false })}`;
    case "nothing":
      return `${where} does not answer: it ended the connection, or did not shake hands in time. Does contender control run there?`;
    case "refused":
      if (shaken.alert.includes("APPLICATION_PROTOCOL")) return `${where} speaks TLS, but not gRPC. ${notGrpc}`;
      if (!/CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED/.test(shaken.alert))
        return `${where} ends the handshake of TLS (${shaken.alert})`;
      return tls.cert === undefined
        ? `${where} wants a certificate of ours: set ${controlCert.env} and ${controlKey.env}`
        : refusedCertificate(where, tls.cert, ` (${shaken.alert})`);
    case "tls":
      // Some servers look at our certificate after the handshake, and end the connection without an alert.
      if (shaken.wrong === undefined && tls.cert !== undefined) return refusedCertificate(where, tls.cert, "");
      return wrongCertificate(shaken, where, tls.ca, name, clock.wallMs());
  }
}

const refusedCertificate = (where: string, path: string, alert: string): string =>
  `${where} refuses the certificate in ${path}${alert}: is it of an authority that it knows, and valid still? ${controlCert.env} names it`;

type Shown = Extract<Handshake, { kind: "tls" }>;

function wrongCertificate(
  { wrong, certificate }: Shown,
  where: string,
  ca: string | undefined,
  name: string,
  nowMs: number,
): string {
  const now = `it is ${instant(nowMs)} here`;
  switch (wrong) {
    case undefined:
      return `${where} shakes hands, but ends the connection then. ${notGrpc}`;
    case "CERT_HAS_EXPIRED": {
      const ended = Date.parse(certificate.valid_to);
      if (ended > nowMs) return `an authority of the certificate of ${where} has expired`;
      return `the certificate of ${where} was valid until ${instant(ended)} only; ${now}`;
    }
    case "CERT_NOT_YET_VALID":
      return `the certificate of ${where} is valid from ${instant(Date.parse(certificate.valid_from))} only; ${now}`;
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const names = listed(certificate.subjectaltname);
      return `the certificate of ${where} is for ${names}, and not for ${name}: ask by a name that it has, or say by ${controlServerName.env} (--control-server-name) whom it must be for`;
    }
    default: {
      const trusted = ca === undefined ? "Node trusts" : `stands in ${ca}`;
      return `the certificate of ${where} is signed by no authority that ${trusted} (${wrong}): name the file of its authority by ${controlCa.env} (--control-ca)`;
    }
  }
}

/** `control.test, 10.0.0.1`: as long as a line may be. */
function listed(names: string | undefined): string {
  const plain = (names ?? "").replace(/\b(?:DNS|IP Address|URI):/g, "").replace(/[^\x20-\x7e]/g, "?");
  if (plain === "") return "no name at all";
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain;
}

/** Seconds, UTC. */
const instant = (ms: number): string => (Number.isNaN(ms) ? "?" : `${new Date(ms).toISOString().slice(0, 19)}Z`);
