/**
 * Track B, what a network is worth without any fine-tuning: filters inside blocks go, the same part of each layer, and what read
 * them is given nothing, a bias, or an affine refit in return; batch norms are measured anew. No label is looked at.
 */
import { loadDataset } from "../../src/data/deno.ts";
import { spread } from "../../src/data/splits.ts";
import type { RefitKind } from "../../src/prune/reconstruct/affine_refit.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { prunedWithoutLabels } from "../experiments/label_free.ts";
import type { Cell } from "./cell.ts";
import type { Net } from "./nets.ts";
import { denseNetwork } from "./recipe_cell.ts";

/** Parts of the multiply-adds that stay. */
const PARTS = [0.85, 0.7, 0.5];
/** How what goes is chosen: by weights, by what they read, and by what reconstruction loses. */
const SELECTIONS = ["l2", "flap", "obs"];
const IMAGES = 1000;

/** In the order of what a network is given in return for its filters. */
const STEPS: readonly { readonly name: string; readonly refit: RefitKind; readonly norms: "kept" | "measured" }[] = [
  { name: "removed", refit: "none", norms: "kept" },
  { name: "+ norms measured anew", refit: "none", norms: "measured" },
  { name: "+ biases, norms", refit: "bias", norms: "measured" },
  { name: "+ affine refit, norms", refit: "affine", norms: "measured" },
];

export function refitTrack(net: Net, root: string): Cell[] {
  const { inner } = net;
  if (!inner) return [];
  return net.seeds.flatMap((seed) =>
    PARTS.flatMap((macs) =>
      SELECTIONS.flatMap((select) =>
        STEPS.map(({ name, refit, norms }): Cell => ({
          net,
          track: "B",
          method: `${select}: ${name}`,
          level: `${macs} of the MACs`,
          seed,
          determinedBy: {
            keys: net.keys,
            ...net.train ? { train: net.train } : { given: net.given?.sha256 },
            inner,
            images: IMAGES,
            macs,
            select,
            refit,
            norms,
            seed,
          },
          async compute(gpu) {
            const { recipe, model } = await denseNetwork(gpu, net, seed, root);
            const { name: source, ...options } = recipe.data;
            const data = await loadDataset(source, { ...options, ...recipe.preprocess });
            const { test } = data;
            const found = await prunedWithoutLabels({
              gpu,
              model,
              images: spread(data.train, IMAGES),
              test,
              select,
              refit,
              macs,
              rule: "uniform",
              layers: inner,
              seed,
            });
            return {
              accuracy: norms === "kept" ? found.masked : found.accuracy,
              dense: (await evaluateModel(gpu, model, test)).accuracy,
              params: found.params,
              nonzero: found.params,
              macs: found.macs,
              epochs: 0,
            };
          },
        }))
      )
    )
  );
}
