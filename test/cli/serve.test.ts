/** `serve` and `build` from the command line, and what they keep beside the page. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Serving } from "../../src/cli/io.ts";
import { certificateNames, ownCertificate } from "../../src/cli/server/certificate.ts";
import { listen, type ListenOptions } from "../../src/cli/server/listen.ts";
import { linkToken } from "../../src/cli/server/token.ts";
import { createRate } from "../../src/cli/server/rate.ts";
import { readBody } from "../../src/cli/server/body.ts";
import { withoutLinksOut } from "../../src/cli/server/links.ts";
import { denoStore } from "../../src/store/deno.ts";
import { memoryStore } from "../../src/store/memory.ts";
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
      return { port: options.port || 50_000, finished: Promise.resolve() };
    },
    lanAddresses: () => ["192.168.1.20", "fd00::1"],
    folder: () => "cache/server",
    withoutLinksOut: (store) => store,
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
  await io.store.write("c.pem", bytes("CERT"));
  await io.store.write("k.pem", bytes("KEY"));
  assert.is(await run("serve", "--cert", "c.pem", "--key", "k.pem"), 0);
  assert.equal({ ...asked[0].certificate }, { cert: "CERT", key: "KEY" });
  for (
    const [args, code, words] of [
      [["--cert", "c.pem"], 2, /--cert and --key belong together/],
      [["--cert", "c.pem", "--key", "none.pem"], 1, /none\.pem: no such file/],
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
  const certificate = await ownCertificate(memoryStore(), "keep", names);
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
  ) assert.is((await asked[0].handler(new Request(`https://${host}:8443/`))).status, status, host);
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
    assert.is((await asked.at(-1)!.handler(request)).status, 200);
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
    const guarded = withoutLinksOut(store, `${root}/runs`);
    const read = async (path: string) => new TextDecoder().decode(await guarded.read(`${root}/runs/${path}`));
    assert.is(await read("good/report.json"), "{}");
    assert.is(await read("again/report.json"), "{}");
    for (const path of ["good/model.onnx", "other/report.json", "none/report.json"]) {
      assert.is(await read(path), "", path);
    }
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
  const first = await ownCertificate(store, "keep", names);
  assert.is((await ownCertificate(store, "keep", names)).cert, first.cert);
  assert.is((await ownCertificate(store, "keep", ["localhost"])).cert, first.cert);
  assert.is.not((await ownCertificate(store, "keep", [...names, "10.0.0.7"])).cert, first.cert);
  const current = await ownCertificate(store, "keep", names);
  assert.is.not((await ownCertificate(store, "keep", names, Date.now() + 395 * 86_400_000)).cert, current.cert);
  await store.write("keep/certificate.json", bytes("damaged"));
  const certificate = await ownCertificate(store, "keep", names);

  const controller = new AbortController();
  const handler = () => Promise.resolve(new Response("hello"));
  const options = { hostname: "127.0.0.1", certificate, handler, signal: controller.signal };
  const { port, finished } = listen({ ...options, port: 0 });
  const client = Deno.createHttpClient({ caCerts: [certificate.cert] });
  assert.is(await (await fetch(`https://localhost:${port}/`, { client })).text(), "hello");
  client.close();
  assert.throws(() => listen({ ...options, port }), /port \d+ is in use: .* --port/);
  assert.throws(() => listen({ ...options, port: 0, certificate: { cert: "x", key: "y" } }), /expected PEM files/);
  controller.abort();
  await finished;
});

test("tokens are 128 random bits, kept, and made anew where the file is damaged", async () => {
  const store = memoryStore();
  const first = await linkToken(store, "keep", false);
  assert.match(first, /^[\w-]{22}$/);
  assert.is(await linkToken(store, "keep", false), first);
  assert.is.not(await linkToken(store, "keep", true), first);
  await store.write("keep/token", bytes("short"));
  assert.match(await linkToken(store, "keep", false), /^[\w-]{22}$/);
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

test("a post that never ends is given up", async () => {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes("{")) });
  const request = new Request("http://localhost/", { method: "POST", body });
  const error = await readBody(request, 30).then(() => undefined, (error) => error);
  assert.is(error.status, 408);
});

test.run();
