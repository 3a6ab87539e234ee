/** The losses that a recipe names, as `train` takes them. */
import { taughtLoss } from "../depth/taught_loss.ts";
import type { Graph, Model } from "../graph/types.ts";
import type { Loss } from "../recipe/training.ts";
import { lossOf, type LossSettings } from "../train/losses/losses.ts";
import type { Loss as TrainLoss } from "../train/types.ts";

/**
 * @param dense the network before anything was pruned, which the others learn from
 * @param graph whose outputs; default: the training's first graph
 */
export function lossSettings(
  loss: Loss | undefined,
  labelSmoothing: number,
  dense: Model,
  graph?: Graph,
): LossSettings {
  const labels = { kind: "cross-entropy", labelSmoothing, ...ofGraph(graph) } as const;
  if (!loss) return labels;
  return SETTINGS[loss.kind](loss as never, labels, dense, graph);
}

/** What each network of a family learns from: what a recipe says, else labels and the dense network, one to one. */
export function familyLoss(
  { loss, labelSmoothing }: { readonly loss?: Loss; readonly labelSmoothing: number },
  dense: Model,
): (graph: Graph) => TrainLoss {
  return (graph) =>
    loss
      ? lossOf(lossSettings(loss, labelSmoothing, dense, graph))
      : taughtLoss({ teacher: dense, graph, labelSmoothing });
}

const SETTINGS: {
  readonly [Kind in Loss["kind"]]: (
    loss: Extract<Loss, { kind: Kind }>,
    labels: LossSettings,
    teacher: Model,
    graph: Graph | undefined,
  ) => LossSettings;
} = {
  "cross-entropy": (_loss, labels) => labels,
  distill: ({ temperature, weight }, labels, teacher, graph) => ({
    kind: "sum",
    terms: [
      { loss: labels, weight: 1 - weight },
      { loss: { kind: "distill", teacher, temperature, ...ofGraph(graph) }, weight },
    ],
  }),
  outputs: (_loss, _labels, teacher, graph) => ({ kind: "outputs", teacher, ...ofGraph(graph) }),
};

/** The training's first graph is what a loss takes where none is said. */
function ofGraph(graph: Graph | undefined): { readonly graph?: Graph } {
  return graph ? { graph } : {};
}
