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
import { spread } from "../../src/data/splits.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { RefitKind } from "../../src/prune/reconstruct/affine_refit.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { given, resnet20Recipe } from "./given_resnet20.ts";
import { prunedWithoutLabels } from "./label_free.ts";

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
const { rule } = values;
const layers = values.layers.split(",");

const dense = (await evaluateModel(gpu, model, test)).accuracy;
console.log(JSON.stringify({ dense }));
const { vendor, description, fallback } = gpu.info;
const rows = [];
for (const select of values.select.split(",")) {
  for (const macs of values.macs.split(",").map(Number)) {
    for (const refit of values.refit.split(",") as RefitKind[]) {
      rows.push(
        await prunedWithoutLabels({ gpu, model, images, test, select, macs, refit, rule, layers, seed: recipe.seed }),
      );
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
