/**
 * The equality ladder of merged networks: random blocks whose insides are affine must compute the same, element by element, once
 * those are merged, with zeros compacted, written as ONNX, read again, in ONNX Runtime, and in a browser. The truth is a
 * float64 forward pass of the network as it was.
 */
import { mergePlans } from "../../src/depth/merge/merge.ts";
import { type MergePlan, planMerge } from "../../src/depth/merge/plan.ts";
import { affineRuns } from "../../src/depth/merge/runs.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { type AffineBlock, affineBlock } from "../generate/affine_blocks.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { BATCH, type Climb, climbAll, exact, type Job, type Judges } from "./ladder.ts";

export interface MergedClimb extends Climb {
  readonly merged: Model;
  /** Layers that took several nodes' place. */
  readonly layers: number;
}

interface MergedLadder extends MergedClimb {
  readonly job: Job;
  readonly small: Model;
  readonly again: Model;
  readonly step: (rung: string, got: Float32Array | Float64Array) => void;
}

export function climbMerged(seeds: readonly number[], judges: Judges): Promise<MergedClimb[]> {
  return climbAll(seeds.map(prepare), judges, climbHere);
}

/** Two of three blocks become one layer where they can, whatever it takes; of others and of the rest what costs less so. */
export function plansOf({ graph, input, output }: AffineBlock, seed: number): readonly MergePlan[] {
  const one = seed % 3 === 0 ? undefined : planMerge(graph, { input, output }, { layers: "one" });
  return one && !("refused" in one) ? [one] : affineRuns(graph);
}

export function prepare(seed: number): MergedLadder {
  const block = affineBlock(seed);
  const params = randomParams(block.graph, seed);
  const whole = { graph: block.graph, params };
  // A third of them have zeros, of which compaction may then find some.
  const model = seed % 3 === 1 ? randomlyMasked(whole, seed) : whole;
  const plans = plansOf(block, seed);
  const { model: merged } = mergePlans(model, plans);
  const { model: small, report } = compact(merged);
  const { input } = randomInputs(model.graph, seed, BATCH);
  const file = onnxBytes(small);
  const truth = exact(model, input);
  const rungs = new Map<string, number>();
  return {
    seed,
    model,
    merged,
    small,
    again: loadOnnx(file, `merged${seed}.onnx`),
    layers: plans.flatMap(({ layers }) => layers).length,
    rungs,
    shrunk: report.channels.after < report.channels.before,
    job: { file, input },
    step: (rung, got) => rungs.set(rung, compareOutputs(truth, got).maxRel),
  };
}

/** The rungs that need no other judge than the device. */
export async function climbDevice({ model, merged, small, again, job, step }: MergedLadder, gpu: Judges["gpu"]) {
  const { input } = job;
  const plan = (of: Model) => runPlan(gpu, of, input.data, BATCH);
  step("form", await plan(model));
  step("merged, exactly", exact(merged, input));
  step("merged", await plan(merged));
  step("merged, node by node", await runInterpreter(gpu, merged, input.data, BATCH));
  step("compact, exactly", exact(small, input));
  step("compact", await plan(small));
  step("imported again, exactly", exact(again, input));
  step("imported again", await plan(again));
}

async function climbHere(ladder: MergedLadder, { gpu, ort }: Judges): Promise<void> {
  await climbDevice(ladder, gpu);
  ladder.step("ONNX Runtime", await ort(ladder.job));
}

/** What merging made of the networks: construct -> in how many. */
export function mergedCoverage(climbs: readonly MergedClimb[]): Map<string, number> {
  const count = (holds: (climb: MergedClimb) => boolean) => climbs.filter(holds).length;
  const has = (op: string, { nodes }: Graph) => nodes.some((node) => node.op === op);
  return new Map([
    ["merged layer", count(({ layers }) => layers > 0)],
    ["one kernel everywhere", count(({ merged: { graph } }) => !has("RegionConv", graph))],
    ["kernel for each region", count(({ merged: { graph } }) => has("RegionConv", graph))],
    ["bias for each region", count(({ merged: { graph } }) => has("BorderBias", graph))],
    ["product over tokens", count(({ layers, merged: { graph } }) => layers > 0 && has("MatMul", graph))],
    ["sum that stays", count(({ layers, merged: { graph } }) => layers > 0 && has("Add", graph))],
  ]);
}
