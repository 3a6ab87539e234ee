/** Structures that take more than filters, in runs: streams under layer norms, and whole branches. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../src/formats/model_file.ts";
import { silentUi } from "../../src/ui.ts";
import { onlyNightly } from "../long.ts";
import { admm, assertSound, DIR, prune, retrain, threeBlocks, tinyRecipe, train } from "./tiny.ts";

const test = suite("structures in a run");

const microDeit = { model: { name: "deit-micro", width: 0.25 }, data: { name: "digits", limit: 100 } };

onlyNightly(test)(
  "a stream gets narrower step by step, is trained on, proved with its new norms, and verified",
  async () => {
    const notes: string[] = [];
    const ui = { ...silentUi(), note: (text: string) => void notes.push(text) };
    const stream = { kind: "filter", layers: ["patch_embed.proj"], keep: 0.5, stream: true };
    const stages = [
      train(1),
      { kind: "prune", steps: 2, constraints: [stream], retrain: retrain() },
      { kind: "compact" },
      { kind: "controls", methods: ["random"], epochs: 1 },
    ];
    const { report, store } = await prune(tinyRecipe(stages, microDeit), { ui });
    const { model: { graph } } = await readModel(store, DIR);
    assert.equal(graph.params["norm.weight"].shape, [6]);
    assert.equal(graph.params["blocks.0.mlp.fc1.weight"].shape, [6, 48]);
    assert.ok("inputs" in report.equivalence && report.equivalence.inputs > 0);
    assert.is(report.narrowedNorms?.length, 13);
    assert.is(report.controls.random.params, report.final.params);
    assert.match(notes.join("\n"), /13 layer norms are over the channels that stay .* another function/);
    await assertSound(store);
  },
);

onlyNightly(test)("branches go by pruning and by ADMM, and the report counts them", async () => {
  for (const kind of ["prune", "admm"]) {
    const constraints = [{ kind: "layer", keep: 0.34 }];
    const stage = kind === "admm" ? admm({ constraints }) : { kind, constraints, retrain: retrain() };
    const { report, store } = await prune(tinyRecipe([train(1), stage, { kind: "compact" }], threeBlocks));
    assert.is(report.achieved["layer *"], 1 / 3);
    const { model: { graph } } = await readModel(store, DIR);
    assert.is(graph.nodes.filter(({ name }) => /conv2$/.test(name)).length, 1);
    await assertSound(store);
  }
});

for (const kind of ["prune", "admm"]) {
  const look = kind === "admm" ? test : onlyNightly(test);
  look(`dimensions of heads go by ${kind}, as many from each head`, async () => {
    const constraints = [{ kind: "qk", keep: 0.5 }, { kind: "v", keep: 0.5 }];
    const stage = kind === "admm" ? admm({ constraints, steps: 1 }) : { kind, constraints, retrain: retrain() };
    const { report, store } = await prune(tinyRecipe([train(1), stage, { kind: "compact" }], microDeit));
    assert.equal([report.achieved["qk *"], report.achieved["v *"]], [0.5, 0.5], kind);
    const { model: { graph } } = await readModel(store, DIR);
    assert.equal(graph.params["blocks.0.attn.qkv.weight"].shape, [12, 18]);
    assert.is(graph.nodes.find(({ name }) => name === "blocks.0.attn.heads")!.attrs.scale, 0.5);
    await assertSound(store);
  });
}

test("without labels scores are fitted to fewer dimensions, and the network is proved and verified", async () => {
  const stages = [train(1), { kind: "oneshot", structure: "qk", keep: 0.5, images: 64 }];
  const { report, store } = await prune(tinyRecipe(stages, microDeit));
  assert.is(report.achieved["qk *"], 0.5);
  assert.ok("inputs" in report.equivalence && report.equivalence.inputs > 0);
  const { model: { graph } } = await readModel(store, DIR);
  assert.equal(graph.params["blocks.5.attn.qkv.weight"].shape, [12, 24]);
  await assertSound(store);
});

test.run();
