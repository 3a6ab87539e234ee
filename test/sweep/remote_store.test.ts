/** A store over HTTP, on a real port: what a worker gets and puts, what is refused, and what a bad network does to it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ownCertificate } from "../../src/cli/server/certificate.ts";
import { listen, type ListenOptions } from "../../src/cli/server/listen.ts";
import { createStoreHandler, rangeOf, type StoreHandlerOptions } from "../../src/cli/server/store_handler.ts";
import { UserError } from "../../src/errors.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import { denoStore } from "../../src/store/deno.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { openStore, STORE_TOKEN } from "../../src/sweep/deno/open_store.ts";
import { openRemoteResults, type RemoteOptions } from "../../src/sweep/deno/remote_results.ts";
import { contentPath, type JobResult, type KeptResults, openResults } from "../../src/sweep/results.ts";

const test = suite("sweep/remote store");
const TOKEN = "0123456789abcdefghijkl";
const FAST: Omit<RemoteOptions, "token"> = { patienceMs: 2000, retryMs: 10, idleMs: 5000 };

type Handler = ListenOptions["handler"];

interface Served {
  readonly root: string;
  readonly folder: KeptResults;
  readonly address: string;
  readonly port: number;
  /** Requests as "GET files/0123 bytes=5-". */
  readonly asked: string[];
  readonly refused: string[];
  open(options?: Partial<RemoteOptions>): ReturnType<typeof openRemoteResults>;
  stop(): Promise<void>;
}

interface Setting extends Partial<StoreHandlerOptions> {
  readonly port?: number;
  /** Stands between server and handler. */
  readonly between?: (handler: Handler) => Handler;
  readonly idleMs?: number;
}

async function serve({ port: asked = 0, between = (handler) => handler, idleMs, ...options }: Setting = {}): Promise<
  Served
> {
  const root = options.root ?? await Deno.makeTempDir({ prefix: "secateur-store-" });
  const folder = openResults(denoStore(), root);
  const requests: string[] = [], refused: string[] = [];
  const stop = new AbortController();
  const handler = between(createStoreHandler({
    root,
    results: folder,
    token: TOKEN,
    onRefusal: (_from, status, reason) => refused.push(`${status} ${reason}`),
    onFault: (error) => refused.push(`fault ${error}`),
    ...options,
  }));
  const { port, finished } = await listen({
    hostname: "127.0.0.1",
    port: asked,
    bodies: "long",
    idleMs,
    signal: stop.signal,
    handler(request, from) {
      const path = new URL(request!.url).pathname.slice(1, 11);
      requests.push([request!.method, path, request!.headers.get("range") ?? []].flat().join(" "));
      return handler(request, from);
    },
  });
  const address = `http://127.0.0.1:${port}`;
  return {
    root,
    folder,
    address,
    port,
    asked: requests,
    refused,
    open: (own = {}) => openRemoteResults(address, { token: TOKEN, ...FAST, ...own }),
    async stop() {
      stop.abort();
      await finished;
    },
  };
}

async function served(setting: Setting, work: (server: Served) => Promise<void>): Promise<void> {
  const server = await serve(setting);
  try {
    await work(server);
  } finally {
    await server.stop();
    await Deno.remove(server.root, { recursive: true });
  }
}

/** The one line that a UserError tells. */
async function complaint(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    assert.not.match(error.message, /\n/);
    return error.message;
  }
  throw new Error("nothing was refused");
}

const content = Uint8Array.from({ length: 700_000 }, (_, i) => (i * i) >> 3);
const hash = await sha256(content);
const id = "ab".repeat(32);
const result = (files: Record<string, string>, bits = "1"): JobResult => ({
  version: 1,
  id,
  label: "00001 train",
  stage: 1,
  epochs: 2,
  ended: false,
  metrics: { accuracy: 0.5 },
  bits,
  spread: {},
  files,
  seconds: 1,
  worker: "w",
});

test("what is put and written lies in the folder, and comes back as it was", async () => {
  await served({}, async ({ folder, open, asked, root }) => {
    const remote = open();
    assert.is(await remote.get(hash), undefined);
    assert.is(await remote.read(id), undefined);
    assert.is(await remote.put(content), hash);
    assert.equal(await folder.get(hash), content);
    assert.equal(await remote.get(hash), content);
    assert.is(await remote.put(content), hash);
    assert.equal(asked.filter((line) => line.startsWith("PUT")).length, 1, "what is there isn't sent again");
    const empty = await remote.put(new Uint8Array());
    assert.equal(await remote.get(empty), new Uint8Array());
    const first = result({ "checkpoint.safetensors": hash, "detail/weights.json": empty });
    assert.is(await remote.write(first), undefined);
    assert.equal(await remote.read(id), first);
    assert.equal(await folder.read(id), first);
    assert.equal((await remote.write(result({}, "2")))?.values, ["1", "2"]);
    assert.is((await folder.differences(new Set([id]))).length, 1);
    await Deno.remove(contentPath(root, empty));
    assert.is(await remote.read(id), undefined, "a result whose files aren't all there is none");
  });
});

