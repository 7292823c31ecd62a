import assert from "node:assert/strict";
import { tlsErrorText, tlsFailureOf } from "../../../src/transport/tls-failure.ts";

describe("the reason of a failed handshake", () => {
  const rows = [
    ["ERR_SSL_NO_APPLICATION_PROTOCOL", "alpn"],
    ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "alpn"],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", "version"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "version"],
    ["ERR_SSL_NO_SHARED_CIPHER", "version"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "not_tls"],
    ["ERR_SSL_HTTP_REQUEST", "not_tls"],
    ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "no_certificate"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "no_certificate"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "refused_by_peer"],
    ["CERT_HAS_EXPIRED", "certificate_expired"],
    ["CERT_NOT_YET_VALID", "certificate_expired"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate_untrusted"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate_untrusted"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "name"],
    ["ECONNRESET", "closed"],
    ["ERR_SSL_BAD_RECORD_TYPE", "protocol"],
    [undefined, "protocol"],
  ] as const;
  for (const [code, reason] of rows) {
    it(`is ${reason} for ${code}`, () => {
      assert.equal(tlsFailureOf(code), reason);
    });
  }

  it("is told in OpenSSL's words without its numbers, with a hint where there is one", () => {
    const error = Object.assign(new Error("80A0:error:0A00010B:SSL routines:wrong version number:../x.c:354:"), {
      code: "ERR_SSL_WRONG_VERSION_NUMBER",
      reason: "wrong version number",
    });
    assert.equal(tlsErrorText(error), "TLS: wrong version number: the server does not speak TLS");
    assert.equal(tlsErrorText(new Error("certificate has expired")), "certificate has expired");
  });
});
