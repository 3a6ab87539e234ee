/** `serve` and `build` from the command line, and what they keep beside the page. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Serving } from "../../src/cli/io.ts";
import { certificateNames, ownCertificate } from "../../src/cli/server/certificate.ts";
import { listen, type ListenOptions } from "../../src/cli/server/listen.ts";
import { keptToken } from "../../src/cli/server/token.ts";
import { createRate, createTurns } from "../../src/cli/server/rate.ts";
import { readBody } from "../../src/cli/server/body.ts";
import { createHandler } from "../../src/cli/server/handler.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { denoStore } from "../../src/store/deno.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import type { Store } from "../../src/store/types.ts";
import { complaint } from "../data/fixtures.ts";
import { session } from "./fake.ts";

const test = suite("secateur serve and build");
const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

/** A session whose server is asked for and never opened. */
function serving(more: Partial<Serving> = {}, confirmed = false) {
  const asked: ListenOptions[] = [];
  const questions: string[] = [];
  const made = session();
  const fake: Serving = {
    bundle: () => Promise.resolve(new Map([["index.html", bytes("<head></head>")], ["app/main.js", bytes("code")]])),
    packLibrary: () =>
      Promise.resolve(
        new Map([["secateur/package.json", bytes("text")], ["secateur-0.1.0.tgz", bytes("pack")]]),
      ),
    listen(options) {
      asked.push(options);
      return Promise.resolve({ port: options.port || 50_000, finished: Promise.resolve() });
    },
    lanAddresses: () => ["192.168.1.20", "fd00::1"],
    folder: () => "cache/server",
    qr: (text) => `[code of ${text}]`,
    ...more,
  };
  Object.assign(made.io, {
    serving: () => Promise.resolve(fake),
    confirm: (question: string) => (questions.push(question), confirmed),
  });
  return { asked, questions, ...made };
}

test("serve: this machine alone unless it is told otherwise, with a link, a code and a certificate", async () => {
  const { run, asked, out, questions, io } = serving();
  assert.is(await run("serve"), 0);
  assert.is(asked[0].hostname, "127.0.0.1");
  assert.is(asked[0].port, 8443);
  assert.match(asked[0].certificate!.cert, /^-----BEGIN CERTIFICATE-----/);
  assert.equal(questions, ["Let other machines of the network in, at 192.168.1.20?"]);
  const link = /^https:\/\/localhost:8443\/#t=([\w-]{22})$/m.exec(out.join("\n"))!;
  assert.ok(out[0].startsWith(`[code of ${link[0]}]`));
  assert.match(out.join("\n"), /--lan lets phones of the network in/);
  assert.equal(await io.store.list("cache"), ["cache/server/certificate.json", "cache/server/token"]);
  assert.is(await run("serve"), 0);
  assert.ok(out.join("\n").split(link[0]).length > 3, "the token stays, so that open pages can post after a restart");
  assert.is(await run("serve", "--new-token"), 0);
  assert.not.match(out.at(-3)!, new RegExp(link[1]));
});