test("a download that breaks off, or stands still, goes on from the byte where it did", async () => {
  let time = 0;
  const cut = (handler: Handler): Handler => async (request, from) => {
    const answer = await handler(request, from);
    if (request!.method !== "GET" || ++time > 2) return answer;
    const whole = new Uint8Array(await answer.arrayBuffer());
    let sent = false;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        if (!sent) controller.enqueue(whole.slice(0, 100_000 * time));
        // The first time it breaks off, the second time nothing more comes.
        else if (time === 1) controller.error(new Error("lost"));
        else await new Promise((resolve) => setTimeout(resolve, 1000));
        sent = true;
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
  await served({ between: cut }, async ({ open, asked }) => {
    const remote = open({ idleMs: 200 });
    await remote.put(content);
    assert.equal(await remote.get(hash), content);
    const name = `files/${hash.slice(0, 4)}`;
    assert.equal(asked.filter((line) => line.startsWith("GET")), [
      `GET ${name}`,
      `GET ${name} bytes=100000-`,
      `GET ${name} bytes=300000-`,
    ]);
  });
});

test("ranges are from a byte on, to one, or not asked for", () => {
  assert.equal(rangeOf(null, 10), undefined);
  assert.equal(rangeOf("bytes=4-", 10), { from: 4, to: 10 });
  assert.equal(rangeOf("bytes=4-6", 10), { from: 4, to: 7 });
  assert.equal(rangeOf("bytes=4-99", 10), { from: 4, to: 10 });
  assert.is(rangeOf("bytes=10-", 10), "beyond");
  assert.is(rangeOf("bytes=0-", 0), "beyond");
  for (const other of ["bytes=-3", "bytes=1-2,4-5", "bytes=6-4", "lines=1-2"]) assert.is(rangeOf(other, 10), undefined);
});

test("what is damaged on its way comes again, what is damaged where it lies is missing", async () => {
  let damaged = 1;
  const damage = (handler: Handler): Handler => async (request, from) => {
    const answer = await handler(request, from);
    if (request!.method !== "GET" || damaged-- <= 0) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    bytes[5] ^= 1;
    return new Response(bytes, { headers: answer.headers });
  };
  await served({ between: damage }, async ({ open, root, asked }) => {
    const remote = open();
    await remote.put(content);
    assert.equal(await remote.get(hash), content);
    assert.is(asked.length, 4, "HEAD, PUT and two GETs");
    await Deno.writeFile(contentPath(root, hash), content.slice(1));
    assert.is(await remote.get(hash), undefined);
  });
});

test("contents under a wrong name, too large ones, and results whose files would lie elsewhere are refused", async () => {
  await served({ mostBytes: 1_000_000 }, async ({ address, root, open, refused }) => {
    const put = async (path: string, body: BodyInit, headers: Record<string, string> = {}) => {
      const response = await fetch(`${address}/${path}`, {
        method: "PUT",
        body,
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      });
      return `${response.status} ${await response.text()}`;
    };
    assert.match(await put(`files/${id}`, content), /^422 .*700000 bytes with SHA-256 \w{64} came for abab/);
    assert.match(await put(`files/${id}`, new Uint8Array(1_000_001)), /^413 .*larger than the 1000000 bytes/);
    const unsaid = new Blob([new Uint8Array(1_000_001)]).stream();
    assert.match(await put(`files/${id}`, unsaid), /^413 /, "one that doesn't say how long it is");
    assert.match(await put(`results/${id}`, JSON.stringify(result({ "../../x": hash }))), /^422 .*files/);
    assert.match(await put(`results/${id}`, JSON.stringify(result({ "/x": hash }))), /^422 /);
    assert.match(await put(`results/${id}`, JSON.stringify(result({ x: "../../etc" }))), /^422 .*SHA-256/);
    assert.match(await put(`results/${"cd".repeat(32)}`, JSON.stringify(result({}))), /^422 .*expected cdcd/);
    assert.match(await put(`results/${id}`, "{"), /^400 /);
    assert.match(await put("files/..%2f..%2fx", content), /^404 /);
    assert.match(await put(`files/${id}`, content, { origin: "http://127.0.0.1" }), /^403 /);
    assert.equal(await denoStore().list(root), []);
    assert.equal(
      [...Deno.readDirSync(root)].flatMap(({ name }) => [...Deno.readDirSync(`${root}/${name}`)])
        .flatMap(({ name }) => [...Deno.readDirSync(`${root}/files/${name}`)]),
      [],
      "nothing half-written stays",
    );
    assert.match(await complaint(() => open({ token: "wrong-token-0123456789" }).get(hash)), /SECATEUR_STORE_TOKEN/);
    assert.match(refused.join(), "401 the token is missing or wrong");
    assert.match(await complaint(() => open().put(new Uint8Array(1_000_001))), /larger than the 1000000 bytes/);
  });
});

test("a server that is away for a while is waited for, one that stays away ends with one line", async () => {
  await served({}, async (first) => {
    const remote = first.open();
    await remote.put(content);
    await first.stop();
    const asked = remote.get(hash);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = await serve({ root: first.root, port: first.port });
    assert.equal(await asked, content);
    await second.stop();
    assert.match(
      await complaint(() => first.open({ patienceMs: 50 }).put(content)),
      /^http:\/\/127\.0\.0\.1:\d+: the store can't be used: nothing listens there; try again once the sweep runs there/,
    );
    assert.match(await complaint(() => first.open({ patienceMs: 0 }).read(id)), /nothing listens there/);
  });
});

test("a sender that stands still is given up, and nothing of what it sent stays", async () => {
  await served({ idleMs: 150 }, async ({ port, root }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(
      `PUT /files/${hash} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: 700000\r\n\r\nabc`,
    ));
    const buffer = new Uint8Array(1000);
    while (await connection.read(buffer).catch(() => null) !== null);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal([...Deno.readDirSync(`${root}/files/${hash.slice(0, 2)}`)], []);
  });
});

