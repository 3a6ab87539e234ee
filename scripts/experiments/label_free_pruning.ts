/**
 * How good a ResNet-20 that others have trained is when filters inside of its blocks have gone by reconstruction: a thousand images,
 * no label, no training.
 *
 *     deno run -A scripts/experiments/label_free_pruning.ts --weights resnet20-cifar10.safetensors \
 *       --data folder:cifar10-jpeg.tar.xz --test 2000 --out label_free_resnet20.json
 *
 * `--macs 0.85,0.7` are the budgets, `--refit affine,bias,none` and `--select obs,l2` how it is done, `--rule uniform` how layers are
 * compared, `--layers '*'` the layers whose filters may go.
 */
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { commit } from "../../src/cli/identity.ts";
import { proofInputs } from "../../src/data/proof_inputs.ts";
import { spread } from "../../src/data/splits.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import type { Model } from "../../src/graph/types.ts";
import { budgetRuleNamed } from "../../src/prune/budget/rules.ts";
import type { RefitKind } from "../../src/prune/reconstruct/affine_refit.ts";
import { reconstruct } from "../../src/prune/reconstruct/reconstruct.ts";
import { settleReconstruction } from "../../src/prune/reconstruct/reconstructible.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { given, resnet20Recipe } from "./given_resnet20.ts";

const BATCH = 64;

const { values } = parseArgs({
  options: {
    weights: { type: "string" },
    data: { type: "string" },
    test: { type: "string", default: "10000" },
    images: { type: "string", default: "1000" },
    macs: { type: "string", default: "0.85,0.7" },
    refit: { type: "string", default: "affine" },
    select: { type: "string", default: "obs" },
    rule: { type: "string", default: "score-per-cost" },
    layers: { type: "string", default: "layer*conv1" },
    out: { type: "string" },
  },
});
prepareEnvironment();
const gpu = await Gpu.open();
const recipe = resnet20Recipe(values);
const { model, data } = await given(recipe);
const images = spread(data.train, Number(values.images));
const test = spread(data.test, Number(values.test));
const accuracy = async (network: Model) => (await evaluateModel(gpu, network, test)).accuracy;

const dense = await accuracy(model);
console.log(JSON.stringify({ dense }));
const { vendor, description, fallback } = gpu.info;
const rows = [];
for (const select of values.select.split(",")) {
  for (const macs of values.macs.split(",").map(Number)) {
    for (const refit of values.refit.split(",") as RefitKind[]) {
      rows.push(await pruned({ select, macs, refit }));
      console.log(JSON.stringify(rows.at(-1)));
      const record = {
        experiment: "pruning without labels, cifar",
        date: new Date().toISOString(),
        commit: await commit(),
        command: ["scripts/experiments/label_free_pruning.ts", ...Deno.args].join(" "),
        adapter: { vendor, description, fallback },
        machine: { cores: navigator.hardwareConcurrency, load: Deno.loadavg()[0] },
        images: images.count,
        tested: test.count,
        dense,
        rows,
      };
      // Each row takes minutes: what is there by now is kept.
      if (values.out) Deno.writeTextFileSync(values.out, JSON.stringify(record, null, 2) + "\n");
    }
  }
}
gpu.close();

/** One network: what each layer keeps, how good it is before batch norms are measured anew and after, and seconds that it took. */
async function pruned({ select, macs, refit }: { select: string; macs: number; refit: RefitKind }) {
  const start = performance.now();
  const options = { gpu, model, images, select, refit, batch: BATCH };
  const budget = { target: { macs }, rule: budgetRuleNamed(values.rule) };
  const request = { layers: values.layers.split(","), budget };
  const { constraints, kept } = await settleReconstruction(options, model.graph, request);
  const settled = performance.now();
  const { model: masked } = await reconstruct({ ...options, constraints });
  const recalibrated = await recalibrate(gpu, masked, images, BATCH);
  const done = performance.now();
  const { model: small } = compact(recalibrated, { columns: false, border: "keep" });
  const { inputs, batch } = proofInputs(test, recipe.seed);
  const { maxRel } = await assertEquivalent(gpu, recalibrated, small, inputs, batch);
  return {
    select,
    refit,
    asked: macs,
    macs: graphCost(small.graph).macs / graphCost(model.graph).macs,
    kept: Object.fromEntries(kept.map(({ name, keep, groups }) => [name, `${keep} of ${groups}`])),
    masked: await accuracy(masked),
    accuracy: await accuracy(small),
    maxRel,
    seconds: { budget: (settled - start) / 1000, pruning: (done - settled) / 1000 },
  };
}
