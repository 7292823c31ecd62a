import assert from "node:assert/strict";
import { formatAddress, readAddress, readListenAddress } from "../../../src/base/address.ts";

const good = [
  ["127.0.0.1:8500", "127.0.0.1:8500"],
  ["Models.ML:8500", "models.ml:8500"],
  ["fraud_v2.ml.:1", "fraud_v2.ml.:1"],
  ["[::1]:8500", "[::1]:8500"],
  ["dns:///fraud-v42.ml:8500", "fraud-v42.ml:8500"],
  ["dns:///[fd00::1]:65535", "[fd00::1]:65535"],
  ["unix:/run/models.sock", "unix:/run/models.sock"],
  ["unix:///run/a=b.sock", "unix:/run/a=b.sock"],
] as const;

const bad = [
  ["", /port is missing/],
  ["models", /port is missing/],
  [":8500", /host is missing/],
  ["models:", /port from 1 to 65535/],
  ["models:0", /port from 1 to 65535/],
  ["models:65536", /port from 1 to 65535/],
  ["models:8500x", /port from 1 to 65535/],
  ["http://models:8500", /without "http:\/\/"/],
  ["dns://models:8500", /three slashes/],
  ["::1", /\[::1\]:PORT/],
  ["::1:8500", /\[::1:8500\]:PORT/],
  ["[::g]:8500", /IP address/],
  ["[models]:8500", /IP address/],
  ["10.0.0.256:8500", /IP address/],
  ["-models:8500", /host name/],
  ["mod els:8500", /host name/],
  [`${"a".repeat(64)}:8500`, /host name/],
  ["unix:models.sock", /absolute path/],
  ["unix:/a\0b", /absolute path/],
  [`unix:/${"a".repeat(107)}`, /at most 107 bytes/],
] as const;

describe("readAddress", () => {
  for (const [text, formatted] of good) {
    it(`reads ${text}`, () => {
      const reading = readAddress(text);
      assert.equal(reading.ok && formatAddress(reading.value), formatted);
    });
  }

  for (const [text, message] of bad) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} and says ${message.source}`, () => {
      const reading = readAddress(text);
      assert.match(reading.ok ? "it was read" : reading.message, message);
    });
  }

  it("reads what formatAddress writes to the same address", () => {
    for (const [text] of good) {
      const once = readAddress(text);
      assert.deepEqual(once.ok && readAddress(formatAddress(once.value)), once);
    }
  });
});

describe("readListenAddress", () => {
  it("takes port 0, which lets the system choose", () => {
    assert.deepEqual(readListenAddress("127.0.0.1:0"), {
      ok: true,
      value: { kind: "tcp", host: "127.0.0.1", port: 0 },
    });
  });

  it("refuses a name service, which is for those who connect", () => {
    assert.equal(readListenAddress("dns:///models:8500").ok, false);
  });
});