test("serve --lan, or yes at the terminal: the network's address", async () => {
  for (const { confirmed, args } of [{ confirmed: true, args: [] }, { confirmed: false, args: ["--lan"] }]) {
    const { run, asked, out } = serving({}, confirmed);
    assert.is(await run("serve", "--port", "9000", ...args), 0);
    assert.is(asked[0].hostname, "0.0.0.0");
    assert.match(out.join("\n"), /^https:\/\/192\.168\.1\.20:9000\/#t=/m);
  }
  const { run, err } = serving({ lanAddresses: () => [] });
  assert.is(await run("serve", "--lan"), 1);
  assert.match(err[0], /this machine has no address in a network/);
});

test("serve --http has no certificate and asks nothing", async () => {
  const { run, asked, out, questions } = serving();
  assert.is(await run("serve", "--http"), 0);
  assert.is(asked[0].hostname, "127.0.0.1");
  assert.is(asked[0].certificate, undefined);
  assert.equal(questions, []);
  assert.match(out.join("\n"), /^http:\/\/localhost:8443\/#t=/m);
  assert.match(out.join("\n"), /adb reverse tcp:8443 tcp:8443/);
});

test("a certificate of one's own; what doesn't go together is refused", async () => {
  const { run, asked, err, io } = serving();
  const [{ cert, key }, other] = await Promise.all(
    ["a", "b"].map((folder) => ownCertificate(memoryStore(), { folder, names: ["localhost"] })),
  );
  const files = { "c.pem": cert, "k.pem": key, "other.pem": other.key, "text.pem": "text" };
  for (const [name, text] of Object.entries(files)) await io.store.write(name, bytes(text));
  assert.is(await run("serve", "--cert", "c.pem", "--key", "k.pem"), 0);
  assert.equal({ ...asked[0].certificate }, { cert, key });
  for (
    const [args, code, words] of [
      [["--cert", "c.pem"], 2, /--cert and --key belong together/],
      [["--cert", "c.pem", "--key", "none.pem"], 1, /none\.pem: no such file/],
      [["--cert", "text.pem", "--key", "k.pem"], 1, /text\.pem: holds no certificate as PEM/],
      [["--cert", "c.pem", "--key", "text.pem"], 1, /text\.pem: holds no private key as PEM/],
      [["--cert", "c.pem", "--key", "other.pem"], 1, /other\.pem: isn't the key of the certificate in c\.pem/],
      [["--cert", "c.pem", "--key", "k.pem", "--new-certificate"], 2, /--new-certificate makes the certificate that/],
      [["--http", "--new-certificate"], 2, /--new-certificate makes the certificate that/],
      [["--http", "--cert", "c.pem", "--key", "k.pem"], 2, /--http has no use for a certificate/],
      [["--http", "--lan"], 2, /--http is for this machine only/],
      [["--port", "70000"], 2, /Expected a number from 0 to 65535/],
      [["--port", "x"], 2, /Expected a number/],
    ] as const
  ) {
    err.length = 0;
    assert.is(await run("serve", ...args), code, args.join(" "));
    assert.match(err.join("\n"), words);
  }
});

test("under a certificate of one's own the link bears its name, and the server answers to it", async () => {
  const names = ["pc.home.example", "*.lab.example", "10.0.0.9"];
  const certificate = await ownCertificate(memoryStore(), { folder: "keep", names });
  assert.equal(certificateNames(certificate.cert), names);
  assert.equal(certificateNames("none"), []);
  const { run, asked, out, io } = serving();
  await io.store.write("c.pem", bytes(certificate.cert));
  await io.store.write("k.pem", bytes(certificate.key));
  assert.is(await run("serve", "--lan", "--cert", "c.pem", "--key", "k.pem"), 0);
  assert.match(out.join("\n"), /^https:\/\/pc\.home\.example:8443\/#t=/m);
  for (
    const [host, status] of [
      ["pc.home.example", 200],
      ["a.lab.example", 200],
      ["10.0.0.9", 200],
      ["192.168.1.20", 200],
      ["[fd00::1]", 200],
      ["a.b.lab.example", 421],
      ["evil.example", 421],
    ] as const
  ) assert.is((await asked[0].handler(new Request(`https://${host}:8443/`), "here")).status, status, host);
});

test("serve offers the files that it is given to whoever has the token, two of one name by their paths", async () => {
  const { run, asked, io } = serving();
  const graph = createModel("digits");
  const file = onnxBytes({ graph, params: initialise(graph, 1) });
  for (const path of ["net.onnx", "b/my net.onnx", "c/my net.onnx"]) await io.store.write(path, file);
  assert.is(await run("serve", "net.onnx", "b/my net.onnx", "c/my net.onnx", "net.onnx"), 0);
  const token = new TextDecoder().decode(await io.store.read("cache/server/token")).trim();
  const get = async (path: string, authorization = `Bearer ${token}`) =>
    await asked[0].handler(new Request(`https://localhost:8443/${path}`, { headers: { authorization } }), "here");
  const { params, macs } = graphCost(graph);
  assert.equal(
    await (await get("api/networks")).json(),
    ["net.onnx", "b/my net.onnx", "c/my net.onnx"].map((name) => ({ name, params, macs, input: [1, 8, 8] })),
  );
  const sent = await get(`api/networks/${encodeURIComponent("b/my net.onnx")}`);
  assert.equal(new Uint8Array(await sent.arrayBuffer()), file);
  assert.is((await get("api/networks/cache%2Fserver%2Ftoken")).status, 404);
  assert.is((await get("api/networks/net.onnx", "Bearer none")).status, 401);
});

test("serve refuses a file that isn't there, is no ONNX, or takes no images, before anything is served", async () => {
  const { run, asked, err, io } = serving();
  const b = builder("vector", ["N", 4]);
  b.gemm(b.input, { name: "fc", out: 2 });
  const graph = b.graph();
  await io.store.write("vector.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  await io.store.write("notes.txt", bytes("none"));
  for (
    const [file, words] of [
      ["nosuch.onnx", /^secateur: nosuch\.onnx: no such file; looked for \//],
      ["notes.txt", /^secateur: notes\.txt: is no ONNX file, expected a network with its weights as \.onnx$/],
      ["vector.onnx", /^secateur: vector\.onnx: takes \[N, 4\], expected one input of images, \[N, C, H, W\] with/],
    ] as const
  ) {
    err.length = 0;
    assert.is(await run("serve", file), 1);
    assert.match(err[0], words);
  }
  assert.equal(asked, []);
});

test("the terminal is told each row once, as plain text", async () => {
  const { run, asked, out } = serving();
  const row = {
    network: "Digits\x1b[2J",
    variant: "dense",
    batch: 1,
    params: 10,
    macs: 20,
    status: "measured",
    medianMs: 3,
    madMs: 0.1,
    samples: 20,
    clock: "wall clock",
    quantumMs: 0.1,
  };
  const post = async (rows: unknown[], complete: boolean) => {
    const token = /#t=([\w-]{22})/.exec(out.join("\n"))![1];
    const body = JSON.stringify({
      version: 1,
      tool: "secateur 0.1.0",
      session: "session-1",
      name: "pixel8",
      started: "2026-01-31T12:00:00Z",
      runtime: { userAgent: "a browser", cores: 8, isolated: true },
      backend: "webgpu",
      complete,
      rows,
      protocol: { mode: "burst", seconds: 1, batches: [1] },
      layers: [],
      kernels: [],
      incidents: [],
    });
    const headers = { authorization: `Bearer ${token}` };
    const before = out.length;
    const request = new Request("https://localhost:8443/api/devices", { method: "POST", headers, body });
    assert.is((await asked.at(-1)!.handler(request, "here")).status, 200);
    return out.slice(before).join("\n");
  };
  assert.is(await run("serve"), 0);
  const first = await post([row], false);
  assert.match(first, /^\npixel8: no device, webgpu\nDigits\\u001b\[2J +dense +batch 1 +3\.0/);
  assert.not.ok(first.includes("\x1b"));
  const pruned = { ...row, variant: "pruned", macs: 10, medianMs: 2 };
  assert.is(await run("serve"), 0, "started again");
  const second = await post([row, pruned], true);
  assert.match(
    second,
    /^Digits\\u001b\[2J +pruned +batch 1 +2\.0.*1\.5.*2\.0.* fewer MACs\npixel8 is done: runs\/devices\/pixel8\.json$/,
  );
  assert.is(await post([row, pruned], true), "", "sent twice");
});

test("links that lead out of the runs' folder are not followed", async () => {
  const root = await Deno.makeTempDir({ prefix: "secateur-links-" });
  try {
    const store = denoStore();
    await store.write(`${root}/secret.json`, bytes("secret"));
    await store.write(`${root}/runs-2/report.json`, bytes("secret"));
    await store.write(`${root}/runs/good/report.json`, bytes("{}"));
    await Deno.symlink(`${root}/secret.json`, `${root}/runs/good/model.onnx`);
    await Deno.symlink(`${root}/runs-2`, `${root}/runs/other`);
    await Deno.symlink(`${root}/runs/good`, `${root}/runs/again`);
    const handler = handlerOf(store, `${root}/runs`);
    const read = async (path: string) => {
      const answer = await handler(ask(`api/runs/${path}`), "here");
      return `${answer.status} ${answer.status === 200 ? await answer.text() : ""}`.trim();
    };
    assert.is(await read("good/report.json"), "200 {}");
    assert.is(await read("again/report.json"), "200 {}");
    for (const path of ["good/model.onnx", "other/report.json", "none/report.json"]) {
      assert.is(await read(path), "404", path);
    }
    assert.equal(await (await handler(ask("api/runs"), "here")).json(), []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

const TOKEN = "0123456789abcdefghijkl";

const ask = (path: string, more: RequestInit = {}) =>
  new Request(`http://localhost/${path}`, { ...more, headers: { authorization: `Bearer ${TOKEN}` } });

function handlerOf(store: Store, runs: string, told: { readonly record?: DeviceRecord[] } = {}) {
  return createHandler({
    files: new Map(),
    store,
    runs,
    token: TOKEN,
    hosts: new Set(["localhost"]),
    tool: "secateur 0.1.0",
    onRecord: (record) => told.record?.push(record),
    onRefusal: () => {},
    onFault: (error) => assert.unreachable(String(error)),
  });
}

test("a fuller record of a session stays, whatever comes later, also where runs/devices is a link", async () => {
  const root = await Deno.makeTempDir({ prefix: "secateur-records-" });
  try {
    await Deno.mkdir(`${root}/elsewhere`);
    await Deno.mkdir(`${root}/runs`);
    await Deno.symlink("../elsewhere", `${root}/runs/devices`);
    const record: DeviceRecord[] = [];
    const handler = handlerOf(denoStore(), `${root}/runs`, { record });
    const row = { network: "n", variant: "dense", batch: 1, params: 1, macs: 2, status: "failed", reason: "none" };
    const incident = { atMs: 1, kind: "slower", text: "warm" };
    const post = async (rows: number, more = {}, session = "session-1") => {
      const body = JSON.stringify({
        ...{ version: 1, tool: "t", session, name: "pixel8", started: "2026-01-31T12:00:00Z", backend: "webgpu" },
        ...{ runtime: { userAgent: "b", cores: 8, isolated: true }, complete: false, layers: [], kernels: [] },
        protocol: { mode: "burst", seconds: 1, batches: [1] },
        rows: Array(rows).fill(row),
        incidents: [],
        ...more,
      });
      const answer = await handler(ask("api/devices", { method: "POST", body }), "here");
      assert.is(answer.status, 200, await answer.clone().text());
      return (await answer.json()).file.split("/").at(-1);
    };
    const kept = async (file = "pixel8.json") => JSON.parse(await Deno.readTextFile(`${root}/elsewhere/${file}`));
    assert.is(await post(2), "pixel8.json");
    assert.is(await post(1), "pixel8.json", "an earlier post that came later");
    assert.is((await kept()).rows.length, 2);
    await post(2, { complete: true });
    await post(2);
    assert.is((await kept()).complete, true);
    await post(2, { complete: true, incidents: [incident] });
    await post(3, { complete: true });
    assert.equal(
      [(await kept()).rows.length, (await kept()).incidents.length],
      [2, 1],
      "each list is as long as before",
    );
    await post(3, { complete: true, incidents: [incident] });
    assert.is((await kept()).rows.length, 3);
    assert.is(await post(1, {}, "session-2"), "pixel8-2.json", "another session doesn't replace it through the link");
    assert.is((await kept()).session, "session-1");
    assert.equal(record.map(({ rows }) => rows.length), [2, 2, 2, 3, 1], "what isn't kept isn't told");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

test("help of both", async () => {
  for (const command of ["serve", "build"]) {
    const { run, out } = serving();
    assert.is(await run(command, "--help"), 0);
    assert.match(out.join("\n"), new RegExp(`Usage: secateur ${command}`));
  }
});

test("build writes the files, again over its own, never over others'", async () => {
  const { run, out, err, io } = serving();
  assert.is(await run("build", "--out", "site"), 0);
  assert.equal(await io.store.list("site"), ["site/app/main.js", "site/index.html"]);
  assert.match(out[0], /^2 files, [\d,]+ bytes: site\/index\.html$/);
  const page = new TextDecoder().decode(await io.store.read("site/index.html"));
  assert.match(
    page,
    /^<head>\s*<meta http-equiv="Content-Security-Policy" content="default-src 'none'; [^"]*" \/><\/head>$/,
  );
  assert.not.match(page, /unsafe|frame-ancestors/);
  await io.store.write("site/app/chunk-old.js", bytes("old"));
  await io.store.write("site/CNAME", bytes("page.example"));
  await io.store.write("site/.git/HEAD", bytes("ref"));
  assert.is(await run("build", "--out", "./site/"), 0);
  assert.equal(await io.store.list("site"), ["site/.git/HEAD", "site/CNAME", "site/app/main.js", "site/index.html"]);
  await io.store.write("mine/thesis.txt", bytes("years"));
  assert.is(await run("build", "--out", "mine"), 1);
  assert.match(err[0], /mine holds other files than the page's/);
  assert.equal(await io.store.list("mine"), ["mine/thesis.txt"]);
});

test("build --lib writes the package, again over its own, never over others' or the page's", async () => {
  const { run, out, err, io } = serving();
  assert.is(await run("build", "--lib"), 0);
  const written = ["dist-npm/secateur-0.1.0.tgz", "dist-npm/secateur/package.json"];
  assert.equal(await io.store.list("dist-npm"), written);
  assert.is(out[0], "2 files, 8 bytes: dist-npm/secateur-0.1.0.tgz");
  for (const old of ["secateur/chunks/old.js", "secateur-0.0.9.tgz"]) {
    await io.store.write(`dist-npm/${old}`, bytes("old"));
  }
  await io.store.write("dist-npm/notes.txt", bytes("kept"));
  assert.is(await run("build", "--lib"), 0);
  assert.equal(await io.store.list("dist-npm"), ["dist-npm/notes.txt", ...written].sort());
  assert.is(await run("build", "--out", "site"), 0);
  assert.is(await run("build", "--lib", "--out", "site"), 1);
  assert.match(err[0], /^secateur: site holds other files than the package's: name a new folder with --out$/);
});

test("build refuses an unknown option and names those that it has", async () => {
  const { run, err } = serving();
  assert.is(await run("build", "--library"), 2);
  assert.match(err[0], /^secateur: unknown option '--library'.*; known are --lib, --out; see secateur --help$/);
});

test("the certificate is kept, serves HTTPS, and is renewed when it ends or an address is missing", async () => {
  const store = memoryStore();
  const names = ["localhost", "127.0.0.1"];
  const own = (more: { names?: string[]; fresh?: boolean; now?: number } = {}) =>
    ownCertificate(store, { folder: "keep", names, ...more });
  const first = await own();
  assert.is((await own()).cert, first.cert);
  assert.is((await own({ names: ["localhost"] })).cert, first.cert);
  assert.is.not((await own({ names: [...names, "10.0.0.7"] })).cert, first.cert);
  const current = await own();
  assert.is.not((await own({ now: Date.now() + 395 * 86_400_000 })).cert, current.cert);
  const file = "keep/certificate.json";
  const kept = JSON.parse(new TextDecoder().decode(await store.read(file)));
  for (
    const [content, said] of [
      ["damaged", /is no JSON/],
      ["null", /lacks cert, key, names or until/],
      [JSON.stringify({ thesis: "mine" }), /lacks cert, key, names or until/],
      [JSON.stringify({ ...kept, cert: "x" }), /holds no certificate/],
      [JSON.stringify({ ...kept, key: "x" }), /holds no key/],
      [JSON.stringify({ ...kept, key: first.key }), /holds another one's key/],
    ] as const
  ) {
    await store.write(file, bytes(content));
    const message = await complaint(() => own());
    assert.match(message, said);
    assert.match(message, /^keep\/certificate\.json: .*: --new-certificate puts one in its place$/);
  }
  const certificate = await own({ fresh: true });

  const controller = new AbortController();
  const handler = () => Promise.resolve(new Response("hello"));
  const options = { hostname: "127.0.0.1", certificate, handler, signal: controller.signal };
  const { port, finished } = await listen({ ...options, port: 0 });
  const client = Deno.createHttpClient({ caCerts: [certificate.cert] });
  assert.is(await (await fetch(`https://localhost:${port}/`, { client })).text(), "hello");
  client.close();
  assert.match(await complaint(() => listen({ ...options, port })), /port \d+ is in use: .* --port/);
  controller.abort();
  await finished;
});

test("tokens are 128 random bits, kept, and made anew where the file is damaged", async () => {
  const store = memoryStore();
  const first = await keptToken(store, "keep/token");
  assert.match(first, /^[\w-]{22}$/);
  assert.is(await keptToken(store, "keep/token"), first);
  assert.is.not(await keptToken(store, "keep/token", true), first);
  await store.write("keep/token", bytes("short"));
  assert.match(await keptToken(store, "keep/token"), /^[\w-]{22}$/);
});

test("the terminal is told of one refusal for an address and minute, on one line and as plain text", async () => {
  const { run, asked, err } = serving();
  assert.is(await run("serve", "--http"), 0);
  const refused = async (from: string, path: string, headers: Record<string, string> = {}) =>
    (await asked[0].handler(new Request(`http://localhost/${path}`, { headers }), from)).status;
  assert.is(await refused("10.0.0.1", "api/hello"), 401);
  assert.is(await refused("10.0.0.1", "api/runs"), 401);
  assert.is(await refused("10.0.0.2", "favicon.ico"), 404, "browsers ask for it by themselves");
  assert.is(await refused("10.0.0.2", "api/hello", { origin: "http://evil.example" }), 403);
  assert.is((await asked[0].handler(undefined, "10.0.0.3\x1b[2J")).status, 400);
  assert.equal(err, [
    "refused 10.0.0.1: 401, the link's token is missing or wrong: open the link, or the QR code, that the server printed",
    "refused 10.0.0.2: 403, pages of http://evil.example may ask nothing here",
    "refused 10.0.0.3\\u001b[2J: 400, the Host header or the address isn't well-formed",
  ]);
});

test("a rate counts the span before each moment", () => {
  let now = 0;
  const rate = createRate(2, 1000, () => now);
  assert.is(rate(), 0);
  now = 600;
  assert.is(rate(), 0);
  assert.is(rate(), 400);
  now = 1000;
  assert.is(rate(), 0, "the first is a second ago");
  assert.is(rate(), 600);
});

test("a turn is given to each key once in a span, and to no more keys at a time than it has room for", () => {
  let now = 0;
  const turn = createTurns(1000, 2, () => now);
  assert.equal(["a", "a", "b", "c", "b"].map(turn), [true, false, true, false, false]);
  now = 600;
  assert.is(turn("c"), false);
  now = 1000;
  assert.equal(["c", "c", "a", "b"].map(turn), [true, false, true, false]);
});

test("a post that never ends is given up", async () => {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes("{")) });
  const request = new Request("http://localhost/", { method: "POST", body });
  const error = await readBody(request, 30).then(() => undefined, (error) => error);
  assert.is(error.status, 408);
});

test.run();
