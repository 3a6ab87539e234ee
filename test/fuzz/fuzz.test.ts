import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeFailure, fuzz } from "./fuzz.ts";
import { load } from "./load.ts";
import { makeCase } from "./mutate.ts";
import { jpegFiles, KINDS, onnxFiles, plans, pngFiles, recipes, record, safetensorsFiles } from "./seeds.ts";

const test = suite("fuzz");

test("mutated files load or are refused clearly, in time, in memory, and without a permission", async () => {
  const { loaded, refused, failures } = await fuzz({ seed: 1, from: 0, count: 500 });
  assert.is(failures.map(describeFailure).join("\n\n"), "");
  assert.ok(loaded > 30 && refused > 200, `${loaded} loaded, ${refused} refused`);
});

test("a case is made again from its seed and number", () => {
  for (let number = 0; number < 8; number++) {
    assert.equal(makeCase(5, number), makeCase(5, number));
    assert.not.equal(makeCase(5, number).bytes, makeCase(6, number).bytes);
  }
});

test("the files that mutations begin with all load", async () => {
  for (const bytes of onnxFiles) assert.is(await load({ kind: "onnx", bytes }), "loaded");
  assert.is(await load({ kind: "safetensors", bytes: safetensorsFiles[0] }), "loaded");
  for (const bytes of [...pngFiles, ...jpegFiles]) assert.is(await load({ kind: "image", bytes }), "loaded");
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  for (const recipe of recipes) assert.is(await load({ kind: "recipe", bytes: json(recipe) }), "loaded");
  assert.is(await load({ kind: "record", bytes: json(record) }), "loaded");
  assert.is(await load({ kind: "plans", bytes: json(plans) }), "loaded");
});

test("of the graphs from the grammar, and of the archives, some load and some don't", async () => {
  for (const kind of ["graph", "tar"] as const) {
    const ended = { loaded: 0, refused: 0 };
    for (let number = KINDS.indexOf(kind); number < 1500; number += KINDS.length) {
      ended[await load(makeCase(3, number))]++;
    }
    assert.ok(ended.loaded > 8 && ended.refused > 8, `${kind}: ${JSON.stringify(ended)}`);
  }
});

test("what is neither a load nor a UserError counts as a failure", async () => {
  const error = await load({ kind: "onnx", bytes: null as unknown as Uint8Array }).then(() => "loaded", String);
  assert.match(error, /null/);
});

test.run();
