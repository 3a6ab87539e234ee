import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError, UserError } from "../../src/errors.ts";
import { formatRecipe, loadRecipe, namedRecipes, type RecipeChanges } from "../../src/recipe/load.ts";
import { mapPaths } from "../../src/recipe/paths.ts";
import { applyOverrides } from "../../src/recipe/overrides.ts";
import type { AdmmStage } from "../../src/recipe/registry.ts";
import { memoryStore } from "../../src/store/memory.ts";

const test = suite("recipes");
const store = memoryStore();
const keep = (path: string, text: string) => store.write(path, new TextEncoder().encode(text));
const changed = (...set: string[]) => loadRecipe("digits", store, { set });
const admmOf = async (...set: string[]) => (await changed(...set)).stages[1] as AdmmStage;

async function message(nameOrPath: string, changes?: RecipeChanges): Promise<string> {
  const error = await loadRecipe(nameOrPath, store, changes).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.not.match(error.message, /\n/);
  return error.message;
}

test("every named recipe is valid, says what it is, and lies under its own name", async () => {
  assert.ok(namedRecipes().length >= 4);
  for (const recipe of namedRecipes()) {
    assert.ok(recipe.description, recipe.name);
    assert.equal(await loadRecipe(recipe.name, store), recipe);
  }
});

test("a recipe that was written back is the same recipe", async () => {
  for (const recipe of namedRecipes()) {
    await keep("runs/x/recipe.yaml", formatRecipe(mapPaths(recipe, (path) => `../../${path}`)));
    assert.equal(await loadRecipe("runs/x/recipe.yaml", store), recipe);
  }
});

test("paths are relative to the recipe's file, or to the working directory where they are set from outside", async () => {
  const text = (data: string) =>
    `version: 1\nname: x\nmodel: { name: digits }\ndata: ${data}\nstages: [{ kind: train, epochs: 1 }]`;
  await keep("recipes/x.yaml", text("folder:../images"));
  await keep("recipes/y.yaml", text("{ name: 'cifar10:/data/cifar', limit: 5 }"));
  assert.is((await loadRecipe("recipes/x.yaml", store)).data.name, "folder:images");
  assert.is((await loadRecipe("./recipes/x.yaml", store, { set: ["data.limit=3"] })).data.name, "folder:images");
  assert.is((await loadRecipe("recipes/x.yaml", store, { data: "folder:./a: b #c" })).data.name, "folder:./a: b #c");
  assert.equal((await loadRecipe("recipes/y.yaml", store)).data, {
    name: "cifar10:/data/cifar",
    validation: 0.15,
    limit: 5,
  });
  assert.is((await loadRecipe("recipes/y.yaml", store, { data: "digits" })).data.name, "digits");
  await keep("recipes/z.yaml", text("digits").replace("{ name: digits }", "./nets/a.onnx\nweights: w.pth"));
  const { model, weights } = await loadRecipe("recipes/z.yaml", store);
  assert.equal([model, weights], [{ name: "recipes/nets/a.onnx" }, "recipes/w.pth"]);
  const chosen = await loadRecipe("recipes/z.yaml", store, { output: "scores", input: { "a.b": "in.npy" } });
  assert.equal(chosen.model, { name: "recipes/nets/a.onnx", output: "scores", inputs: { "a.b": "in.npy" } });
  await keep("recipes/y.yaml", text("digits").replace("{ name: digits }", "{ name: ./a.onnx, inputs: { s: s.npy } }"));
  assert.equal((await loadRecipe("recipes/y.yaml", store)).model, {
    name: "recipes/a.onnx",
    inputs: { s: "recipes/s.npy" },
  });
  const given = await loadRecipe("recipes/z.yaml", store, { model: "b.onnx", weights: "c.pth" });
  assert.equal([given.model, given.weights], [{ name: "b.onnx" }, "c.pth"]);
});

test("seed, limit and settings", async () => {
  const recipe = await loadRecipe("digits", store, { seed: 7, limit: 500, set: ["batch=32", "seed=3"] });
  assert.equal([recipe.seed, recipe.data.limit, recipe.batch], [7, 500, 32]);
  const [{ schedule }] = (await changed("stages.0.schedule={kind: step, milestones: [0.5]}")).stages as [AdmmStage];
  assert.equal(schedule, { kind: "step", milestones: [0.5], gamma: 0.1, warmup: 0 });
  assert.is((await admmOf("stages.1.retrain.epochs=3")).retrain?.epochs, 3);
  assert.equal((await changed("data.augment.crop=2")).data.augment, { crop: 2, flip: false }, "missing maps are made");
  assert.is((await changed("stages.6=")).stages.length, 6, "nothing takes away");
  assert.is((await changed("stages.7={kind: unused}")).stages.length, 8, "one past the end appends");
});

const keepOf = ({ constraints: [first] }: AdmmStage) => "keep" in first ? first.keep : undefined;

