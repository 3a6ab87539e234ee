/** A network on the device while it is trained: parameters by role, each role in an arena of its own. */
import type { Gpu } from "../gpu/gpu.ts";
import { isStatistic } from "../graph/roles.ts";
import type { Graph, HostTensor, Model, Params } from "../graph/types.ts";
import { type Arena, createArena } from "../tensor/arena.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface TrainState {
  readonly gpu: Gpu;
  readonly graph: Graph;
  /** What the optimizer moves. */
  readonly weights: Arena;
  readonly gradients: Arena;
  /** Running means and variances: BN writes them while it reads γ and β, so they are in a buffer of their own. */
  readonly statistics: Arena;
  /** Every parameter and statistic by name, as the executor takes them. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** 0/1 per weight, if anything is masked. */
  mask: Arena | undefined;
  /** The point that ADMM pulls the weights to, during its W-steps. */
  target: Arena | undefined;
  download(): Promise<Params>;
  dispose(): void;
}

export function createTrainState(gpu: Gpu, model: Model): TrainState {
  const specs = Object.entries(model.graph.params).map(([name, { shape, role }]) => ({ name, shape, role }));
  const weights = createArena(gpu, specs.filter((s) => !isStatistic(s.role)), "weights");
  const gradients = createArena(gpu, weights.layout, "gradients");
  const statistics = createArena(gpu, specs.filter((s) => isStatistic(s.role)), "statistics");
  for (const { name, role } of specs) {
    const value = new Map([[name, model.params.get(name)!]]);
    (isStatistic(role) ? statistics : weights).upload(value);
  }
  const params = new Map(
    specs.map(({ name, role }) => [name, (isStatistic(role) ? statistics : weights).tensor(name)]),
  );
  const state: TrainState = {
    gpu,
    graph: model.graph,
    weights,
    gradients,
    statistics,
    params,
    mask: undefined,
    target: undefined,
    async download() {
      const [w, s] = [await weights.download(), await statistics.download()];
      return new Map(specs.map(({ name }) => [name, (w.get(name) ?? s.get(name)) as HostTensor]));
    },
    dispose() {
      for (const arena of [weights, gradients, statistics, state.mask, state.target]) arena?.dispose();
    },
  };
  return state;
}

/** Makes the element-wise mask of these parameters, 1 where `masks` has no entry. Replaces an earlier one. */
export function setMask(state: TrainState, masks: ReadonlyMap<string, HostTensor>): void {
  state.mask ??= createArena(state.gpu, state.weights.layout, "mask");
  state.mask.fill(1);
  state.mask.upload(masks);
}
