import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import { complaint, gzip, withFolder, writeFolder } from "./fixtures.ts";
import { tar } from "../../src/cli/npm/tar_file.ts";

const test = suite("CIFAR");

/** `count` records with the given labels in front; pixel j of record i is (i + j) mod 256. */
function records(count: number, labels: (i: number) => readonly number[]): Uint8Array<ArrayBuffer> {
  const one = (i: number) => [...labels(i), ...Array.from({ length: 3072 }, (_, j) => (i + j) % 256)];
  return Uint8Array.from(Array.from({ length: count }, (_, i) => one(i)).flat());
}

const ten = () => {
  const files: Record<string, Uint8Array<ArrayBuffer>> = { "test_batch.bin": records(10, (i) => [i]) };
  for (let b = 1; b <= 5; b++) files[`data_batch_${b}.bin`] = records(20, (i) => [i % 10]);
  files["batches.meta.txt"] = new TextEncoder().encode([..."abcdefghij"].join("\n") + "\n\n");
  return files;
};

test("CIFAR-10 is read from its folder, a folder above it, or its archive", () =>
  withFolder(async (dir) => {
    await writeFolder(ten(), `${dir}/data/cifar-10-batches-bin`);
    const members = Object.entries(ten()).map(([name, bytes]) => ({ name: `cifar-10-batches-bin/${name}`, bytes }));
    await Deno.writeFile(`${dir}/cifar-10-binary.tar.gz`, await gzip(tar(members)));
    for (const path of ["data/cifar-10-batches-bin", "data", "cifar-10-binary.tar.gz"]) {
      const data = await loadDataset(`cifar10:${dir}/${path}`, { validation: 0.1 });
      assert.equal([data.train.count, data.validation.count, data.test.count], [90, 10, 10]);
      assert.equal(data.shape, [3, 32, 32]);
      assert.equal(data.classNames, [..."abcdefghij"]);
      assert.equal([...data.test.labels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.equal([data.test.images[3072], data.test.images[3072 + 5]], [1, 6]);
      assert.ok(data.train.normalization.mean.every((mean) => mean > 0.4 && mean < 0.6));
    }
  }));

test("CIFAR-100 has two labels: the fine one counts, the coarse one if asked for", () =>
  withFolder(async (dir) => {
    await writeFolder({
      "train.bin": records(200, (i) => [Math.floor(i % 100 / 5), i % 100]),
      "test.bin": records(100, (i) => [Math.floor(i / 5), i]),
    }, dir);
    const fine = await loadDataset(`cifar100:${dir}`, { validation: 0.5 });
    assert.equal([fine.classes, fine.test.labels[99], fine.test.images[3072]], [100, 99, 1]);
    const coarse = await loadDataset(`cifar100-coarse:${dir}`, { validation: 0.5 });
    assert.equal([coarse.classes, coarse.test.labels[99], coarse.test.images[3072]], [20, 19, 1]);
  }));

test("files that are missing or of another kind are named", () =>
  withFolder(async (dir) => {
    const { "data_batch_3.bin": third, ...others } = ten();
    await writeFolder(others, dir);
    const load = () => complaint(() => loadDataset(`cifar10:${dir}`));
    assert.match(await load(), /found no data_batch_3\.bin, expected the binary version of cifar10/);
    await Deno.writeFile(`${dir}/data_batch_3.bin`, third.slice(1));
    assert.match(await load(), /data_batch_3\.bin: found 61459 bytes, expected a multiple of 3073/);
    await Deno.writeFile(`${dir}/data_batch_3.bin`, records(20, (i) => [i]));
    assert.match(await load(), /record 10 has label 10, expected 0 to 9/);
    await writeFolder({ "data_batch_3.bin": third }, `${dir}/copy`);
    assert.match(await load(), /data_batch_3\.bin twice/);
  }));

test.run();
