/** What every store promises, as checks that run in Deno and in a page alike. */
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { Store } from "../../src/store/types.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined) => found && new TextDecoder().decode(found);

/** Title and check; each has a folder of its own. */
export const contract: readonly (readonly [string, (store: Store, dir: string) => Promise<void>])[] = [
  ["reads back what was written, last write wins", async (store, dir) => {
    assert.is(await store.read(`${dir}/a/b.txt`), undefined);
    assert.is(await store.size(`${dir}/a/b.txt`), undefined);
    await store.write(`${dir}/a/b.txt`, bytes("one"));
    await store.write(`${dir}/a/b.txt`, bytes("twelve"));
    assert.is(text(await store.read(`${dir}/a/b.txt`)), "twelve");
    assert.is(await store.size(`${dir}/a/b.txt`), 6);
    await store.write(`${dir}/empty`, new Uint8Array());
    assert.is((await store.read(`${dir}/empty`))!.length, 0);
  }],

  ["reads a file's beginning, and files of one folder alone where that is asked", async (store, dir) => {
    await store.write(`${dir}/in/a.txt`, bytes("twelve"));
    await store.write(`${dir}/in-2/a.txt`, bytes("other"));
    for (const [most, beginning] of [[0, ""], [3, "twe"], [6, "twelve"], [7, "twelve"]] as const) {
      assert.is(text(await store.read(`${dir}/in/a.txt`, { most })), beginning);
    }
    for (const within of [`${dir}/in`, `${dir}/.//in/`, dir]) {
      assert.is(text(await store.read(`${dir}/in/a.txt`, { within })), "twelve", within);
    }
    assert.is(await store.read(`${dir}/in/none`, { within: `${dir}/in` }), undefined);
    for (const path of [`${dir}/in-2/a.txt`, `${dir}/in/../in-2/a.txt`]) {
      await refuses(store.read(path, { within: `${dir}/in` }), `outside of ${dir}/in`);
    }
  }],

  ["keeps its own copy", async (store, dir) => {
    const mine = bytes("abc");
    await store.write(`${dir}/x`, mine);
    mine[0] = 0;
    (await store.read(`${dir}/x`))![1] = 0;
    assert.is(text(await store.read(`${dir}/x`)), "abc");
  }],

  ["appends and cuts back", async (store, dir) => {
    const log = `${dir}/log.jsonl`;
    await store.append(log, "first\n");
    await store.append(log, "größer\n");
    assert.is(text(await store.read(log)), "first\ngrößer\n");
    await store.truncate(log, 6);
    assert.is(text(await store.read(log)), "first\n");
    await store.truncate(log, 100);
    assert.is(await store.size(log), 6, "a shorter file stays as it is");
    await store.append(log, "second\n");
    assert.is(text(await store.read(log)), "first\nsecond\n");
    await store.truncate(`${dir}/none`, 0);
    assert.is(await store.size(`${dir}/none`), undefined);
  }],

  ["operations on one path happen in the order asked for", async (store, dir) => {
    await Promise.all([
      store.write(`${dir}/x`, bytes("a")),
      store.append(`${dir}/x`, "b"),
      store.write(`${dir}/x`, bytes("cd")),
      store.append(`${dir}/x`, "e"),
      store.truncate(`${dir}/x`, 2),
      store.append(`${dir}/x`, "f"),
    ]);
    assert.is(text(await store.read(`${dir}/x`)), "cdf");
  }],

  ["lists files of a folder and its subfolders, sorted", async (store, dir) => {
    for (const file of ["b", "a/z", "a/b/c", "a.txt"]) await store.write(`${dir}/run/${file}`, bytes(file));
    await store.write(`${dir}/run-2/x`, bytes(""));
    const names = ["a.txt", "a/b/c", "a/z", "b"].map((file) => `${dir}/run/${file}`);
    assert.equal(await store.list(`${dir}/run`), names);
    assert.equal(await store.list(`${dir}//run/./`), names, "one spelling per path");
    assert.equal(await store.list(`${dir}/none`), []);
  }],

  ["removes files, and what isn't there without complaint", async (store, dir) => {
    await store.write(`${dir}/x`, bytes("x"));
    await store.remove(`${dir}/x`);
    assert.is(await store.read(`${dir}/x`), undefined);
    await store.remove(`${dir}/x`);
    await store.remove(`${dir}/x/y`);
  }],

  ["a path through a file: absent to readers, one clear line to writers", async (store, dir) => {
    await store.write(`${dir}/file`, bytes("x"));
    assert.is(await store.read(`${dir}/file/y`), undefined);
    assert.is(await store.size(`${dir}/file/y`), undefined);
    await refuses(store.write(`${dir}/file/y`, bytes("")), `${dir}/file/y`);
    await refuses(store.append(`${dir}/file/y/z`, ""), `${dir}/file/y/z`);
    await refuses(store.list(`${dir}/file`), `${dir}/file`);
    assert.is(text(await store.read(`${dir}/file`)), "x");
  }],

  ["a folder is no file", async (store, dir) => {
    await store.write(`${dir}/folder/x`, bytes("x"));
    await refuses(store.read(`${dir}/folder`), `${dir}/folder`);
    await refuses(store.write(`${dir}/folder`, bytes("")), `${dir}/folder`);
    await refuses(store.append(`${dir}/folder`, ""), `${dir}/folder`);
    await refuses(store.remove(`${dir}/folder`), `${dir}/folder`);
    assert.equal(await store.list(dir), [`${dir}/folder/x`]);
  }],
];

async function refuses(action: Promise<unknown>, path: string): Promise<void> {
  const error = await action.then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.ok(error.message.includes(path), error.message);
  assert.not.match(error.message, /\n/);
}