test("the token comes from the environment, and one that is missing or no secret is refused in one line", async () => {
  const open = () => Promise.resolve().then(() => openStore("http://127.0.0.1:1", denoStore()));
  const before = Deno.env.get(STORE_TOKEN);
  try {
    Deno.env.delete(STORE_TOKEN);
    assert.match(await complaint(open), /^--store: give the token of the store in SECATEUR_STORE_TOKEN/);
    Deno.env.set(STORE_TOKEN, "short");
    assert.match(await complaint(open), /^SECATEUR_STORE_TOKEN: expected at least 16 letters/);
    Deno.env.set(STORE_TOKEN, "with spaces and a line\n0123");
    assert.match(await complaint(open), /^SECATEUR_STORE_TOKEN: expected/);
    Deno.env.set(STORE_TOKEN, TOKEN);
    await open();
  } finally {
    if (before === undefined) Deno.env.delete(STORE_TOKEN);
    else Deno.env.set(STORE_TOKEN, before);
  }
});

test("an address that is none, holds the token, or is of something else is refused in one line", async () => {
  const open = (address: string) => Promise.resolve(openRemoteResults(address, { token: TOKEN, patienceMs: 0 }));
  assert.match(await complaint(() => Promise.resolve().then(() => open("http://host/store"))), /--store: expected/);
  assert.match(await complaint(() => Promise.resolve().then(() => open("http://:x@host:1"))), /SECATEUR_STORE_TOKEN/);
  const stop = new AbortController();
  const blocked = openRemoteResults("http://127.0.0.1:1", { token: TOKEN });
  assert.match(await complaint(() => blocked.read(id)), /no client asks this port/);
  const { port, finished } = await listen({
    hostname: "127.0.0.1",
    port: 0,
    certificate: await ownCertificate(memoryStore(), { folder: "keep", names: ["127.0.0.1"] }),
    handler: () => Promise.reject(new Error("nobody may come so far")),
    signal: stop.signal,
  });
  const untrusted = openRemoteResults(`https://127.0.0.1:${port}`, { token: TOKEN });
  assert.match(await complaint(() => untrusted.read(id)), /no connection by TLS: give the file .* in DENO_CERT/);
  stop.abort();
  await finished;
  const page = () => () => Promise.resolve(new Response("<!doctype html>"));
  await served({ between: page }, async ({ open }) => {
    assert.match(await complaint(() => open().read(id)), /isn't the store of a sweep: correct --store/);
  });
});

/** A file system of its own, so small that it is soon full; only root may make one. */
const mounted = Deno.uid() === 0 && Deno.build.os === "linux";
(mounted ? test : test.skip)("a full disk is told in one line, and nothing half-written stays", async () => {
  const root = await Deno.makeTempDir({ prefix: "secateur-small-" });
  const mount = async (program: string, ...args: string[]) =>
    (await new Deno.Command(program, { args, stderr: "null" }).output()).success;
  if (!await mount("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", root)) {
    console.log("a full disk is left out: this machine lets nobody mount one");
    return;
  }
  try {
    const server = await serve({ root });
    const small = content.slice(0, 100_000);
    assert.is(await server.open().put(small), await sha256(small));
    assert.match(
      await complaint(() => server.open().put(content)),
      /^http:\/\/127\.0\.0\.1:\d+: cannot write .*: no space left on the device/,
    );
    assert.equal((await denoStore().list(root)).length, 1);
    assert.is(await server.open().put(content.slice(0, 50_000)), await sha256(content.slice(0, 50_000)));
    await server.stop();
  } finally {
    await mount("umount", root);
    await Deno.remove(root, { recursive: true });
  }
});

test.run();
