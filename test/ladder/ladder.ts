/**
 * The equality ladder: a network with random zeros must compute the same, element by element, as the compact one, with its
 * batch norms folded, written as ONNX, read again, in ONNX Runtime (an independent judge), and in a browser. The truth is a
 * float64 forward pass of the masked network.
 */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { compact, type CompactOptions } from "../../src/prune/rewrite/compact.ts";
import { scatterAdds, scatterCandidates } from "../../src/prune/rewrite/scatter_add.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";

/** An ONNX file and what to give it: input [batch, …]. */
export interface Job {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly input: HostTensor;
}

/** Who computes; the output of each job, row-major. */
export interface Judges {
  readonly gpu: Gpu;
  readonly ort: (job: Job) => Promise<Float32Array>;
  readonly browser: (jobs: readonly Job[]) => Promise<Float32Array[]>;
}

export interface Climb {
  readonly seed: number;
  readonly model: Model;
  /** Rung -> max|Δ| / max|y|. */
  readonly rungs: ReadonlyMap<string, number>;
  /** Did it get smaller? */
  readonly shrunk: boolean;
}

export interface PrunedClimb extends Climb {
  /** Sums that the compact network scatters a branch into, every third time where there is one. */
  readonly scattered: number;
}

/** What float32 may round off in networks of a few layers. */
export const LIMIT = 1e-5;

export const BATCH = 2;
const OPTIONS: readonly CompactOptions[] = [{}, { border: "keep" }, { border: "table" }, { columns: false }];

/** One ladder per seed. */
export function climb(seeds: readonly number[], judges: Judges): Promise<PrunedClimb[]> {
  return climbAll(seeds.map(prepare), judges, climbHere);
}

/** All rungs of these ladders. The browser climbs its rung beside the others: it runs on a core of its own. */
export async function climbAll<L extends Pick<Ladder, "job" | "step">>(
  ladders: L[],
  judges: Judges,
  climbHere: (ladder: L, judges: Judges) => Promise<void>,
): Promise<L[]> {
  const here = async () => {
    for (const ladder of ladders) await climbHere(ladder, judges);
  };
  const [, answers] = await Promise.all([here(), judges.browser(ladders.map(({ job }) => job))]);
  ladders.forEach(({ step }, i) => step("in the browser", answers[i]));
  return ladders;
}

/** All forms of a network, and where the results of its rungs go. */
interface Ladder extends PrunedClimb {
  readonly job: Job;
  readonly small: Model;
  readonly folded: Model;
  readonly again: Model;
  readonly step: (rung: string, got: Float32Array | Float64Array) => void;
}

function prepare(seed: number): Ladder {
  const model = randomlyMasked(randomModel(seed), seed);
  const { input } = randomInputs(model.graph, seed, BATCH);
  const sums = seed % 3 === 0 ? scatterCandidates(model).map(({ name }) => name) : [];
  const scattered = scatterAdds(model, new Set(sums)).model;
  const { model: small, report } = compact(scattered, OPTIONS[seed % OPTIONS.length]);
  const { model: folded } = foldForInference(small);
  // Both forms are written, the one with batch norms and the one without.
  const file = onnxBytes(seed % 2 === 0 ? folded : small);
  const again = loadOnnx(file, `random${seed}.onnx`);
  const truth = exact(model, input);
  const rungs = new Map<string, number>();
  return {
    seed,
    model,
    small,
    folded,
    again,
    rungs,
    scattered: sums.length,
    shrunk: report.channels.after < report.channels.before,
    job: { file, input },
    step: (rung, got) => rungs.set(rung, compareOutputs(truth, got).maxRel),
  };
}

async function climbHere({ model, small, folded, again, job, step }: Ladder, { gpu, ort }: Judges): Promise<void> {
  const { input } = job;
  const plan = (of: Model) => runPlan(gpu, of, input.data, BATCH);
  step("masked", await plan(model));
  step("compact, exactly", exact(small, input));
  step("compact", await plan(small));
  step("compact, node by node", await runInterpreter(gpu, small, input.data, BATCH));
  step("folded, exactly", exact(folded, input));
  step("imported again, exactly", exact(again, input));
  step("imported again", await plan(again));
  step("ONNX Runtime", await ort(job));
}

export function exact(model: Model, input: HostTensor): Float64Array {
  const [{ name }] = model.graph.inputs;
  return referenceForward(model, { [name]: input }).get(model.graph.outputs[0])!.data;
}

/** Rung -> its largest difference over all ladders, and the seed that had it. */
export function worstOf(
  climbs: readonly Pick<Climb, "seed" | "rungs">[],
): Map<string, { readonly seed: number; readonly gap: number }> {
  const worst = new Map<string, { seed: number; gap: number }>();
  for (const { seed, rungs } of climbs) {
    for (const [name, gap] of rungs) {
      const before = worst.get(name);
      if (!before || !(gap <= before.gap)) worst.set(name, { seed, gap });
    }
  }
  return worst;
}

/** What the networks are made of: construct -> in how many it stands. */
export function coverageOf(climbs: readonly PrunedClimb[]): Map<string, number> {
  const counts = new Map<string, number>(Object.keys(CONSTRUCTS).map((name) => [name, 0]));
  counts.set("scattered sum", climbs.filter(({ scattered }) => scattered > 0).length);
  for (const { model } of climbs) {
    for (const [name, isThere] of Object.entries(CONSTRUCTS)) {
      if (isThere(model)) counts.set(name, counts.get(name)! + 1);
    }
  }
  return counts;
}

const has = (...ops: string[]) => ({ graph }: Model) => graph.nodes.some(({ op }) => ops.includes(op));
/** An operator that reads what one of the others makes. */
const follows = (op: string, ...makers: string[]) => ({ graph }: Model) => {
  const maker = new Map(graph.nodes.map((node) => [node.outputs[0], node.op as string]));
  return graph.nodes.some((node) => node.op === op && node.inputs.some((name) => makers.includes(maker.get(name)!)));
};
const groups = (fits: (group: number, perGroup: number) => boolean) => ({ graph }: Model) =>
  graph.nodes.some(({ op, attrs, inputs }) =>
    op === "Conv" && Number(attrs.group) > 1 && fits(Number(attrs.group), graph.params[inputs[1]].shape[1])
  );

const CONSTRUCTS: Readonly<Record<string, (model: Model) => boolean>> = {
  "batch norm": has("BatchNormalization"),
  "sum": has("Add"),
  "option-A shortcut": follows("Add", "Pad"),
  "concatenation": has("Concat"),
  "split": has("Slice"),
  "gathered channels": has("Gather"),
  "depthwise": groups((_, perGroup) => perGroup === 1),
  "many thin groups": groups((group, perGroup) => perGroup > 1 && group >= perGroup),
  "few wide groups": groups((group, perGroup) => group < perGroup),
  "squeeze and excitation": follows("Mul", "Sigmoid", "HardSigmoid"),
  "attention": has("Attention"),
  "layer norm": has("LayerNormalization"),
  "group norm": has("GroupNormalization"),
  "flatten": has("Flatten"),
  "resize": has("Resize"),
  "transposed convolution": has("ConvTranspose"),
  "blocks out of channels": has("DepthToSpace"),
  "pooling": has("MaxPool", "AveragePool"),
  "border bias": has("BorderBias"),
  "kept columns": has("ColumnConv"),
  "mean over tokens": has("ReduceMean"),
  "gelu": has("Gelu"),
  "hard swish": has("HardSwish"),
  "PRelu": has("PRelu"),
  "leaky relu": has("LeakyRelu"),
  "difference or quotient": has("Sub", "Div"),
};
