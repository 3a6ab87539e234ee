/**
 * Ways to choose the filters that go without labels, on the digits network of the comparison of methods: the same part of each layer
 * goes inside of its blocks, what reads them is fitted anew, nothing is trained.
 *
 *     deno run -A scripts/experiments/label_free_choices.ts --root runs --out digits-choices.json
 *
 * `--macs 0.7,0.5` are the parts of the multiply-adds that stay, `--select obs,alps` the ways; `--root` is where dense networks lie,
 * which are trained where they don't yet.
 */
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { commit } from "../../src/cli/identity.ts";
import { loadDataset } from "../../src/data/deno.ts";
import { spread } from "../../src/data/splits.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { NETS } from "../methods/nets.ts";
import { denseRun } from "../methods/recipe_cell.ts";
import { prunedWithoutLabels } from "./label_free.ts";

const { values } = parseArgs({
  options: {
    root: { type: "string", default: "runs" },
    macs: { type: "string", default: "0.7,0.5" },
    select: { type: "string", default: "l2,thinet,lasso,obs,alps" },
    out: { type: "string" },
  },
});
prepareEnvironment();
const IMAGES = 1000;
const gpu = await Gpu.open();
const net = NETS.find(({ name }) => name === "digits")!;
const rows = [];
for (const seed of net.seeds) {
  const { recipe, model } = await denseRun(gpu, net, seed, values.root);
  const { name, ...options } = recipe.data;
  const data = await loadDataset(name, options);
  const images = spread(data.train, IMAGES), { test } = data;
  const dense = (await evaluateModel(gpu, model, test)).accuracy;
  for (const macs of values.macs.split(",").map(Number)) {
    for (const select of values.select.split(",")) {
      const how = { select, refit: "affine", macs, rule: "uniform", layers: net.inner!, seed } as const;
      const { kept, masked, accuracy, macs: reached } = await prunedWithoutLabels({ gpu, model, images, test, ...how });
      rows.push({ seed, dense, select, asked: macs, macs: reached, refit: masked, recalibrated: accuracy, kept });
      console.log(JSON.stringify(rows.at(-1)));
    }
  }
}
const { vendor, description, fallback } = gpu.info;
gpu.close();
const record = {
  experiment: "choices of filters without labels, digits",
  date: new Date().toISOString(),
  commit: await commit(),
  command: ["scripts/experiments/label_free_choices.ts", ...Deno.args].join(" "),
  adapter: { vendor, description, fallback },
  images: IMAGES,
  rows,
};
if (values.out) Deno.writeTextFileSync(values.out, JSON.stringify(record, null, 2) + "\n");
