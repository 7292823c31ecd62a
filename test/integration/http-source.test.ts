/** Routes polled from an HTTP server that does what a test tells it to. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { Problem } from "../../src/base/parsed.ts";
import type { Loaded } from "../../src/config/snapshot.ts";
import { type SourceEvent, SourceStatus } from "../../src/config/source-status.ts";
import { HttpSource, type HttpSourceOptions, loadAnswer } from "../../src/sync/http-source.ts";
import { Authority } from "../support/certificates.ts";
import { HttpRoutes, type Serve, text } from "../support/http-routes.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { routeDocument } from "../support/route-document.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const route = (weight: number): string =>
  routeDocument("fraud", {
    variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
    champion: "v1",
    weights: { v1: 100 - weight, v2: weight },
  });

const serving = (tls?: object): HttpRoutes => new HttpRoutes(text(route(10)), tls);

async function world(http: HttpRoutes, given: Partial<HttpSourceOptions> = {}) {
  owned.add(await http.listen());
  const clock = new ManualClock();
  const events: SourceEvent[] = [];
  const delivered: Loaded[] = [];
  const state = { problems: [] as readonly Problem[] };
  const status = new SourceStatus(http.url, clock, (event) => events.push(event));
  const source = owned.add(
    new HttpSource({
      url: http.url,
      name: http.url,
      pollMs: 10_000,
      pem: {},
      tokenFile: undefined,
      around: { local: "127.0.0.1:8500" },
      clock,
      chance: { next: () => 0.5 },
      status,
      apply: (loaded) => {
        delivered.push(loaded);
        return loaded.ok ? state.problems : loaded.problems;
      },
      ...given,
    }),
  );
  /** Moves to the next poll, and waits until its answer was looked at. */
  const poll = async (afterMs = 10_000): Promise<void> => {
    const before = clock.pending;
    clock.advance(afterMs);
    await until(() => clock.pending >= before && status.contactWallMs !== undefined, "the answer was looked at");
    await until(() => clock.nextDueMs !== undefined && clock.nextDueMs - clock.nowMs() >= 9_000, "the next is planned");
  };
  const weights = () => delivered.map((loaded) => (loaded.ok ? loaded.value.routes[0]?.weights.v2 : "refused"));
  return { clock, delivered, events, poll, source, state, status, weights };
}

