import assert from "node:assert/strict";
import { isSecretHeader, isSecretName, redact, redactProse, redactText } from "../../../src/base/redact.ts";

describe("secret names", () => {
  for (const name of [
    "authorization",
    "Proxy-Authorization",
    "cookie",
    "Set-Cookie",
    "x-api-key",
    "apiKey",
    "DB_PASSWORD",
    "x-auth-token",
    "client.secret",
    "privateKey",
    "x-amz-signature",
    "accessKeyId",
  ]) {
    it(`are such as ${name}`, () => assert.ok(isSecretName(name)));
  }
  for (const name of ["key", "x-user-id", "ignore", "design", "author", "passthrough", "certificate", "maxBytes"]) {
    it(`are not such as ${name}`, () => assert.ok(!isSecretName(name)));
  }
  for (const name of ["x-api-key", "x-foo-key", "X-Tenant-Auth", "x-pass", "x_pwd", "x-session", "x-client-cert"]) {
    it(`of metadata are such as ${name}`, () => assert.ok(isSecretHeader(name)));
  }
  for (const name of ["x-user-id", "x-author", "x-passthrough", "x-design", "x-keyboard"]) {
    it(`of metadata are not such as ${name}`, () => assert.ok(!isSecretHeader(name)));
  }
});

describe("redacting a document", () => {
  it("hides values under secret names at any depth, and nothing else", () => {
    const document = {
      routes: [{ name: "fraud", headers: { authorization: "Bearer abc", "x-user": "u1" } }],
      token: 7,
    };
    assert.deepEqual(redact(document), {
      routes: [{ name: "fraud", headers: { authorization: "[redacted]", "x-user": "u1" } }],
      token: "[redacted]",
    });
  });

  it("hides a whole object under a secret name", () => {
    assert.deepEqual(redact({ credentials: { user: "u", other: "p" } }), { credentials: "[redacted]" });
  });

  it("hides the second half of a metadata pair", () => {
    const metadata = [
      ["authorization", "Bearer abc"],
      ["x-tenant", "blue"],
    ];
    assert.deepEqual(redact({ metadata }), {
      metadata: [
        ["authorization", "[redacted]"],
        ["x-tenant", "blue"],
      ],
    });
  });

  it("leaves numbers, lists, switches and empty values as they are", () => {
    const document = {
      forwardAuthorization: false,
      token: null,
      secret: "",
      weights: { v41: 90 },
      list: [1, "a", true],
    };
    assert.deepEqual(redact(document), document);
  });

  it("gives a copy and leaves the document alone", () => {
    const document = { password: "p" };
    redact(document);
    assert.deepEqual(document, { password: "p" });
  });

  it("comes to an end on a document that refers to itself", () => {
    const document: Record<string, unknown> = { name: "loop" };
    document.self = document;
    assert.match(JSON.stringify(redact(document)), /too deep/);
  });
});

describe("redacting a text", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["https://user:pa%40ss@host:8500/path", "https://[redacted]@host:8500/path"],
    ["etcd://a:b@c@host/x", "etcd://[redacted]@host/x"],
    ["https://token@host/", "https://[redacted]@host/"],
    ["https://host/config?version=3&access_token=abc#id", "https://host/config?version=3&access_token=[redacted]#id"],
    ["https://host/#access_token=abc&state=1", "https://host/#access_token=[redacted]&state=1"],
    ["https://host/x?sig=abc%3D&sv=2021", "https://host/x?sig=[redacted]&sv=2021"],
    ["https://host/x?key=abc", "https://host/x?key=[redacted]"],
    ["refused: Bearer eyJhbGciOi.abc-_x", "refused: Bearer [redacted]"],
    ["dns:///fraud-v42.ml:8500", "dns:///fraud-v42.ml:8500"],
    ["unix:/run/model.sock", "unix:/run/model.sock"],
    ["mail someone@example.org, a=b", "mail someone@example.org, a=b"],
    ["https://host/a@b?page=2", "https://host/a@b?page=2"],
  ];
  for (const [given, want] of rows)
    it(`makes ${given} ${given === want ? "itself" : want}`, () => assert.equal(redactText(given), want));

  it("takes time in proportion to the text", () => {
    const long = "a://".repeat(50_000) + "?a=".repeat(50_000) + "bearer ".repeat(50_000);
    const before = performance.now();
    redactText(long);
    assert.ok(performance.now() - before < 2_000);
  });
});

describe("redacting what a person has written", () => {
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${"e30".repeat(4)}.c2ln`;
  for (const [text, left] of [
    ["password: hunter2", "password: [redacted]"],
    ["the password is new", "the password is new"],
    ["DB_PASSWORD=hunter2, and v42", "DB_PASSWORD=[redacted], and v42"],
    ['{"api-key": "abc def"}', '{"api-key": [redacted]}'],
    ["ran curl --token abc123 again", "ran curl --token [redacted] again"],
    ["the token expired", "the token expired"],
    ["Authorization: Bearer abcdefgh", "Authorization: [redacted] [redacted]"],
    [`by ${jwt}, see`, "by [redacted], see"],
    [`by ghp_${"a".repeat(36)}`, "by [redacted]"],
    ["AKIAIOSFODNN7EXAMPLE leaked", "[redacted] leaked"],
    ["-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- x", "[redacted] x"],
    ["see https://ana:pw@x/y?sig=abc", "see https://[redacted]@x/y?sig=[redacted]"],
    ["weights: v41=90, key: metadata:x-user-id", "weights: v41=90, key: metadata:x-user-id"],
    ["v42 is good: p99=12ms, ticket OPS-17", "v42 is good: p99=12ms, ticket OPS-17"],
  ] as const) {
    it(`leaves of ${JSON.stringify(text)} ${JSON.stringify(left)}`, () => assert.equal(redactProse(text), left));
  }

  for (const part of ["a", "eyJ-", "token ", "a.b-", '"', " token='", "--", "-----BEGIN PRIVATE KEY-----"]) {
    it(`takes time in proportion to the text, ${JSON.stringify(part)} over and over`, () => {
      const beganMs = performance.now();
      redactProse(part.repeat(100_000));
      assert.ok(performance.now() - beganMs < 1_000);
    });
  }
});
