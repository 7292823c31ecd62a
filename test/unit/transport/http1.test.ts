import assert from "node:assert/strict";
import { preface } from "../../../src/http2/constants.ts";
import { looksLikeHttp1 } from "../../../src/transport/http1.ts";

describe("the first bytes of a caller", () => {
  for (const text of [
    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /v1/models/fraud:predict HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.0\r\n",
    "GET /path with spaces HTTP/1.1\n",
    "GET http://host/absolute HTTP/1.1\r\n",
  ]) {
    it(`${JSON.stringify(text)} are HTTP/1`, () => assert.equal(looksLikeHttp1(Buffer.from(text)), true));
  }

  for (const text of [
    preface.toString("latin1"),
    preface.toString("latin1").slice(0, 10),
    "",
    " / HTTP/1.1\r\n",
    "GET",
    "get / HTTP/1.1\r\n",
    "GET / HTTP/1.1",
    "GET / HTTP/2.0\r\n",
    "GET /\r\nHTTP/1.1\r\n",
    `${"A".repeat(21)} / HTTP/1.1\r\n`,
    "\x16\x03\x01\x02\x00 HTTP/1.1\r\n",
  ]) {
    it(`${JSON.stringify(text)} are not`, () => assert.equal(looksLikeHttp1(Buffer.from(text, "latin1")), false));
  }
});
