/** The page's server as others meet it: over a real port, with everything that a network may send. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { headersOf } from "../../src/cli/server/headers.ts";
import { createHandler } from "../../src/cli/server/handler.ts";
import { MOST_BYTES } from "../../src/cli/server/body.ts";
import { listen } from "../../src/cli/server/listen.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";
import { writeModel } from "../../src/formats/model_file.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { report } from "./fake.ts";

const test = suite("page server");
const TOKEN = "0123456789abcdefghijkl";
const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

const record = (more: Partial<DeviceRecord> = {}): DeviceRecord => ({
  version: 1,
  tool: "secateur 0.1.0",
  session: "session-1",
  name: "pixel8",
  started: "2026-01-31T12:00:00.000Z",
  runtime: { userAgent: "a browser", cores: 8, isolated: true },
  backend: "webgpu",
  protocol: { mode: "burst", seconds: 1, batches: [1] },
  complete: false,
  rows: [{
    network: "Digits",
    variant: "dense",
    batch: 1,
    params: 10,
    macs: 20,
    status: "measured",
    medianMs: 1.5,
    madMs: 0.1,
    samples: 20,
    clock: "wall clock",
    quantumMs: 0.1,
  }],
  layers: [],
  kernels: [],
  incidents: [],
  ...more,
});

interface Server {
  readonly url: string;
  readonly store: ReturnType<typeof memoryStore>;
  readonly told: DeviceRecord[];
  readonly refused: string[];
  post(body: BodyInit, headers?: Record<string, string>): Promise<{ status: number; body: Record<string, string> }>;
}

/** A server of its own for each test: the rate of posts is counted for each. */
async function withServer(work: (server: Server) => Promise<void>): Promise<void> {
  const store = memoryStore();
  const told: DeviceRecord[] = [];
  const refused: string[] = [];
  const faults: unknown[] = [];
  const controller = new AbortController();
  const { port, finished } = await listen({
    hostname: "127.0.0.1",
    port: 0,
    signal: controller.signal,
    headersMs: 1000,
    handler: createHandler({
      files: new Map([
        ["index.html", bytes("<!doctype html><title>Secateur</title>")],
        ["app/main.js", bytes("const a = 1;".repeat(200))],
        ["app/fallback.js", bytes("self.onmessage = null")],
      ]),
      store,
      runs: "runs",
      token: TOKEN,
      hosts: new Set(["127.0.0.1"]),
      tool: "secateur 0.1.0",
      onRecord: (record) => told.push(record),
      onRefusal: (from, status, reason) => refused.push(`${from} ${status} ${reason}`),
      onFault: (error) => faults.push(error),
    }),
  });
  const url = `http://127.0.0.1:${port}/`;
  try {
    await work({
      url,
      store,
      told,
      refused,
      async post(body, headers = {}) {
        const response = await fetch(`${url}api/devices`, {
          method: "POST",
          body,
          headers: { authorization: `Bearer ${TOKEN}`, ...headers },
        });
        return { status: response.status, body: await response.json() };
      },
    });
  } finally {
    controller.abort();
    await finished;
  }
  assert.equal(faults, []);
}

