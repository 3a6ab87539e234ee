/**
 * Progressive training (docs/depth.md): chosen blocks evolve into their forms while λ rises from 0 to 1, and then the network
 * of the forms is trained on. The two are a family of graphs over one map of parameters, so nothing is copied between them.
 */
import type { Split } from "../../data/types.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { nanGuard } from "../../train/callbacks/nan_guard.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { train, type TrainOptions } from "../../train/train.ts";
import type { Callback, Loss } from "../../train/types.ts";
import { settle } from "../forms/settle.ts";
import { taughtLoss } from "../taught_loss.ts";
import { DEFAULT_LAMBDA, type LambdaSchedule } from "./lambda_schedule.ts";
import { mixing } from "./mixing.ts";

/** What is trained progressively. */
export interface ProgressiveOptions {
  /** Blocks mixed with their forms, as `applyGene` gives them. */
  readonly mixed: Model;
  /** The frozen network that it learns from, usually the one before its blocks were mixed. */
  readonly teacher: Model;
  /** Default: linear over the first half. */
  readonly lambda?: LambdaSchedule;
  /** Of a graph's outputs; default: cross-entropy and distillation, one to one. */
  readonly loss?: (graph: Graph) => Loss;
}

/** What `train` takes of a progressive training. */
export interface Progressive {
  /** The network of the forms, which is validated, and the mixed one. */
  readonly graphs: readonly [Graph, Graph];
  /** Of the mixed graph while λ is below 1, then of the network of the forms, which computes the same then. */
  readonly loss: Loss;
  /** Sets and logs λ. */
  readonly callback: Callback;
  /** The network of the forms with the parameters that training has come to. */
  settled(params: Model["params"]): Model;
}

/** @throws UserError for a schedule that can't be */
export function progressive({ mixed, teacher, lambda = DEFAULT_LAMBDA, loss }: ProgressiveOptions): Progressive {
  const { graph } = settle(mixed, "form");
  const lossOn = loss ?? ((graph: Graph) => taughtLoss({ teacher, graph }));
  const [underway, settled] = [lossOn(mixed.graph), lossOn(graph)];
  return {
    graphs: [graph, mixed.graph],
    loss: (step) => step.mix < 1 ? underway(step) : settled(step),
    callback: mixing(lambda),
    settled: (params) => ({
      graph,
      params: new Map(Object.keys(graph.params).map((name) => [name, params.get(name)!])),
    }),
  };
}

/**
 * Trains the mixed network while λ rises, then that of the forms, and measures its batch norms anew.
 *
 * @returns the network of the forms, λ = 1
 * @throws UserError, DivergedError and Interrupted as `train` does
 */
export async function trainProgressively(
  options: ProgressiveOptions & Omit<TrainOptions, "graphs" | "params" | "loss" | "data"> & { readonly data: Split },
): Promise<Model> {
  const { mixed, teacher, lambda, loss, callbacks = [nanGuard()], ...training } = options;
  const family = progressive({ mixed, teacher, lambda, loss });
  const { params } = await train({
    ...training,
    graphs: family.graphs,
    params: mixed.params,
    loss: family.loss,
    callbacks: [family.callback, ...callbacks],
  });
  return await recalibrate(options.gpu, family.settled(params), options.data, options.batch);
}