describe("routes from an HTTP server", () => {
  it("are put in force at the start, and again when they have changed", async () => {
    const http = serving();
    const { poll, source, status, weights } = await world(http);
    assert.deepEqual(await source.open(), []);
    http.serve = text(route(20));
    await poll();
    assert.deepEqual(weights(), [10, 20]);
    assert.equal(status.connected, true);
  });

  it("are asked for by their ETag, and an answer without news changes nothing", async () => {
    const http = serving();
    const { poll, source, weights } = await world(http);
    http.serve = (request, response) => {
      if (request.headers["if-none-match"] === '"one"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"one"' }).end(route(10));
    };
    await source.open();
    await poll();
    await poll();
    assert.deepEqual(weights(), [10]);
    assert.deepEqual(
      http.requests.map(({ headers }) => headers["if-none-match"]),
      [undefined, '"one"', '"one"'],
    );
  });

  it("are not put in force again where the server has no ETags and nothing has changed", async () => {
    const http = serving();
    const { poll, source, weights } = await world(http);
    await source.open();
    http.serve = text(`${route(10)}\n# a comment`);
    await poll();
    assert.deepEqual(weights(), [10]);
  });

  it("may be what /config shows, with tables", async () => {
    const http = serving();
    const { delivered, source } = await world(http);
    const table = [{ from: 0, to: 65_536, variant: "v2" }];
    http.serve = text(JSON.stringify({ version: "x", routes: [JSON.parse(route(10))], tables: { fraud: table } }));
    assert.deepEqual(await source.open(), []);
    assert.ok(delivered[0] !== undefined);
    assert.deepEqual(parsedValue(delivered[0]).routes[0]?.table, table);
  });

  describe("of a config service, with its version in them,", () => {
    const store = "0123456789ab";
    const versioned = (weight: number, version: string): string =>
      JSON.stringify({ version, routes: [JSON.parse(route(weight))], tables: {} });

    it("do not go back in the history of its store, whichever replica answers", async () => {
      const http = serving();
      const { poll, source, status, weights } = await world(http);
      http.serve = text(versioned(50, `${store}-7-00000007`));
      await source.open();
      assert.equal(status.state.service.version, `${store}-7-00000007`);
      http.serve = text(versioned(10, `${store}-6-00000006`));
      await poll();
      await poll();
      assert.deepEqual(weights(), [50, "refused"]);
      assert.match(status.rejected[0]?.message ?? "", /no revision of this store below the one in force, .*-7-.*-6-/);
      http.serve = text(versioned(50, `${store}-8-00000007`));
      await poll();
      assert.deepEqual([status.rejected, status.version], [[], `${store}-8-00000007`]);
      http.serve = text(versioned(60, `${store}-7-00000009`));
      await poll();
      http.serve = text(versioned(70, `${store}-9-00000009`));
      await poll();
      assert.deepEqual(weights(), [50, "refused", "refused", 70]);
    });

    for (const [what, body] of [
      ["the store was put back, and so is another", versioned(20, "fedcba987654-1-00000001")],
      ["they are a document by now", route(20)],
      ["somebody has changed them by hand", versioned(20, `${store}-7-00000007`)],
      ["their version says nothing about an order", versioned(20, "edited")],
    ] as const) {
      it(`are followed where ${what}`, async () => {
        const http = serving();
        const { poll, source, weights } = await world(http);
        http.serve = text(versioned(50, `${store}-7-00000007`));
        await source.open();
        http.serve = text(body);
        await poll();
        assert.deepEqual(weights(), [50, 20]);
      });
    }

    /** As a config service answers: 304 to whoever has it. */
    const tagged =
      (weight: number, version: string): Serve =>
      (request, response) => {
        const etag = `"${version}"`;
        if (request.headers["if-none-match"]?.includes(etag)) response.writeHead(304, { etag }).end();
        else response.writeHead(200, { etag }).end(versioned(weight, version));
      };
    const [older, newer] = [`${store}-6-00000006`, `${store}-7-00000007`];

    it("are named in each question, also where others were refused since", async () => {
      const http = serving();
      const { poll, source, status, weights } = await world(http);
      http.serve = tagged(50, newer);
      await source.open();
      for (const serve of [tagged(10, older), tagged(10, older), tagged(50, newer), tagged(10, older)]) {
        http.serve = serve;
        await poll();
      }
      assert.deepEqual(
        http.requests.map(({ headers }) => headers["if-none-match"]),
        [undefined, `"${newer}"`, `"${older}", "${newer}"`, `"${older}", "${newer}"`, `"${newer}"`],
      );
      // Those in force came between, so the same refusal is news again.
      assert.deepEqual([weights(), status.rejected.length], [[50, "refused", "refused"], 1]);
    });

    it("are asked for by one name where an answer to two does not say which is there", async () => {
      const http = serving();
      const { poll, source, status } = await world(http);
      http.serve = tagged(50, newer);
      await source.open();
      http.serve = tagged(10, older);
      await poll();
      http.serve = (_, response) => void response.writeHead(304).end();
      await poll();
      assert.equal(status.rejected.length, 1);
      await poll();
      assert.equal(http.requests.at(-1)?.headers["if-none-match"], `"${newer}"`);
      assert.deepEqual(status.rejected, []);
    });

    it("are named from the first question on where they were kept on disk", async () => {
      const http = serving();
      const { clock, source, status, weights } = await world(http);
      http.serve = tagged(50, newer);
      source.follow({ version: "kept", texts: [{ name: http.url, text: versioned(50, newer) }] });
      await until(() => status.connected && clock.nextDueMs === 10_000, "it was asked");
      assert.deepEqual([http.requests[0]?.headers["if-none-match"], weights()], [`"${newer}"`, []]);
    });

    it("go on from those that are in force at the start, and are not put in force twice", async () => {
      const http = serving();
      const { poll, source, status, weights } = await world(http);
      const body = versioned(50, `${store}-7-00000007`);
      const texts = [{ name: "x", text: body }];
      const { version } = parsedValue(loadAnswer("x", texts, { local: "127.0.0.1:8500" }));
      http.serve = text(versioned(10, `${store}-6-00000006`));
      source.follow({ version, texts });
      await until(() => status.rejected.length > 0, "the older ones are refused");
      http.serve = text(body);
      await poll();
      http.serve = text(versioned(60, `${store}-8-00000008`));
      await poll();
      assert.deepEqual(weights(), ["refused", 60]);
    });
  });

  it("are not there where it says unchanged and nobody asked for a change, which is told and tried again", async () => {
    const http = serving();
    const { clock, source, status, weights } = await world(http);
    http.serve = (_, response) => void response.writeHead(304).end();
    const [problem, ...others] = await source.open();
    assert.match(problem?.message ?? "", /it answers 304, unchanged, to a request that names nothing/);
    assert.deepEqual([others, status.failures.get("garbage"), status.contactWallMs], [[], 1, undefined]);
    http.serve = text(route(10));
    await source.open();
    http.serve = (_, response) => void response.writeHead(304).end();
    clock.advance(10_000);
    await until(() => status.failures.get("garbage") === 2, "the failure is known");
    http.serve = text(route(30));
    await until(() => clock.pending === 1, "the next poll is planned");
    clock.advance(20_000);
    await until(() => weights().at(-1) === 30, "it answers again");
  });

  const bad: readonly (readonly [what: string, serve: Serve, failure: RegExp])[] = [
    [
      "half a body",
      (_, response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write(route(20), () => response.destroy());
      },
      /garbage: the answer was cut off/,
    ],
    [
      "half a body in chunks",
      (_, response) => {
        response.write(route(20), () => response.destroy());
      },
      /garbage: the answer was cut off/,
    ],
    ["more than 1 MiB", text(`# ${"x".repeat(1_048_576)}\n${route(20)}`), /garbage: want at most 1048576 bytes/],
    [
      "a redirect",
      (_, response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      /garbage: it answers 302, and redirects are not followed/,
    ],
    ["a compressed body", text(route(20), { "content-encoding": "gzip" }), /garbage: want no content-encoding/],
    [
      "no length",
      ({ socket }) => void socket.end(`HTTP/1.0 200 OK\r\n\r\n${route(20)}`),
      /garbage: want content-length/,
    ],
    ["500", (_, response) => void response.writeHead(500).end(route(20)), /unreachable: it answers 500/],
    ["404", (_, response) => void response.writeHead(404).end(route(20)), /garbage: it answers 404/],
    ["401", (_, response) => void response.writeHead(401).end(), /forbidden: it answers 401/],
    ["a bare close", (_, response) => void response.destroy(), /unreachable: socket hang up/],
  ];
  for (const [what, serve, failure] of bad) {
    it(`stay as they were when it answers ${what}, and go on after`, async () => {
      const http = serving();
      const { clock, events, source, status, weights } = await world(http);
      await source.open();
      http.serve = serve;
      clock.advance(10_000);
      await until(() => !status.connected, "the failure is known");
      assert.match(status.state.service.failure ?? "", failure);
      assert.deepEqual(weights(), [10]);
      http.serve = text(route(30));
      await until(() => clock.pending === 1, "the next poll is planned");
      clock.advance(20_000);
      await until(() => weights().length === 2, "it answers again");
      assert.deepEqual(weights(), [10, 30]);
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ["config_source_connected", "config_source_lost", "config_source_connected"],
      );
    });
  }

  it("stay as they were when it says nothing for five seconds", async () => {
    const http = serving();
    const { clock, source, status, weights } = await world(http);
    await source.open();
    http.serve = () => undefined;
    clock.advance(10_000);
    await until(() => http.requests.length === 2, "it was asked");
    clock.advance(5_000);
    await until(() => !status.connected, "the failure is known");
    assert.match(status.state.service.failure ?? "", /silent: no whole answer within 5000 ms/);
    assert.deepEqual(weights(), [10]);
  });

  const refused: readonly (readonly [what: string, body: string, says: RegExp])[] = [
    ["no routes", "# nothing\n", /there is no route document/],
    ["a page", "<html>", /kind|want/],
    ["a wrong weight", route(-5), /want/],
    ["an empty list", '{"routes": []}', /want at least one route/],
    ["a route whose secret was taken out", '{"routes": [{"a": "[redacted]"}]}', /\[redacted\]/],
  ];
  for (const [what, body, says] of refused) {
    it(`are refused whole with ${what}, told once, and shown`, async () => {
      const http = serving();
      const { poll, source, status, weights } = await world(http);
      await source.open();
      http.serve = text(body);
      await poll();
      await poll();
      assert.deepEqual(weights(), [10, "refused"]);
      assert.match(status.state.service.rejected?.map(({ message }) => message).join() ?? "", says);
      assert.equal(status.connected, true);
      http.serve = text(route(10));
      await poll();
      assert.equal(status.state.service.rejected, undefined);
    });
  }

  it("are told again where they were refused before, and good ones came between", async () => {
    const http = serving();
    const { poll, source, status, weights } = await world(http);
    await source.open();
    for (const body of [route(-5), route(10), route(-5)]) {
      http.serve = text(body);
      await poll();
    }
    assert.deepEqual(weights(), [10, "refused", "refused"]);
    assert.equal(status.state.service.rejected?.length, 1);
  });

  it("that could not be put in force are tried again, ETag or not", async () => {
    const http = serving();
    const { poll, source, state, weights } = await world(http);
    await source.open();
    http.serve = (request, response) => {
      if (request.headers["if-none-match"] === '"two"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"two"' }).end(route(20));
    };
    state.problems = [{ path: "x", message: "a certificate that has not come yet" }];
    await poll();
    state.problems = [];
    await poll();
    await poll();
    assert.deepEqual(weights(), [10, 20, 20]);
  });

  it("say why there are none at the start", async () => {
    const http = serving();
    http.serve = (_, response) => void response.writeHead(503).end();
    const { source } = await world(http);
    assert.deepEqual(await source.open(), [{ path: http.url, message: "it answers 503" }]);
  });

  it("are asked for less and less often while it is away, every minute at last", async () => {
    const http = serving();
    const { clock, source, status } = await world(http);
    await source.open();
    http.serve = (_, response) => void response.writeHead(503).end();
    const pauses: number[] = [];
    for (let i = 1; i <= 5; i++) {
      clock.advance((clock.nextDueMs ?? 0) - clock.nowMs());
      await until(() => status.failures.get("unreachable") === i && clock.pending === 1, "it has failed again");
      pauses.push(Math.round((clock.nextDueMs ?? 0) - clock.nowMs()));
    }
    assert.deepEqual(pauses, [20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  it("are asked for with the token that the file holds then", async () => {
    const folder = owned.add(new TempFolder());
    const http = serving();
    writeFileSync(folder.at("token"), "one");
    const { poll, source } = await world(http, { tokenFile: folder.at("token") });
    await source.open();
    writeFileSync(folder.at("token"), "two");
    await poll();
    assert.deepEqual(
      http.requests.map(({ headers }) => headers.authorization),
      ["Bearer one", "Bearer two"],
    );
  });

  it("come over TLS from whom our authority knows, and to whom has a certificate", async () => {
    const folder = owned.add(new TempFolder());
    const authority = await Authority.create();
    const server = await authority.sign({ ip: ["127.0.0.1"] });
    const own = await authority.sign({});
    const stranger = await Authority.create("stranger");
    writeFileSync(folder.at("ca"), authority.cert);
    writeFileSync(folder.at("other"), stranger.cert);
    writeFileSync(folder.at("cert"), own.cert);
    writeFileSync(folder.at("key"), own.key);
    const secure = () => serving({ ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const pem = { ca: folder.at("ca"), cert: folder.at("cert"), key: folder.at("key") };
    assert.deepEqual(await (await world(secure(), { pem })).source.open(), []);
    const unknown = await (await world(secure(), { pem: { ...pem, ca: folder.at("other") } })).source.open();
    assert.match(unknown[0]?.message ?? "", /certificate/);
    const nobody = await (await world(secure(), { pem: { ca: pem.ca } })).source.open();
    assert.equal(nobody.length, 1);
    const missing = await (await world(secure(), { pem: { ca: folder.at("none") } })).source.open();
    assert.match(missing[0]?.message ?? "", /none can't be read/);
    writeFileSync(folder.at("empty"), "");
    const empty = await (await world(secure(), { pem: { ca: folder.at("empty") } })).source.open();
    assert.match(empty[0]?.message ?? "", /empty: want a certificate in PEM, got none/);
  });

  it("are asked for no more once the source is closed", async () => {
    const http = serving();
    const { clock, source } = await world(http);
    await source.open();
    await source.close();
    assert.equal(clock.pending, 0);
  });
});
