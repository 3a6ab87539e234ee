/** What runs that prune depth are held against: the same blocks changed in simpler ways, and trained for as long. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { controlGene } from "../../src/depth/depth_controls.ts";
import { UserError } from "../../src/errors.ts";
import { createModel } from "../../src/models/zoo.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { onlyNightly } from "../long.ts";
import { abortedAt } from "./interrupt.ts";
import { admm, DIR, prune, tinyRecipe, train } from "./tiny.ts";

const test = suite("depth controls");

const small = { model: { name: "resnet8", width: 0.125 }, batch: 32 };
const gene = ["identity", "keep", "first"];
const adam = { optimizer: { kind: "adam", lr: 0.01 } };
const stages = [
  train(1),
  { kind: "search", gene, images: 32 },
  { kind: "subnet", epochs: 2, images: 32, ...adam },
  { kind: "merge" },
];

test("each control changes the same blocks in its own way and is trained for as long as the subnet was", async () => {
  const { report, store } = await prune(tinyRecipe([...stages, { kind: "controls" }], small));
  const { controls, final, baseline } = report;
  assert.equal(Object.keys(controls), ["tuned", "naive", "linear", "linear-tuned", "skip", "scratch"]);
  const macs = Object.fromEntries(Object.entries(controls).map(([name, point]) => [name, point.macs]));
  assert.is(macs.tuned, baseline.macs);
  for (const name of ["naive", "scratch"]) assert.is(macs[name], final.macs, name);
  assert.is(macs.linear, macs["linear-tuned"]);
  assert.ok(macs.skip < macs.linear && macs.linear < baseline.macs);
  const log = new TextDecoder().decode((await store.read(`${DIR}/log.jsonl`))!).trim().split("\n")
    .map((line) => JSON.parse(line));
  const epochs = (name: string) => log.filter(({ phase }) => phase === `control: ${name}`).length;
  assert.equal(
    Object.keys(controls).map((name) => [name, epochs(name)]),
    [["tuned", 2], ["naive", 2], ["linear", 0], ["linear-tuned", 2], ["skip", 2], ["scratch", 3]],
  );
});

test("the untrained control is what the stage linearize makes of the same blocks", async () => {
  const { blocks } = findBlocks(createModel("resnet8", { width: 0.125, size: 8, inChannels: 1, classes: 10 }));
  const named = blocks.filter((_, b) => gene[b] !== "keep").map(({ name }) => name);
  const linear = await prune(tinyRecipe([train(1), { kind: "linearize", blocks: named, images: 32 }], small));
  const { report } = await prune(
    tinyRecipe([...stages, { kind: "controls", runs: ["linear"] }], small),
  );
  const { name: _, ...fitted } = linear.report.final;
  const { name: __, ...control } = report.controls.linear!;
  assert.equal([control.macs, control.params], [fitted.macs, fitted.params]);
});

onlyNightly(test)("controls that were killed and resumed end in the same numbers", async () => {
  const recipe = tinyRecipe([...stages, { kind: "controls", runs: ["naive", "skip"], epochs: 1 }], small);
  const { report } = await prune(recipe);
  // Six steps an epoch: within the first control, and within the second.
  for (const asked of [24, 30]) {
    const store = memoryStore();
    const stopped = await prune(recipe, { store, signal: abortedAt(asked) }).then(() => undefined, (error) => error);
    assert.instance(stopped, Interrupted);
    const resumed = await prune(recipe, { store, resume: true });
    assert.equal(resumed.report.controls, report.controls, `stopped at ${asked}`);
  }
});

test("a block that can't take a control's form keeps the one that was chosen for it", () => {
  const graph = createModel("mobilenetv2-micro", { size: 8, inChannels: 1, classes: 10 });
  const { blocks } = findBlocks(graph);
  const all = blocks.map(() => "linear" as const);
  const { gene, others } = controlGene(graph, blocks, all, "skip");
  assert.equal(gene.map((choice) => choice === "skip"), blocks.map((block) => !others.some((o) => o.block === block)));
  assert.ok(others.length > 0 && others.length < blocks.length);
  assert.ok(others.every(({ reason }) => /no shortcut/.test(reason)));
  assert.equal(controlGene(graph, blocks, all, "tuned").gene, blocks.map(() => "keep"));
  assert.equal(
    controlGene(graph, blocks, ["linear", ...blocks.slice(1).map(() => "keep" as const)], "naive").gene[1],
    "keep",
  );
});

test("controls that don't fit what the stages before them do are refused by name, before anything is trained", async () => {
  const controls = (...runs: string[]) => ({ kind: "controls", runs });
  for (
    const [list, words] of [
      [[train(1), admm(), controls("naive")], /stages\.2: the control naive changes the blocks .* change none/],
      [[...stages, admm(), controls("skip")], /stages\.5: the control skip .* prune widths as well/],
      [
        [...stages, controls("l1")],
        /stages\.4: the control l1 keeps as many groups .* tuned, naive, linear, linear-tuned, skip, scratch$/,
      ],
    ] as const
  ) {
    const error = await prune(tinyRecipe(list, small)).then(() => undefined, (error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, words);
  }
});

test.run();
