/** What each block of a network may become under a budget in ms, and what each of these options costs and breaks. */
import { firstImages } from "../../data/proof_inputs.ts";
import type { Dataset } from "../../data/types.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { runPlan } from "../../graph/equivalence.ts";
import type { Model } from "../../graph/types.ts";
import type { Estimate } from "../../measure/latency/estimate.ts";
import { Interrupted } from "../../train/errors.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { formNamed } from "../forms/forms.ts";
import { linearPlan } from "../linearize/linear_plan.ts";
import type { Block, Blocks, Choice } from "../types.ts";
import { innerLayers } from "./narrow.ts";
import { outputLoss } from "./output_loss.ts";
import { withChoices } from "./with_choices.ts";

/** One thing that a block may become. */
export interface BlockOption {
  /** What it becomes. */
  readonly choice: Choice;
  /** What the whole network takes with this option alone, by the estimate. */
  readonly ms: number;
  /** How far the network's outputs then are from the original ones (outputLoss). */
  readonly loss: number;
}

/** A network, its blocks, and by what options are priced and judged. */
export interface JointOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network, which stays as it is. */
  readonly model: Model;
  /** Its blocks (findBlocks). */
  readonly blocks: Blocks;
  /** What is looked at: a few hundred images do. Labels aren't. */
  readonly images: Dataset;
  /** What a network takes on the device that is aimed at, in ms. */
  readonly estimate: Estimate;
  /** Fractions of a block's own channels that are tried, each in (0, 1). Default ¾, ½ and ¼; [] for none. */
  readonly widths?: readonly number[];
  /** Forms that are tried; default both. */
  readonly forms?: readonly ("linear" | "skip")[];
  /** Images per pass; default 64. */
  readonly batch?: number;
  /** Stops between two options. */
  readonly signal?: AbortSignal;
  /** Told after each block. */
  readonly progress?: (done: number, total: number) => void;
}

const WIDTHS = [0.75, 0.5, 0.25] as const;
const FORMS = ["linear", "skip"] as const;
export const BATCH = 64;

/** The options of each block, in the order of the blocks; the first is always "keep". Each is tried alone, without training. */
export async function jointOptions(options: JointOptions): Promise<(readonly BlockOption[])[]> {
  const { gpu, model, blocks: { blocks }, images, estimate, batch = BATCH, signal, progress } = options;
  const { inputs, batch: count } = firstImages(images, images.count);
  const original = await runPlan(gpu, model, inputs, count);
  const keep: BlockOption = { choice: "keep", ms: estimate(model), loss: 0 };
  const found: BlockOption[][] = [];
  for (const [b, block] of blocks.entries()) {
    const own = [keep];
    for (const choice of choicesOf(block, options)) {
      if (signal?.aborted) throw new Interrupted("stopped");
      const { model: alone } = await withChoices(options, blocks.map((_, i) => i === b ? choice : "keep"));
      const changed = await recalibrate(gpu, alone, images, batch);
      const loss = outputLoss(original, await runPlan(gpu, changed, inputs, count), count);
      own.push({ choice, ms: estimate(changed), loss });
    }
    found.push(own);
    progress?.(b + 1, blocks.length);
  }
  return found;
}

/** What the block may become beside what it is. */
function choicesOf(block: Block, { model: { graph }, widths = WIDTHS, forms = FORMS }: JointOptions): Choice[] {
  const fits: Readonly<Record<(typeof FORMS)[number], boolean>> = {
    linear: !("refused" in linearPlan(graph, block)),
    skip: formNamed("skip").refuses(graph, block) === undefined,
  };
  return [
    ...innerLayers(graph, block).length > 0 ? widths.map((keep): Choice => `width ${keep}`) : [],
    ...forms.filter((form) => fits[form]),
  ];
}
