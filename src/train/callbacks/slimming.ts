import { show, UserError } from "../../errors.ts";
import { isBatchNorm } from "../../graph/roles.ts";
import type { Graph } from "../../graph/types.ts";
import { type Arena, createArena } from "../../tensor/arena.ts";
import { addPenalty } from "../../tensor/optimizer.ts";
import type { Callback } from "../types.ts";

/**
 * Network slimming (Liu et al. 2017, arXiv 1708.06519): adds strength·Σ|γ| over the batch norms to the loss, by its subgradient:
 * grad γ += strength·sign(γ), nothing at 0. Channels that the loss can do without end near γ = 0, where `bn-scale` finds them.
 *
 * @param strength at least 0; 1e-4 for VGG, 1e-5 for ResNets in the paper
 * @throws UserError for another number; in training where no graph has a batch norm
 */
export function slimming(strength: number): Callback {
  if (!(strength >= 0 && Number.isFinite(strength))) {
    throw new UserError(`slimming: strength is ${show(strength)}, expected a number of at least 0`);
  }
  let shares: Arena | undefined;
  return {
    name: "slimming",
    open({ gpu, graphs, state: { weights } }) {
      const scales = new Set(graphs.flatMap(batchNormScales));
      if (scales.size === 0) {
        throw new UserError("slimming presses on the γ of batch norms, and the network has none: use group-lasso");
      }
      shares = createArena(gpu, weights.layout, "slimming");
      const one = ({ name, shape, size }: (typeof weights.layout.slots)[number]) =>
        [name, { shape, data: new Float32Array(size).fill(1) }] as const;
      shares.upload(new Map(weights.layout.slots.filter(({ name }) => scales.has(name)).map(one)));
    },
    afterBackward(_step, { gpu, state: { gradients, weights } }) {
      addPenalty(gpu, "l1", strength, { gradients, weights, shares: shares! });
    },
    close: () => shares?.dispose(),
  };
}

function batchNormScales(graph: Graph): string[] {
  return graph.nodes.filter(isBatchNorm).flatMap(({ inputs }) =>
    inputs.filter((name) => graph.params[name]?.role === "gamma")
  );
}
