import encodePng from "@jsquash/png/encode.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset, loadPart } from "../../src/data/deno.ts";
import { complaint, gzip, withFolder } from "./fixtures.ts";
import { jpegFile, tarXz } from "./image-files.ts";
import { tar, type TarMember } from "../../src/cli/npm/tar_file.ts";

const test = suite("image folders");

/** A PNG of one colour. */
async function png(
  rgb: readonly [number, number, number],
  width = 2,
  height = width,
): Promise<Uint8Array<ArrayBuffer>> {
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => [...rgb, 255][i % 4]);
  return new Uint8Array(await encodePng(new ImageData(data, width, height)));
}

type Tree = Readonly<Record<string, Uint8Array | string>>;

async function write(dir: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const file = `${dir}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    if (path.endsWith("/")) continue;
    await Deno.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
}

/** Train and test folders of two classes, b and A (which comes first in byte order); red counts the files. */
async function divided(): Promise<Tree> {
  const tree: Record<string, Uint8Array> = {};
  let red = 0;
  for (const [part, count] of [["train", 6], ["test", 2]] as const) {
    for (const name of ["b", "A"]) {
      for (let i = 0; i < count; i++) tree[`${part}/${name}/${i}.png`] = await png([red++, 100, 200]);
    }
  }
  return tree;
}

const load = (dir: string, path = `${dir}/images`, more = {}) =>
  loadDataset(`folder:${path}`, { cacheDir: `${dir}/cache`, ...more });

test("parts are found by their folders, classes and files stand in byte order, channels are planes", () =>
  withFolder(async (dir) => {
    await write(`${dir}/images`, {
      ...await divided(),
      "README.md": "hello",
      ".DS_Store": "x",
      "train/b/._0.png": "x",
    });
    const notes: string[] = [];
    const data = await load(dir, undefined, { onNote: (text: string) => notes.push(text), validation: 0.2 });
    assert.equal(data.classNames, ["A", "b"]);
    assert.equal(data.shape, [3, 2, 2]);
    assert.equal([data.train.count, data.validation.count, data.test.count], [10, 2, 4]);
    assert.equal([...data.test.labels], [0, 0, 1, 1]);
    // Of the test part, b was written before A.
    assert.equal([0, 1, 2, 3].map((i) => data.test.images[12 * i]), [14, 15, 12, 13]);
    assert.equal([...data.test.images.slice(0, 12)], [14, 14, 14, 14, 100, 100, 100, 100, 200, 200, 200, 200]);
    assert.is(notes.length, 1);
    assert.match(notes[0], "README.md");
  }));

test("a fifth of each undivided class is for testing, wherever the folder lies", () =>
  withFolder(async (dir) => {
    const tree: Record<string, Uint8Array> = {};
    for (const name of ["x", "y"]) {
      for (let i = 0; i < 10; i++) tree[`${name}/deep/${i}.png`] = await png([i, i, name === "x" ? 0 : 255]);
    }
    await write(`${dir}/images`, tree);
    await write(`${dir}/elsewhere/wrapped`, tree);
    const data = await load(dir);
    assert.equal([data.train.count, data.validation.count, data.test.count], [14, 2, 4]);
    assert.equal(data.test.labels.filter((label) => label === 0).length, 2);
    const all = [data.train, data.validation, data.test].flatMap((part) =>
      Array.from({ length: part.count }, (_, i) => `${part.labels[i]} ${part.images[12 * i]}`)
    );
    assert.is(new Set(all).size, 20);
    const moved = await load(dir, `${dir}/elsewhere`);
    assert.equal(moved.test.images, data.test.images);
    assert.equal(moved.validation.images, data.validation.images);
    const { part, data: whole } = await loadPart(`folder:${dir}/images`, undefined, { cacheDir: `${dir}/cache` });
    assert.equal([part, whole.count], ["all", 20]);
  }));

test("the mean and std that a part is scored with are those that a run on its files measures", () =>
  withFolder(async (dir) => {
    const one: Record<string, Uint8Array> = {};
    for (let i = 0; i < 10; i++) one[`${"ab"[i % 2]}/${i}.png`] = await png([20 * i, 7 * i * i % 256, 3]);
    await write(`${dir}/undivided`, one);
    await write(`${dir}/divided`, await divided());
    // Pixels 51 and 204 are 0.2 and 0.8: mean 0.5, deviation 0.3.
    await write(`${dir}/tests`, {
      "test/a/1.png": await png([51, 51, 51]),
      "test/b/1.png": await png([204, 204, 204]),
    });
    const scored = async (name: string, part?: "train" | "test" | "all", more = {}) =>
      (await loadPart(`folder:${dir}/${name}`, part, { cacheDir: `${dir}/cache`, ...more })).data.normalization;
    for (const name of ["undivided", "divided"]) {
      const { normalization } = (await load(dir, `${dir}/${name}`)).train;
      assert.ok(normalization.std[0] < 0.5, `${normalization.std}`);
      for (const part of [undefined, "train", "test"] as const) assert.equal(await scored(name, part), normalization);
      const half = await scored(name, undefined, { mean: [0.1, 0.2, 0.3] });
      assert.equal(half, { ...normalization, mean: [0.1, 0.2, 0.3] });
    }
    const { mean, std } = await scored("tests");
    assert.equal([mean, std].flat().map((value) => value.toFixed(6)), [
      ...Array(3).fill("0.500000"),
      ...Array(3).fill("0.300000"),
    ]);
  }));

test("a validation folder validates, and is the test part where there is none", () =>
  withFolder(async (dir) => {
    const tree: Record<string, Uint8Array> = {};
    for (const [i, part] of ["train", "val", "test"].entries()) {
      for (const name of ["x", "y"]) tree[`${part}/${name}/1.png`] = await png([i, i, i]);
    }
    await write(`${dir}/images`, tree);
    const data = await load(dir);
    assert.equal([data.train, data.validation, data.test].map(({ count, images }) => [count, images[0]]), [[2, 0], [
      2,
      1,
    ], [2, 2]]);
    await Deno.remove(`${dir}/images/test`, { recursive: true });
    for (const name of ["x", "y"]) await Deno.writeFile(`${dir}/images/train/${name}/2.png`, await png([9, 9, 9]));
    const without = await load(dir, undefined, { validation: 0.5 });
    assert.equal([without.test.count, without.test.images[0]], [2, 1]);
  }));

test("decoded images are kept, and decoded anew when a file has changed", () =>
  withFolder(async (dir) => {
    await write(`${dir}/images`, await divided());
    const decodings = async () => {
      let images = 0;
      const data = await load(dir, undefined, { onImages: (n: number) => images = n });
      return [images, data.test.images[0]];
    };
    assert.equal(await decodings(), [16, 14]);
    assert.equal(await decodings(), [0, 14]);
    await Deno.writeFile(`${dir}/images/test/A/0.png`, await png([77, 100, 200]));
    await Deno.utime(`${dir}/images/test/A/0.png`, 1, 1);
    assert.equal(await decodings(), [16, 77]);
    assert.equal(await decodings(), [0, 77]);
    await Deno.remove(`${dir}/images/test/A/0.png`);
    assert.equal(await decodings(), [15, 15]);
    const kept = [...Deno.readDirSync(`${dir}/cache/images`)];
    assert.is(kept.length, 1);
    await Deno.truncate(`${dir}/cache/images/${kept[0].name}`, 100);
    assert.equal(await decodings(), [15, 15]);
  }));

test("kept images that are damaged in any way are decoded anew, and kept whole again", () =>
  withFolder(async (dir) => {
    await write(`${dir}/images`, await divided());
    const warnings: string[] = [];
    const read = async () => {
      let decoded = 0;
      const onImages = (n: number) => decoded = n;
      const data = await load(dir, undefined, { onImages, onWarning: (text: string) => warnings.push(text) });
      return { decoded, pixels: [...data.train.images, ...data.test.images].join(), names: data.classNames };
    };
    const { pixels, names } = await read();
    const [{ name }] = Deno.readDirSync(`${dir}/cache/images`);
    const file = `${dir}/cache/images/${name}`;
    const whole = await Deno.readFile(file);
    const text = new TextDecoder("latin1").decode(whole);
    const flipped = (at: number) => whole.with(at, whole[at] ^ 1);
    const damages: Record<string, Uint8Array> = {
      "empty": new Uint8Array(),
      "cut off": whole.slice(0, whole.length - 1),
      "garbage": whole.map((_, i) => i * 31),
      "a flipped bit of a pixel": flipped(whole.length - 100),
      "a flipped bit of a label": flipped(text.indexOf("}}") + 3 + (8 - (text.indexOf("}}") + 3) % 8) % 8),
      "other class names": Uint8Array.from(text.replace('[\\"A\\",', '[\\"B\\",'), (c) => c.charCodeAt(0)),
      "another version": Uint8Array.from(text.replace('"version":"2"', '"version":"1"'), (c) => c.charCodeAt(0)),
    };
    for (const [what, bytes] of Object.entries(damages)) {
      assert.not.equal(bytes, whole, what);
      await Deno.writeFile(file, bytes);
      assert.equal(await read(), { decoded: 16, pixels, names }, what);
      assert.equal(await read(), { decoded: 0, pixels, names }, `${what}, once it is mended`);
    }
    assert.equal(warnings, []);
  }));

test("a cache that can't be used costs the cache and one warning, not the run", () =>
  withFolder(async (dir) => {
    await write(`${dir}/images`, await divided());
    await Deno.writeTextFile(`${dir}/file`, "in the way");
    await Deno.mkdir(`${dir}/taken/images`, { recursive: true });
    await load(dir, undefined, { cacheDir: `${dir}/taken` });
    const [{ name }] = Deno.readDirSync(`${dir}/taken/images`);
    await Deno.remove(`${dir}/taken/images/${name}`);
    await Deno.mkdir(`${dir}/taken/images/${name}/folder`, { recursive: true });
    for (
      const [what, cacheDir, reason] of [
        ["a file in place of the folder", `${dir}/file`, "is a file, not a folder"],
        ["a folder in place of the file", `${dir}/taken`, "it is a folder"],
        ["a system that allows no files there", "/proc/secateur", "cannot write"],
      ]
    ) {
      const warnings: string[] = [];
      const data = await load(dir, undefined, { cacheDir, onWarning: (text: string) => warnings.push(text) });
      assert.is(data.train.count + data.validation.count, 12, what);
      assert.is(warnings.length, 1, `${what}: ${warnings.join("; ")}`);
      assert.match(warnings[0], /^decoded images aren't kept for the next run: /);
      assert.ok(warnings[0].includes(reason), warnings[0]);
    }
  }));

test("a file or folder whose name isn't UTF-8 is refused with what to do", async () => {
  if (Deno.build.os !== "linux") return;
  await withFolder(async (dir) => {
    await write(`${dir}/images`, await divided());
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `cp "$1/train/A/0.png" "$1/train/A/$(printf 'x\\377.png')"`, "sh", `${dir}/images`],
    }).output();
    assert.ok(success);
    assert.match(await complaint(() => load(dir)), /train\/A\/x.+\.png: its name isn't valid UTF-8: rename it/);
  });
});

test("sizes must agree, or a size is given", () =>
  withFolder(async (dir) => {
    await write(`${dir}/images`, { ...await divided(), "train/A/wide.png": await png([1, 2, 3], 5, 4) });
    const message = await complaint(() => load(dir));
    for (const part of ["train/A/0.png has 2×2", "train/A/wide.png 5×4", "size"]) {
      assert.ok(message.includes(part), message);
    }
    const data = await load(dir, undefined, { size: 3 });
    assert.equal(data.shape, [3, 3, 3]);
    assert.equal(data.test.images[0], 14);
  }));

test("greyscale files alone have one channel, which may be repeated", () =>
  withFolder(async (dir) => {
    const { greyPng } = await import("./image-files.ts");
    const grey = Uint8Array.from(atob(greyPng.base64), (c) => c.charCodeAt(0));
    const tree: Record<string, Uint8Array> = {};
    for (const part of ["train", "test"]) {
      for (const name of ["x", "y"]) for (const i of [1, 2]) tree[`${part}/${name}/${i}.png`] = grey;
    }
    await write(`${dir}/images`, tree);
    assert.equal((await load(dir)).shape, [1, 13, 11]);
    const wide = await load(dir, undefined, { channels: 3, mean: [0.1, 0.2, 0.3], std: [1, 1, 2] });
    assert.equal(wide.shape, [3, 13, 11]);
    assert.equal(wide.test.images.slice(0, 143), wide.test.images.slice(286, 429));
    assert.equal(wide.train.normalization, { scale: 255, mean: [0.1, 0.2, 0.3], std: [1, 1, 2] });
    assert.match(
      await complaint(() => load(dir, undefined, { mean: [0.1, 0.2, 0.3] })),
      /mean has 3 numbers.*1 channel/,
    );
    await Deno.writeFile(`${dir}/images/train/x/1.png`, await png([1, 2, 3], 11, 13));
    assert.equal((await load(dir)).shape, [3, 13, 11]);
    assert.match(await complaint(() => load(dir, undefined, { channels: 1 })), "3 channels, the model takes 1");
  }));

test("a file or folder that doesn't fit is refused by name", () =>
  withFolder(async (dir) => {
    const good = await divided();
    let number = 0;
    const refused = async (tree: Tree) => {
      const path = `${dir}/case${number++}`;
      await write(path, tree);
      return await complaint(() => load(dir, path));
    };
    assert.match(
      await refused({ ...good, "train/A/9.jpg": "not an image" }),
      /train\/A\/9\.jpg can't be decoded: found a text file/,
    );
    assert.match(
      await refused({ ...good, "train/A/9.gif": "GIF89a" }),
      /train\/A\/9\.gif is of a format that isn't read/,
    );
    assert.match(await refused({ ...good, "train/c/": "" }), /class "c" has no images/);
    assert.match(await refused({ ...good, "test/c/1.png": await png([1, 1, 1]) }), /class "c" has no images in train/);
    assert.match(
      await refused({ ...good, "train/1.png": await png([1, 1, 1]) }),
      /train\/1\.png lies in no class folder/,
    );
    assert.match(await refused({ "a/1.png": await png([1, 1, 1]) }), /only the class "a"/);
    assert.match(await refused({ "notes.txt": "x" }), /found no PNG or JPEG files/);
    assert.match(
      await refused({ "train/a/1.png": await png([1, 1, 1]), "train/b/1.png": await png([1, 1, 1]) }),
      /found only train/,
    );
    assert.match(await complaint(() => load(dir, `${dir}/none`)), /none: no such folder/);
    await Deno.writeTextFile(`${dir}/one.zip`, "PK");
    assert.match(
      await complaint(() => load(dir, `${dir}/one.zip`)),
      /one\.zip: a file, expected a folder or an archive/,
    );
    assert.match(await complaint(() => loadDataset("folder:")), /found no path/);
  }));

test("links to files and folders are followed, but not in circles", () =>
  withFolder(async (dir) => {
    const { "train/A/0.png": first, ...others } = await divided();
    await write(`${dir}/images`, others);
    await write(dir, { "aside/0.png": first });
    await Deno.symlink(`${dir}/aside/0.png`, `${dir}/images/train/A/0.png`);
    await Deno.symlink(`${dir}/aside`, `${dir}/images/train/b/more`);
    assert.is((await load(dir)).train.count + (await load(dir)).validation.count, 13);
    await Deno.symlink(`${dir}/images`, `${dir}/images/train/b/circle`);
    assert.match(await complaint(() => load(dir)), /circle: a link that leads to a folder above it/);
  }));

const membersOf = (tree: Tree): TarMember[] =>
  Object.entries(tree).map(([name, bytes]) => ({ name: `./set/${name}`, bytes: bytes as Uint8Array }));

test("archives are read in place, packed or not, and in any order", () =>
  withFolder(async (dir) => {
    const tree = await divided();
    await write(`${dir}/images`, tree);
    const expected = await load(dir);
    const packed = tar([{ name: "./", type: "5" }, ...membersOf(tree).reverse(), { name: "./set/._0.png" }]);
    await Deno.writeFile(`${dir}/a.tar`, packed);
    await Deno.writeFile(`${dir}/a.tar.gz`, await gzip(packed));
    for (const file of ["a.tar", "a.tar.gz"]) {
      const data = await load(dir, `${dir}/${file}`);
      for (const part of ["train", "validation", "test"] as const) {
        assert.equal(data[part].images, expected[part].images);
        assert.equal(data[part].labels, expected[part].labels);
      }
    }
    assert.equal([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), ["a.tar", "a.tar.gz", "cache", "images"]);
  }));

test("an archive packed by xz is read as well", () =>
  withFolder(async (dir) => {
    const bytes = Uint8Array.from(atob(tarXz), (c) => c.charCodeAt(0));
    await Deno.writeFile(`${dir}/a.tar.xz`, bytes);
    const { data } = await loadPart(`folder:${dir}/a.tar.xz`, "all", { cacheDir: `${dir}/cache` });
    assert.equal([[...data.images], [...data.labels], data.classNames], [[10, 20, 30, 40], [0, 0, 1, 1], ["a", "b"]]);
    await Deno.writeFile(`${dir}/cut.tar.xz`, bytes.slice(0, 200));
    assert.match(
      await complaint(() => load(dir, `${dir}/cut.tar.xz`)),
      /cut\.tar\.xz: found no whole xz data near byte 200 of 200 /,
    );
    const damaged = bytes.slice();
    damaged[100] ^= 255;
    await Deno.writeFile(`${dir}/damaged.tar.xz`, damaged);
    assert.match(
      await complaint(() => load(dir, `${dir}/damaged.tar.xz`)),
      /damaged\.tar\.xz: found no whole xz data near byte \d+ of \d+ /,
    );
  }));

test("archives that are damaged, cut off or hostile are refused by name", () =>
  withFolder(async (dir) => {
    const members = membersOf(await divided());
    const image = await png([1, 2, 3]);
    const whole = tar(members);
    const damaged = whole.slice();
    damaged[150] ^= 1;
    for (
      const [bytes, said] of [
        [
          tar([...members, { name: "../../etc/x.png", bytes: image }]),
          /"\.\.\/\.\.\/etc\/x\.png" leads out of the archive/,
        ],
        [tar([...members, { name: "/etc/x.png", bytes: image }]), /"\/etc\/x\.png" leads out/],
        [tar([...members, { name: "set/train/A/l.png", type: "2" }]), /l\.png" is a link.*dereference/],
        [tar([...members, { name: "set/train/A/l.png", type: "1" }]), /is a link/],
        [tar([...members, { name: "set/train/A/p.png", type: "6" }]), /is a fifo/],
        [tar([{ name: "set/train/A/big.png", size: 2 ** 32 }, ...members]), /big\.png" has 4294967296 bytes/],
        [tar([...members, members[0]]), /twice/],
        [whole.slice(0, whole.length - 1024), /is cut off/],
        [whole.slice(0, 700), /cut off|Unexpected end/],
        [damaged, /no whole tar archive/],
        [new Uint8Array(0), /is cut off/],
      ] as const
    ) {
      await Deno.writeFile(`${dir}/a.tar`, bytes);
      const message = await complaint(() => load(dir, `${dir}/a.tar`));
      assert.match(message, said);
      assert.ok(message.startsWith(`${dir}/a.tar: `), message);
    }
    await new Deno.Command("mkfifo", { args: [`${dir}/pipe.tar`] }).output();
    assert.match(await complaint(() => load(dir, `${dir}/pipe.tar`)), /pipe\.tar: is a device or a pipe/);
    const packed = await gzip(whole);
    await Deno.writeFile(`${dir}/a.tar.gz`, packed.slice(0, packed.length - 20));
    const [said, near] = [await complaint(() => load(dir, `${dir}/a.tar.gz`)), packed.length - 20];
    assert.match(said, new RegExp(`a\\.tar\\.gz: found no whole gzip data near byte ${near} of ${near} `));
  }));

test("JPEG in the worker threads is as in this one", () =>
  withFolder(async (dir) => {
    const file = Uint8Array.from(atob(jpegFile.base64), (c) => c.charCodeAt(0));
    await write(`${dir}/images`, Object.fromEntries(["a/1.JPG", "a/2.jpeg", "b/1.jpg"].map((path) => [path, file])));
    const { decodeImage } = await import("../../src/data/images/decode.ts");
    const { data } = await loadPart(`folder:${dir}/images`, undefined, { cacheDir: `${dir}/cache` });
    const { planes } = await decodeImage(file);
    assert.equal(data.images, Uint8Array.from([...planes, ...planes, ...planes]));
  }));

test("images side by side have no labels: one part to fit to, and one, spread evenly, that is held out", () =>
  withFolder(async (dir) => {
    const tree: Record<string, Uint8Array> = {};
    for (let i = 0; i < 20; i++) tree[`${10 + i}.png`] = await png([10 + i, 100, 200]);
    await write(`${dir}/images`, { ...tree, "notes.txt": "x", ".hidden/1.png": "x" });
    const data = await load(dir);
    assert.is(data.labels, "absent");
    assert.equal([data.train.count, data.validation.count, data.test.count], [17, 3, 3]);
    assert.equal([...data.test.source], [3, 10, 16]);
    assert.equal([0, 1, 2].map((i) => data.validation.images[12 * i]), [13, 20, 26]);
    assert.equal(data.test.images, data.validation.images);
    assert.equal(data.train.normalization.mean.map((value) => Math.round(255 * value)), [19, 100, 200]);
    assert.is((await load(dir, undefined, { limit: 10 })).train.count, 10);
    assert.match(await complaint(() => load(dir, undefined, { limit: 0 })), /found limit 0, expected a whole number/);
  }));

test("class folders that shall be ignored are so when asked, in archives too, and other data's labels", () =>
  withFolder(async (dir) => {
    const tree = await divided();
    await write(`${dir}/images`, tree);
    const packed = tar(
      Object.entries(tree).map(([name, bytes]): TarMember => ({ name, bytes: new Uint8Array(bytes as Uint8Array) })),
    );
    await Deno.writeFile(`${dir}/images.tar`, packed);
    for (const path of [`${dir}/images`, `${dir}/images.tar`]) {
      const data = await load(dir, path, { labels: "ignore" });
      assert.equal([data.labels, data.classNames, data.train.count, data.test.count], ["absent", undefined, 14, 2]);
      assert.is((await load(dir, path)).labels, undefined);
    }
    assert.is((await loadDataset("digits", { labels: "ignore" })).labels, "absent");
  }));

test("where some images lie in folders and others don't, it is said, and so how images without labels are given", () =>
  withFolder(async (dir) => {
    const image = await png([1, 2, 3]);
    await write(`${dir}/mixed`, { "0.png": image, "a/1.png": image, "b/1.png": image });
    assert.match(
      await complaint(() => load(dir, `${dir}/mixed`)),
      /0\.png lies in no class folder: lay .* --no-labels$/,
    );
    await write(`${dir}/one`, { "a/1.png": image, "a/2.png": image });
    const one = await complaint(() => load(dir, `${dir}/one`));
    assert.match(one, /only the class "a", expected two or more: lay .*takes images of any folders with --no-labels$/);
    await write(`${dir}/broken`, { "0.png": "nonsense", "1.png": image });
    assert.match(
      await complaint(() => load(dir, `${dir}/broken`)),
      /"0\.png": found .*: leave it out, or give the images' size/,
    );
  }));

test.run();
