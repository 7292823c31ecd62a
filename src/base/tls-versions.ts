/** The versions of TLS that may be the oldest; the newest is always taken where both sides have it. */
export const tlsVersions = ["TLSv1.2", "TLSv1.3"] as const;
export type TlsVersion = (typeof tlsVersions)[number];
