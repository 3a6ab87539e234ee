import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cacheDir, loadDataset } from "../../src/data/deno.ts";
import { type Download, download, type Progress } from "../../src/data/download_deno.ts";
import { assertNotAnother, mnist, mnistFiles } from "../../src/data/mnist.ts";
import { contentSha256 } from "../../src/data/sha256.ts";
import { complaint, gzip, tinyMnist, withFolder, writeFolder } from "./fixtures.ts";

const test = suite("data files");
const UNREACHABLE = "http://127.0.0.1:1/";

test("an unknown name lists the known ones", async () => {
  const message = await complaint(() => loadDataset("cifar"));
  for (const word of ["cifar", "digits", "mnist", "fashion-mnist"]) assert.ok(message.includes(word), message);
});

test("--data-dir takes the folder itself or its subfolder, gzipped files and dotted names", () =>
  withFolder(async (dir) => {
    const plain = tinyMnist();
    const zipped = Object.fromEntries(
      await Promise.all(Object.entries(plain).map(async ([name, bytes]) => [`${name}.gz`, await gzip(bytes)])),
    );
    const dotted = Object.fromEntries(Object.entries(plain).map(([name, b]) => [name.replace("-idx", ".idx"), b]));
    await writeFolder(plain, `${dir}/a`);
    await writeFolder(zipped, `${dir}/b/mnist`);
    await writeFolder(dotted, `${dir}/c/fashion-mnist`);
    const a = await loadDataset("mnist", { dataDir: `${dir}/a` });
    const b = await loadDataset("mnist", { dataDir: `${dir}/b/` });
    const c = await loadDataset("fashion-mnist", { dataDir: `${dir}/c` });
    assert.equal([a.train.count, a.validation.count, a.test.count], [110, 10, 40]);
    assert.equal(a.shape, [1, 28, 28]);
    assert.equal(a.train.images, b.train.images);
    assert.equal(a.test.images, c.test.images);
    assert.equal(c.train.normalization.mean, [0.286]);
  }));

test("a subfolder of the right name comes before files beside it", () =>
  withFolder(async (dir) => {
    await writeFolder(tinyMnist(120, 40), dir);
    await writeFolder(tinyMnist(120, 30), `${dir}/fashion-mnist`);
    assert.is((await loadDataset("mnist", { dataDir: dir })).test.count, 40);
    assert.is((await loadDataset("fashion-mnist", { dataDir: dir })).test.count, 30);
  }));

test("a --data-dir that is missing, or holds only some files, is refused", () =>
  withFolder(async (dir) => {
    assert.match(await complaint(() => loadDataset("mnist", { dataDir: `${dir}/none` })), `--data-dir "${dir}/none"`);
    const files = tinyMnist();
    delete files["t10k-labels-idx1-ubyte"];
    await writeFolder(files, dir);
    const message = await complaint(() => loadDataset("mnist", { dataDir: dir }));
    assert.ok(message.startsWith(dir) && message.includes("found no t10k-labels-idx1-ubyte"), message);
  }));

test("a damaged file is named with its path", () =>
  withFolder(async (dir) => {
    const files = tinyMnist();
    files["t10k-images-idx3-ubyte"] = files["t10k-images-idx3-ubyte"].slice(0, 1000);
    await writeFolder(files, dir);
    const message = await complaint(() => loadDataset("mnist", { dataDir: dir }));
    assert.ok(message.startsWith(`${dir}/t10k-images-idx3-ubyte: found 1000 bytes`), message);
  }));

test("the cache is used before the network; --data-dir without the files says so when the network fails too", () =>
  withFolder(async (dir) => {
    await writeFolder(tinyMnist(), `${dir}/cache/mnist`);
    await Deno.mkdir(`${dir}/empty`);
    const options = { cacheDir: `${dir}/cache`, mirror: UNREACHABLE, dataDir: `${dir}/empty` };
    assert.is((await loadDataset("mnist", options)).test.count, 40);
    const message = await complaint(() => loadDataset("mnist", { ...options, cacheDir: `${dir}/other` }));
    for (const word of [`--data-dir "${dir}/empty"`, "could not be reached", UNREACHABLE]) {
      assert.ok(message.includes(word), message);
    }
  }));

