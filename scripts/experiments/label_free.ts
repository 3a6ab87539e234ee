/** A network whose filters have gone by reconstruction, with no label and no training. */
import type { Dataset } from "../../src/data/types.ts";
import { proofInputs } from "../../src/data/proof_inputs.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
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

export interface LabelFree {
  readonly gpu: Gpu;
  readonly model: Model;
  /** What the statistics are taken of. */
  readonly images: Dataset;
  /** What accuracies are told of. */
  readonly test: Dataset;
  /** How what goes is chosen, and what the layers behind are given in return. */
  readonly select: string;
  readonly refit: RefitKind;
  /** The part of the multiply-adds that may stay, and how layers are compared. */
  readonly macs: number;
  readonly rule: string;
  /** Names of the layers whose filters may go; `*` stands for any characters. */
  readonly layers: readonly string[];
  readonly seed: number;
}

const BATCH = 64;

/** What each layer keeps, how good the network is before batch norms are measured anew and after, and the seconds that it took. */
export async function prunedWithoutLabels(asked: LabelFree) {
  const { gpu, model, images, test, select, refit, macs, rule, layers, seed } = asked;
  const start = performance.now();
  const options = { gpu, model, images, select, refit, seed, batch: BATCH };
  const request = { layers, budget: { target: { macs }, rule: budgetRuleNamed(rule) } };
  const { constraints, kept } = await settleReconstruction(options, model.graph, request);
  const settled = performance.now();
  const { model: masked } = await reconstruct({ ...options, constraints });
  const recalibrated = await recalibrate(gpu, masked, images, BATCH);
  const done = performance.now();
  const { model: small } = compact(recalibrated, { columns: false, border: "keep" });
  const { inputs, batch } = proofInputs(test, seed);
  const { maxRel } = await assertEquivalent(gpu, recalibrated, small, inputs, batch);
  const accuracy = async (network: Model) => (await evaluateModel(gpu, network, test)).accuracy;
  return {
    select,
    refit,
    asked: macs,
    macs: graphCost(small.graph).macs / graphCost(model.graph).macs,
    params: graphCost(small.graph).params / graphCost(model.graph).params,
    kept: Object.fromEntries(kept.map(({ name, keep, groups }) => [name, `${keep} of ${groups}`])),
    masked: await accuracy(masked),
    accuracy: await accuracy(small),
    maxRel,
    seconds: { budget: (settled - start) / 1000, pruning: (done - settled) / 1000 },
  };
}
