/** Attention's queries and keys with fewer dimensions, whose scores are as near to the old ones as scores of so few can be. */
import { inferShapes } from "../../graph/infer.ts";
import type { HostTensor, Model } from "../../graph/types.ts";
import type { SecondMoments } from "../../train/evidence/evidence.ts";
import { gatherEvidence } from "../../train/evidence/gather_evidence.ts";
import { attentionHeads, type HeadProjection } from "../groups/attention_heads.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import { keptGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";
import type { ReconstructOptions } from "./reconstruct.ts";
import { fitScores } from "./score_fit.ts";

/** Sums of products in float32 are known to within this part of themselves. */
const RIDGE = 1e-6;

/**
 * The model whose heads have their scores in their first dimensions, the others being 0, and the groups that these are.
 *
 * @param constraint of kind qk, with its `keep`
 */
export async function withFittedScores(
  { gpu, images, batch, signal }: Pick<ReconstructOptions, "gpu" | "images" | "batch" | "signal">,
  model: Model,
  constraint: Constraint,
): Promise<{ readonly model: Model; readonly kept: readonly number[] }> {
  const { graph } = model;
  const { found } = attentionHeads(graph, dependencyGraph(graph));
  const { heads, q, k } = found.find(({ node }) => `${node.name}:${constraint.kind}` === constraint.name)!;
  const shapes = inferShapes(graph);
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const read = [q, k].map(({ layer }) => nodes.get(layer.node.name)!.inputs[0]);
  const covariances = read.map((value) => ({ value, axis: shapes.get(value)!.length - 1 }));
  const evidence = await gatherEvidence({ gpu, model, data: images, requests: [{ covariances }], batch, signal });
  // The lowest dimensions stay, for all are mixed in them.
  const kept = keptGroups(constraint, new Float64Array(constraint.groups));
  const rank = kept.length / heads;
  const params = new Map(model.params);
  for (let head = 0; head < heads; head++) {
    const [ofQ, ofK] = [q, k].map((part) => columnsOf(model, part, head));
    const [queries, keys] = [ofQ, ofK].map((columns, i) => gramOf(evidence.covariances.get(read[i])!, columns));
    const fit = fitScores({ queries, keys, depth: q.depth, rank, ridge: RIDGE });
    placeColumns(params, q, head, mixed(ofQ, fit.q, rank));
    placeColumns(params, k, head, mixed(ofK, fit.k, rank));
  }
  return { model: { graph, params }, kept };
}

/** Each dimension's weights, with the bias behind them: what [x, 1] is multiplied by. */
function columnsOf({ params }: Model, { layer, bias, features, depth }: HeadProjection, head: number): Float64Array[] {
  const { shape: [inputs, width], data } = params.get(layer.weight)!;
  return Array.from({ length: depth }, (_, j) => {
    const feature = features[head * depth + j];
    return Float64Array.from(
      { length: inputs + 1 },
      (_, i) => i < inputs ? data[i * width + feature] : bias ? params.get(bias.param)!.data[feature] : 0,
    );
  });
}

/** Σ over rows of the products of what the columns make of them, [columns, columns]. */
function gramOf({ n, sums }: SecondMoments, columns: readonly Float64Array[]): Float64Array {
  const through = columns.map((column) =>
    Float64Array.from({ length: n }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += sums[i * n + j] * column[j];
      return sum;
    })
  );
  const size = columns.length;
  return Float64Array.from(
    { length: size * size },
    (_, e) => columns[Math.floor(e / size)].reduce((sum, w, i) => sum + w * through[e % size][i], 0),
  );
}

/** As many columns as stay, each of all that there were. */
function mixed(columns: readonly Float64Array[], mixture: Float64Array, rank: number): Float64Array[] {
  return Array.from(
    { length: columns.length },
    (_, r) =>
      columns[0].map((_, i) =>
        r < rank ? columns.reduce((sum, column, j) => sum + column[i] * mixture[j * rank + r], 0) : 0
      ),
  );
}

function placeColumns(
  params: Map<string, HostTensor>,
  { layer, bias, features, depth }: HeadProjection,
  head: number,
  columns: readonly Float64Array[],
): void {
  const copy = (name: string): HostTensor => {
    const { shape, data } = params.get(name)!;
    const made = { shape, data: data.slice() };
    params.set(name, made);
    return made;
  };
  const weight = copy(layer.weight);
  const [inputs, width] = weight.shape;
  const shift = bias && copy(bias.param);
  columns.forEach((column, j) => {
    const feature = features[head * depth + j];
    for (let i = 0; i < inputs; i++) weight.data[i * width + feature] = column[i];
    if (shift) shift.data[feature] = column[inputs];
  });
}