test("the environment says where downloads are kept", async () => {
  const dir = (env: Record<string, string>) => cacheDir((name) => env[name]);
  assert.is(dir({ SECATEUR_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" }), "/c");
  assert.is(dir({ XDG_CACHE_HOME: "/x", HOME: "/h" }), "/x/secateur");
  assert.is(dir({ HOME: "/h" }), "/h/.cache/secateur");
  assert.match(await complaint(() => dir({})), "SECATEUR_CACHE");
});

test("another data set under the right names is not taken", async () => {
  const bytes = tinyMnist()["t10k-labels-idx1-ubyte"];
  const look = { ...mnist, name: "lookalike", sha256: { ...mnist.sha256 } };
  look.sha256["t10k-labels-idx1-ubyte"] = await contentSha256(bytes, "labels");
  const message = await complaint(() => assertNotAnother(mnist, { file: "dir/labels", bytes }, [mnist, look]));
  assert.ok(message.startsWith('dir/labels: found the labels of "lookalike", expected those of "mnist"'), message);
  await assertNotAnother(look, { file: "dir/labels", bytes }, [mnist, look]);
});

test("what a mirror serves in place of the file is refused by its SHA-256", () =>
  withFolder(async (dir) => {
    await using server = serve(async () => new Response(await gzip(tinyMnist()[mnistFiles[0]])));
    const message = await complaint(() => loadDataset("mnist", { cacheDir: dir, mirror: server.url }));
    assert.ok(message.includes("SHA-256") && message.includes(`${server.url}${mnistFiles[0]}.gz`), message);
    assert.equal(await names(`${dir}/mnist`), []);
  }));

const contents = new Uint8Array(300_000).map((_, i) => i % 251);

/** A download job for `contents` from `url` into `dir`. */
async function job(dir: string, url: string, more: Partial<Download> = {}): Promise<Download> {
  return { url: `${url}file.gz`, to: `${dir}/sub/file.gz`, sha256: await contentSha256(contents, "contents"), ...more };
}

test("a download arrives whole, tells its progress and leaves nothing else", () =>
  withFolder(async (dir) => {
    const packed = await gzip(contents);
    await using server = serve(() => new Response(packed, { headers: { "content-length": String(packed.length) } }));
    const seen: Progress[] = [];
    const path = await download(await job(dir, server.url, { onProgress: (p) => seen.push(p) }));
    assert.equal(await Deno.readFile(path), packed);
    assert.equal(await names(`${dir}/sub`), ["file.gz"]);
    assert.is(seen[0].receivedBytes, 0);
    assert.equal(seen.at(-1), { url: `${server.url}file.gz`, receivedBytes: packed.length, totalBytes: packed.length });
    assert.ok(seen.every((p, i) => i === 0 || p.receivedBytes >= seen[i - 1].receivedBytes));
  }));

/** The download must fail with these words, and leave the folder empty. */
async function fails(dir: string, url: string, words: string[], more: Partial<Download> = {}): Promise<void> {
  const message = await complaint(async () => download(await job(dir, url, more)));
  for (const word of [url, "--data-dir", "try again", ...words]) {
    assert.ok(message.includes(word), `${word}: ${message}`);
  }
  assert.equal(await names(`${dir}/sub`), []);
}

test("a download with another checksum is refused", () =>
  withFolder(async (dir) => {
    await using server = serve(async () => new Response(await gzip(contents.slice(1))));
    await fails(dir, server.url, ["SHA-256"]);
  }));

test("a download that is no whole gzip is refused", () =>
  withFolder(async (dir) => {
    const packed = (await gzip(contents)).slice(0, 900);
    await using server = serve(() => new Response(packed));
    const message = await complaint(async () => download(await job(dir, server.url)));
    assert.ok(message.includes("gzip") && message.includes(server.url), message);
    assert.equal(await names(`${dir}/sub`), []);
  }));

test("a download that is cut off is refused", () =>
  withFolder(async (dir) => {
    // Deno.serve closes politely; a bare socket promises 100,000 bytes and leaves after 5,000.
    const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const serving = (async () => {
      const connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      const head = new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
      await connection.write(head);
      await connection.write(new Uint8Array(5000));
      connection.close();
    })();
    await fails(dir, `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/`, ["broke off after 5000 bytes"]);
    await serving;
    listener.close();
  }));

test("a download that stalls is given up", () =>
  withFolder(async (dir) => {
    await using server = serve(() => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(10)) })));
    await fails(dir, server.url, ["nothing arrived for 0.1 s"], { stallMs: 100 });
  }));

test("a refused connection and a missing file say what to do", () =>
  withFolder(async (dir) => {
    await fails(dir, UNREACHABLE, ["could not be reached"]);
    await using server = serve(() => new Response("gone", { status: 404 }));
    await fails(dir, server.url, ["404"]);
  }));

test("a folder that can't be written says what to do", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/sub`, "a file, no folder");
    const message = await complaint(async () => download(await job(dir, UNREACHABLE)));
    assert.ok(message.startsWith(`${dir}/sub: could not be written`) && message.includes("SECATEUR_CACHE"), message);
  }));

test("a download that fails keeps an older file", () =>
  withFolder(async (dir) => {
    await writeFolder({ "file.gz": new Uint8Array([1, 2, 3]) }, `${dir}/sub`);
    await complaint(async () => download(await job(dir, UNREACHABLE)));
    assert.equal([...await Deno.readFile(`${dir}/sub/file.gz`)], [1, 2, 3]);
  }));

test.run();

function serve(handler: () => Response | Promise<Response>) {
  const stop = new AbortController();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {}, signal: stop.signal }, handler);
  return {
    url: `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/`,
    [Symbol.asyncDispose]: () => {
      stop.abort();
      return server.finished;
    },
  };
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
}
