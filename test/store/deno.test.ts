import { suite } from "uvu";
import * as assert from "uvu/assert";
import { denoStore, describeStoreError } from "../../src/store/deno.ts";
import type { ReadOptions } from "../../src/store/types.ts";

const test = suite("store: atomic files");
const root = await Deno.makeTempDir({ prefix: "secateur-atomic-" });

test("what a killed writer left behind is neither seen nor in the way", async () => {
  const store = denoStore();
  const left = `${root}/.run.bin.4711-abcdef01.tmp`;
  await Deno.writeTextFile(left, "half a file, lo");
  await Deno.utime(left, 0, 0);
  assert.equal(await store.list(root), []);
  await store.write(`${root}/run.bin`, new Uint8Array([1, 2, 3]));
  assert.equal(await store.list(root), [`${root}/run.bin`]);
  assert.equal([...Deno.readDirSync(root)].map((entry) => entry.name), ["run.bin"]);
});

test("what another process is writing beside it stays", async () => {
  const theirs = `${root}/.other.bin.4711-abcdef01.tmp`;
  await Deno.writeTextFile(theirs, "half a fi");
  await denoStore().write(`${root}/other.bin`, new Uint8Array([1]));
  assert.is(await Deno.readTextFile(theirs), "half a fi");
  await Deno.remove(theirs);
});

test("a write that fails at the last moment leaves no temporary file", async () => {
  await Deno.mkdir(`${root}/target/full`, { recursive: true });
  const error = await denoStore().write(`${root}/target`, new Uint8Array(9)).then(() => undefined, (e) => e);
  assert.match(error.message, /it is a folder/);
  assert.not.ok([...Deno.readDirSync(root)].some((entry) => entry.name.endsWith(".tmp")));
});

test("kill -9 amid writes leaves a whole file", async () => {
  const file = `${root}/big.bin`;
  const size = 2 ** 23;
  const module = new URL("../../src/store/deno.ts", import.meta.url).href;
  const code = `import { denoStore } from "${module}";
    const store = denoStore();
    for (let i = 0;; i = (i + 1) % 256) await store.write(${JSON.stringify(file)}, new Uint8Array(${size}).fill(i));`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "null", stderr: "null" }).spawn();
  let ended = false;
  child.status.then(() => ended = true);
  while (!ended && await denoStore().size(file) === undefined) await pause(5);
  for (let look = 0; look < 20; look++) {
    requireWhole(Deno.readFileSync(file), size);
    await pause(7);
  }
  child.kill("SIGKILL");
  await child.status;
  requireWhole(Deno.readFileSync(file), size);
  assert.equal((await denoStore().list(root)).filter((path) => path.endsWith("big.bin")), [file]);
});

test("links to folders are not followed", async () => {
  await denoStore().write(`${root}/loop/a.txt`, new Uint8Array());
  await Deno.symlink(`${root}/loop`, `${root}/loop/again`);
  assert.equal(await denoStore().list(`${root}/loop`), [`${root}/loop/a.txt`]);
});

test("only regular files are read: a pipe isn't waited for, and a device isn't begun", async () => {
  const pipe = `${root}/pipe`;
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  for (const path of [pipe, "/dev/zero"]) {
    const size = await denoStore().size(path).catch((error) => error.message);
    assert.is(size, `cannot read ${path}: it is a pipe or a device; name a regular file`);
    for (const options of [{}, { most: 10 }]) {
      assert.match(
        await refusal(path, options),
        new RegExp(`^cannot read ${path}: it is a pipe or a device; name a reg`),
      );
    }
  }
  const huge = `${root}/huge`;
  await Deno.writeFile(huge, new Uint8Array([7]));
  await Deno.truncate(huge, 2 ** 42);
  assert.match(await refusal(huge, {}), /it has 4398046511104 bytes; expected at most 4294967296/);
  assert.equal([...(await denoStore().read(huge, { most: 2 }))!], [7, 0]);
  await Deno.remove(huge);
});

test("a folder's list holds regular files and links to them, and no pipe, device or broken link", async () => {
  const folder = `${root}/mixed`;
  await denoStore().write(`${folder}/file`, new Uint8Array([1]));
  assert.ok((await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output()).success);
  for (const [name, target] of [["link", "file"], ["to-pipe", "pipe"], ["zeros", "/dev/zero"], ["broken", "none"]]) {
    await Deno.symlink(target, `${folder}/${name}`);
  }
  assert.equal(await denoStore().list(folder), [`${folder}/file`, `${folder}/link`]);
});

test("a file that must lie in a folder does so after links are followed", async () => {
  const store = denoStore();
  await store.write(`${root}/edge/a/b`, new Uint8Array([1]));
  await store.write(`${root}/secret`, new Uint8Array([2]));
  await store.write(`${root}/edge-2/x`, new Uint8Array([3]));
  await Deno.symlink(`${root}/edge/a/b`, `${root}/edge/inside`);
  await Deno.symlink("../secret", `${root}/edge/outside`);
  await Deno.symlink(`${root}/edge-2`, `${root}/edge/folder`);
  const within = `${root}/edge`;
  for (const path of ["a/b", "inside"]) assert.equal([...(await store.read(`${within}/${path}`, { within }))!], [1]);
  for (const path of ["outside", "folder/x"]) {
    assert.match(
      await refusal(`${within}/${path}`, { within }),
      /a link on its way leads out of .*; put the file itself/,
    );
  }
  assert.is(await store.read(`${within}/none`, { within }), undefined);
});

async function refusal(path: string, options: ReadOptions): Promise<string> {
  return await denoStore().read(path, options).then(() => "read", (error) => error.message);
}

test("each of the system's refusals says what to do", () => {
  const withCode = (code: string) => Object.assign(new Error("os\nerror"), { code });
  for (
    const [code, words] of [
      ["EACCES", "permission denied"],
      ["EROFS", "read-only"],
      ["ENOTDIR", "not a folder"],
      ["ENOSPC", "no space left"],
      ["ENAMETOOLONG", "too long"],
      ["EWHATEVER", "os"],
    ]
  ) {
    const { message } = describeStoreError(withCode(code), "write", "runs/x");
    assert.ok(message.startsWith("cannot write runs/x: ") && message.includes(words), message);
    assert.not.match(message, /\n/);
  }
  const { message } = describeStoreError(new Deno.errors.NotCapable("no"), "write", "runs/x");
  assert.match(message, /permission; run it with -A/);
});

function requireWhole(bytes: Uint8Array, size: number): void {
  assert.is(bytes.length, size);
  assert.ok(bytes.every((byte) => byte === bytes[0]), "one write, not parts of two");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test.after(() => Deno.remove(root, { recursive: true }));
test.run();