/** What the server answers to text as it is, until it ends the connection or `mostMs` are over. */
async function sent(url: string, text: string, mostMs = 5000): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  await connection.write(bytes(text));
  const timer = setTimeout(() => connection.close(), mostMs);
  let answer = "";
  const buffer = new Uint8Array(10_000);
  try {
    for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
      answer += new TextDecoder().decode(buffer.subarray(0, n));
    }
    return `${answer}[end]`;
  } catch {
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

/** Status, and the reason that was given. */
async function refusal(response: Response): Promise<string> {
  return `${response.status} ${(await response.json()).error}`;
}

test("the page's files: types, policy, isolation, compressed, and not sent twice", async () => {
  await withServer(async ({ url }) => {
    const page = await fetch(url);
    assert.is(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.is(await page.text(), "<!doctype html><title>Secateur</title>");
    for (const [name, value] of Object.entries(headersOf("index.html"))) assert.is(page.headers.get(name), value);
    assert.not.match(page.headers.get("content-security-policy")!, /unsafe-eval|unsafe-inline/);
    assert.match(page.headers.get("cross-origin-embedder-policy")!, /require-corp/);

    const script = await fetch(`${url}app/main.js`, { headers: { "accept-encoding": "gzip" } });
    assert.is((await script.text()).length, 2400);
    const again = await fetch(`${url}app/main.js`, { headers: { "if-none-match": script.headers.get("etag")! } });
    assert.is(again.status, 304);
    assert.is(await again.text(), "");

    const fallback = await fetch(`${url}app/fallback.js`);
    assert.match(fallback.headers.get("content-security-policy")!, /script-src 'self' 'unsafe-eval'/);
    await fallback.body?.cancel();
  });
});

test("nothing but the bundle and a run's named files is served, however it is asked for", async () => {
  await withServer(async ({ url, store }) => {
    await store.write("secret.txt", bytes("secret"));
    await store.write("runs/a/checkpoint.safetensors", bytes("secret"));
    await store.write("runs/a/report.json", bytes("{}"));
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (
      const path of [
        "..%2fsecret.txt",
        "app/..%2f..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "secret.txt",
        "api/runs/..%2f/secret.txt",
        "api/runs/%2e%2e/secret.txt",
        "api/runs/a/checkpoint.safetensors",
        "api/runs/a/..%2f..%2fsecret.txt",
        "api/runs/a%00/report.json",
        "api/nothing",
      ]
    ) {
      const response = await fetch(url + path, { headers });
      assert.is(response.status, 404, path);
      assert.not.match(await response.text(), /secret$/, path);
    }
    assert.match(await refusal(await fetch(`${url}%zz`)), /^400 the address isn't well-formed$/);
    assert.is(await (await fetch(`${url}api/runs/a/report.json`, { headers })).text(), "{}");
    assert.match(await refusal(await fetch(`${url}app/main.js`, { method: "DELETE" })), /^405 DELETE isn't for/);
  });
});

test("the api wants the link's token, and the server its own name", async () => {
  await withServer(async ({ url }) => {
    for (const token of [undefined, "", "x", TOKEN.slice(1), `${TOKEN}x`]) {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      for (const [path, method] of [["api/hello", "GET"], ["api/runs", "GET"], ["api/devices", "POST"]]) {
        assert.match(
          await refusal(await fetch(url + path, { headers, method })),
          /^401 the link's token is missing or wrong/,
        );
      }
    }
    const hello = await fetch(`${url}api/hello`, { headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(await hello.json(), { tool: "secateur 0.1.0" });
    const rebound = url.replace("127.0.0.1", "localhost");
    assert.match(await refusal(await fetch(rebound)), /^421 this server isn't localhost/);
    const from = (origin: string) =>
      fetch(`${url}api/hello`, { headers: { authorization: `Bearer ${TOKEN}`, origin } });
    for (const origin of ["https://evil.example", "http://127.0.0.1:1", "null"]) {
      assert.is(await refusal(await from(origin)), `403 pages of ${origin} may ask nothing here`);
    }
    assert.equal(await (await from(new URL(url).origin)).json(), { tool: "secateur 0.1.0" });
  });
});

test("a Host or an address that makes no URL is a bad request, and told without a stack", async () => {
  await withServer(async ({ url, refused }) => {
    for (const host of ["localhost, evil", "a b", "[::1", "x@127.0.0.1", "127.0.0.1/x", "127.0.0.1:99999", "é"]) {
      const answer = await sent(url, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 /, host);
      assert.not.match(answer, /at |TypeError|\.ts/, host);
    }
    for (const request of ["GET http://evil/ HTTP/1.1", "GET * HTTP/1.1", "BREW / HTTP/1.1"]) {
      const answer = await sent(url, `${request}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 40\d /, request);
    }
    assert.ok(refused.includes("127.0.0.1 400 the Host header or the address isn't well-formed"), refused.join("\n"));
    assert.is((await fetch(url)).status, 200);
  });
});

test("headers that don't end are given up, also of a second request, and others are served meanwhile", async () => {
  await withServer(async ({ url }) => {
    const started = performance.now();
    const slow = ["", "GET / HT", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "];
    const whole = "GET /app/main.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const answers = Promise.all([...slow.slice(1), whole + slow[2]].map((text) => sent(url, text, 20_000)));
    assert.is((await fetch(url)).status, 200);
    for (const answer of await answers) assert.match(answer, /\[end\]$/);
    assert.ok(performance.now() - started < 15_000);
  });
});

test("a record is kept in its device's file; the same session replaces it, another one doesn't", async () => {
  await withServer(async ({ store, told, post }) => {
    assert.equal(await post(JSON.stringify(record())), { status: 200, body: { file: "runs/devices/pixel8.json" } });
    const more = record({ complete: true, rows: [...record().rows, { ...record().rows[0], variant: "pruned" }] });
    assert.is((await post(JSON.stringify(more))).body.file, "runs/devices/pixel8.json");
    assert.is((await post(JSON.stringify(record({ session: "session-2" })))).body.file, "runs/devices/pixel8-2.json");
    const read = async (file: string) => JSON.parse(new TextDecoder().decode(await store.read(file)));
    assert.equal(await read("runs/devices/pixel8.json"), more);
    assert.is((await read("runs/devices/pixel8-2.json")).session, "session-2");
    assert.equal(told.map(({ rows }) => rows.length), [1, 2, 1]);
    parseDeviceRecord(await read("runs/devices/pixel8.json"), "kept");
    await store.write("runs/devices/other.json", bytes("not a record"));
    assert.is((await post(JSON.stringify(record({ name: "other" })))).body.file, "runs/devices/other-2.json");
  });
});

test("bad posts are refused with the reason, and nothing is kept", async () => {
  await withServer(async ({ post, store, url }) => {
    for (
      const [body, status, words] of [
        ["{", 400, /isn't JSON/],
        [new Uint8Array([0xff, 0xfe]), 400, /isn't JSON/],
        ["", 400, /isn't JSON/],
        ["[]", 422, /the record: /],
        [JSON.stringify({ ...record(), extra: 1 }), 422, /extra: unknown key/],
        [JSON.stringify({ ...record(), ["k".repeat(900_000)]: 1 }), 422, /: kkk+…: unknown key/],
        [`{"version":${"[".repeat(400_000)}${"]".repeat(400_000)}}`, 422, /version: expected 1, .* got \[\[\[/],
        [JSON.stringify(record({ name: "../../etc/passwd" })), 422, /name: expected a name of letters/],
        [JSON.stringify(record({ name: "a".repeat(65) })), 422, /name: expected/],
        [JSON.stringify({ ...record(), rows: [{ ...record().rows[0], medianMs: -1 }] }), 422, /rows\.0\.medianMs/],
        [JSON.stringify(record({ rows: new Array(3000).fill(record().rows[0]) })), 422, /rows: expected at most 2000/],
      ] as const
    ) {
      const found = await post(body);
      assert.is(found.status, status, found.body.error);
      assert.match(found.body.error, words);
      assert.not.match(found.body.error, /\n/);
      assert.ok(found.body.error.length < 500, `an answer of ${found.body.error.length} characters`);
      // Ten are let through in a second.
      await new Promise((resolve) => setTimeout(resolve, 110));
    }
    const large = await post(new Uint8Array(10 * MOST_BYTES));
    assert.is(large.status, 413);
    assert.match(large.body.error, /10000000 bytes were sent, expected at most 1000000/);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000).fill(32)),
    });
    const response = await fetch(`${url}api/devices`, {
      method: "POST",
      body: endless,
      headers: { authorization: `Bearer ${TOKEN}` },
    }).then(refusal, () => "cut off");
    assert.match(response, /^(413 more than 1000000 bytes|cut off)/);
    assert.equal(await store.list("runs"), []);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.is((await post(JSON.stringify(record()))).status, 200, "the server is still up");
  });
});

test("more than ten posts in a second wait", async () => {
  await withServer(async ({ post }) => {
    const started = performance.now();
    const found = await Promise.all(Array.from({ length: 60 }, () => post(JSON.stringify(record()))));
    const seconds = (performance.now() - started) / 1000;
    const refused = found.filter(({ status }) => status === 429);
    const through = found.length - refused.length;
    // Ten at once, and ten more for each second that they took on a busy machine.
    assert.ok(through >= 10 && through <= 10 * (1 + seconds), `${through} let through in ${seconds} s`);
    assert.match(refused[0].body.error, /more than 10 posts in a second: wait/);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.is((await post(JSON.stringify(record()))).status, 200);
  });
});

test("200 connections at once, and half-sent posts beside them", async () => {
  await withServer(async ({ url, post }) => {
    const port = Number(new URL(url).port);
    const halves = await Promise.all(Array.from({ length: 20 }, () => Deno.connect({ port, hostname: "127.0.0.1" })));
    const half = bytes(
      `POST /api/devices HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer wrong\r\ncontent-length: 900\r\n\r\n{`,
    );
    await Promise.all(halves.map((connection) => connection.write(half)));
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => fetch(`${url}app/main.js`).then(async (r) => (await r.text()).length)),
    );
    assert.ok(answers.every((length) => length === 2400));
    for (const connection of halves) connection.close();
    assert.is((await post(JSON.stringify(record()))).status, 200);
  });
});

test("finished runs are listed with both networks; what isn't a run is passed over", async () => {
  await withServer(async ({ url, store }) => {
    const graph = createModel("digits");
    const model = { graph, params: initialise(graph, 1) };
    await writeModel(store, "runs/good", { model, dense: model, origin: identityMap(graph) });
    await store.write("runs/good/report.json", bytes(JSON.stringify(report)));
    await store.write("runs/damaged/report.json", bytes("{"));
    const whole = (await store.read("runs/good/model.safetensors"))!;
    for (const length of [0, 7, 9, 2000, whole.length - 1]) {
      await store.write(`runs/cut-${length}/report.json`, bytes(JSON.stringify(report)));
      await store.write(`runs/cut-${length}/model.safetensors`, whole.slice(0, length));
    }
    await store.write("runs/bare/report.json", bytes(JSON.stringify(report)));
    const response = await fetch(`${url}api/runs`, { headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(await response.json(), [{
      name: "good",
      dense: { params: 38_282, macs: 337_536 },
      pruned: { params: report.final.params, macs: report.final.macs },
      input: [1, 8, 8],
      accuracy: { dense: report.baseline.accuracy!.test, pruned: report.final.accuracy!.test },
    }]);
  });
});

test.run();