test("keep takes the place of a budget, and the other way round", async () => {
  const kept = await admmOf("stages.1.keep=0.3");
  assert.equal([kept.budget, keepOf(kept)], [undefined, 0.3]);
  const own = await admmOf("stages.1.constraints.0.keep=0.4");
  assert.equal([own.budget, keepOf(own)], [undefined, 0.4]);
  const back = await admmOf("stages.1.constraints.0.keep=0.4", "stages.1.budget={macs: 0.5}");
  assert.equal([back.budget, keepOf(back)], [{ macs: 0.5 }, undefined]);
  assert.is(keepOf(await admmOf("stages.1.keep=0.4", "stages.1.keep=0.2")), 0.2);
});

test("overrides leave their input alone", () => {
  const given = { a: [{ b: 1 }] };
  assert.equal(applyOverrides(given, ["a.0.b=2", "a.0.c.d=x"]), { a: [{ b: 2, c: { d: "x" } }] });
  assert.equal(given, { a: [{ b: 1 }] });
});

test("settings that lead nowhere", async () => {
  assert.is(
    await message("digits", { set: ["stages.1.keeep=0.3"] }),
    'recipe digits with stages.1.keeep=0.3: stages.1.keeep: unknown key (did you mean "keep"?)',
  );
  assert.is(
    await message("digits", { set: ["stages.9.keep=0.3"] }),
    "--set stages.9.keep=0.3: no such path: stages has the entries 0 to 6",
  );
  assert.match(await message("digits", { set: ["stages.one.keep=0.3"] }), /stages has the entries 0 to 6/);
  assert.is(await message("digits", { set: ["seed.x=1"] }), "--set seed.x=1: no such path: seed is 1 and has no keys");
  assert.match(await message("digits", { set: ["__proto__.x=1"] }), /no such path/);
  assert.match(await message("digits", { set: ["batch=[1"] }), /--set batch=\[1: the value is no YAML/);
  assert.match(
    await message("digits", { set: ["stages.1.keep=1.5"] }),
    /keep: expected a fraction above 0 and at most 1, got 1.5/,
  );
  assert.throws(() => applyOverrides({}, ["nothing"]), (error: Error) => error instanceof UsageError);
});

test("YAML that is nested too deeply is refused with a sentence, in a file and in a setting", async () => {
  const tooDeep = /: lists or maps are nested too deeply, expected at most 64 levels$/;
  const nested = (levels: number) => [
    "[".repeat(levels) + "]".repeat(levels),
    "{a: ".repeat(levels) + "1" + "}".repeat(levels),
  ];
  // The file's own map is a level too.
  for (const text of [...nested(64), ...nested(400), ...nested(20_000), "&a [*a]"]) {
    await keep("deep.yaml", `seed: ${text}\n`);
    assert.match(await message("deep.yaml"), tooDeep, text.slice(0, 9));
  }
  for (const text of nested(63)) {
    await keep("deep.yaml", `seed: ${text}\n`);
    assert.not.match(await message("deep.yaml"), tooDeep);
  }
  for (const text of nested(65)) {
    assert.match(await message("digits", { set: [`seed=${text}`] }), tooDeep, text.slice(0, 9));
  }
});

test("aliases that stand for far more than is written are refused with a way out", async () => {
  const levels = Array.from({ length: 11 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`)}]`);
  await keep("many.yaml", ["a0: &a0 [1, 1, 1]", ...levels].join("\n"));
  assert.match(await message("many.yaml"), /^many.yaml: its aliases .* write lists and maps out, or use fewer$/);
});

test("an unknown name is answered with the nearest three, and with the command that lists all", async () => {
  assert.is(
    await message("digit-resnet"),
    'no recipe is named "digit-resnet": nearest are digits-resnet8, digits, digits-resnet-depth; ' +
      "`secateur recipes` lists all; or give the path of a .yaml file",
  );
  assert.match(await message("lenet5"), /nearest are mnist-lenet5, fashion-lenet5, mnist-lenet5-extreme;/);
  assert.match(await message("toString"), /^no recipe is named "toString": nearest are /);
});

test("files that are no recipe", async () => {
  assert.match(await message("my.yaml"), /^my.yaml: no such file/);
  assert.match(await message("recipes/mine"), /^recipes\/mine: no such file/);
  await keep("syntax.yaml", "version: 1\nmodel: { name: digits\nbatch: 3\n");
  assert.match(await message("syntax.yaml"), /^syntax.yaml, line 3, column 1: /);
  await keep("twice.yaml", "version: 1\nseed: 1\nseed: 2\n");
  assert.match(await message("twice.yaml"), /^twice.yaml, line 3, column 1: Map keys must be unique/);
  await keep("alias.yaml", "seed: *nowhere\n");
  assert.match(await message("alias.yaml"), /^alias.yaml, line 1, column 7: |^alias.yaml: .*nowhere/);
  await keep("empty.yaml", "");
  assert.is(await message("empty.yaml"), "empty.yaml: expected a map of keys, got null");
  await store.write("binary.yml", new Uint8Array([0xff, 0xfe, 0]));
  assert.match(await message("binary.yml"), /^binary.yml: not a text in UTF-8/);
});

test.run();
