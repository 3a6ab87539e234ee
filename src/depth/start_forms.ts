/** A network mixed with the forms of a gene, each where it begins: linear layers fitted, and batch norms measured, on images. */
import type { Gpu } from "../gpu/gpu.ts";
import { batchNormAttrs } from "../graph/attrs.ts";
import { compose } from "../graph/indexmap.ts";
import { isBatchNorm, isMix } from "../graph/roles.ts";
import type { Graph, HostTensor, Model, Node, Rewrite } from "../graph/types.ts";
import { gatherEvidence } from "../train/evidence/gather_evidence.ts";
import type { TrainData } from "../train/train.ts";
import { withMovedBorders } from "./forms/borders.ts";
import { applyGene } from "./forms/forms.ts";
import { settle } from "./forms/settle.ts";
import { linearize, type LinearizeOptions, type LinearScore } from "./linearize/linearize.ts";
import type { Block, Border, Gene } from "./types.ts";

/** What is mixed, and on which images its forms begin. */
export interface StartOptions extends Pick<LinearizeOptions, "original" | "ridge" | "kernel" | "progress"> {
  readonly gpu: Gpu;
  /** The network, which stays as it is. */
  readonly model: Model;
  /** All of its blocks, in order of execution. */
  readonly blocks: readonly Block[];
  /** The form of each; "keep" leaves a block alone. */
  readonly gene: Gene;
  /** Of each block, where its padding will be (chooseBorders); default: where it is. */
  readonly borders?: readonly Border[];
  /** All of them are looked at: a few hundred do. Labels aren't. */
  readonly images: TrainData;
  /** Images per pass; default 32. */
  readonly batch?: number;
  /** Stops after the batch in progress. */
  readonly signal?: AbortSignal;
}

/** A mixed network that is ready to be trained. */
export interface StartedForms {
  /** From the network as it was to the mixed one, whose padding has moved where it was to. */
  readonly rewrite: Rewrite;
  /** The mixed network with the same parameters and its padding where it was: what a family of genes is made of. */
  readonly unmoved: Model;
  /** Of each block, names of the Mix nodes that choose between it and its form. */
  readonly mixes: readonly (readonly string[])[];
  /** Of the blocks that are mixed with a linear layer. */
  readonly scores: readonly LinearScore[];
}

/**
 * Mixes the blocks with their forms. Linear layers are fitted one after the other, each on inputs that went through those before
 * it. A new batch norm begins as the identity, and as one that training finds in place: mean μ and variance σ² of what flows into it
 * in the network of the forms, γ = √(σ² + ε) and β = μ.
 *
 * @throws UserError for a gene of another length or with a form that its block can't take; Interrupted when the signal is aborted
 */
export async function startForms(options: StartOptions): Promise<StartedForms> {
  const { model, blocks, gene } = options;
  // A gene that can't be is refused before anything is fitted.
  applyGene(model, { blocks, refused: [] }, gene);
  const linear = blocks.filter((_, b) => gene[b] === "linear");
  const { rewrite: fitted, layers, scores } = await linearize({ ...options, blocks: linear, how: "mixed" });
  const targets = new Map(layers.map(({ block, plan }) => [block.name, plan.target]));
  let rewrite = fitted;
  const mixes = blocks.map((block, b): string[] => {
    const { graph } = rewrite.model;
    if (gene[b] === "linear") {
      return graph.nodes.filter((node) => isMix(node) && node.outputs[0] === targets.get(block.name)).map(({ name }) =>
        name
      );
    }
    const own: Gene = gene.map((form, at) => at === b ? form : "keep");
    const { model: mixed, map } = applyGene(rewrite.model, { blocks, refused: [] }, own);
    rewrite = { model: mixed, map: compose(rewrite.map, map, model.graph.params) };
    const before = new Set(graph.nodes.map(({ name }) => name));
    return mixed.graph.nodes.filter((node) => isMix(node) && !before.has(node.name)).map(({ name }) => name);
  });
  const { graph } = rewrite.model;
  const moved = withMovedBorders(rewrite.model, blocks, options.borders ?? blocks.map(() => "exact"));
  const params = await startNorms(options, moved);
  return {
    rewrite: { ...rewrite, model: { graph: moved.graph, params } },
    unmoved: { graph, params },
    mixes,
    scores,
  };
}

/** The mixed network's parameters, with those of norms that the network didn't have set from data. */
async function startNorms(
  { gpu, model, images, batch, signal }: StartOptions,
  mixed: Model,
): Promise<Model["params"]> {
  const forms = settle(mixed, "form");
  const norms = newNorms(forms.graph, model.graph);
  if (norms.length === 0) return mixed.params;
  const { activations } = await gatherEvidence({
    gpu,
    model: forms,
    data: images,
    requests: [{ activations: norms.map(({ inputs: [value] }) => ({ value })) }],
    batch,
    signal,
  });
  const params = new Map(mixed.params);
  for (const norm of norms) {
    const [value, gamma, beta, runningMean, runningVariance] = norm.inputs;
    const { mean, meanSquare } = activations.get(value)!;
    const { epsilon } = batchNormAttrs(norm);
    const put = (name: string, data: Float32Array<ArrayBuffer>) =>
      params.set(name, { shape: [data.length], data } satisfies HostTensor);
    const centre = Float32Array.from(mean);
    // Rounded as it is stored, so that γ fits what the norm will divide by.
    const variance = Float32Array.from(meanSquare, (square, c) => Math.max(0, square - mean[c] ** 2));
    put(runningMean, centre);
    put(runningVariance, variance);
    put(gamma, variance.map((v) => Math.sqrt(v + epsilon)));
    put(beta, centre.slice());
  }
  return params;
}

function newNorms({ nodes }: Graph, before: Graph): Node[] {
  return nodes.filter((node) => isBatchNorm(node) && !before.params[node.inputs[1]]);
}
