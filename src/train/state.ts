/** Networks on the device while they are trained: parameters by role, each role in an arena of its own. */
import "../disposable.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Graph, HostTensor, Model, Params } from "../graph/types.ts";
import { type Arena, createArena } from "../tensor/arena.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type DeviceParams, uploadParams } from "./device_params.ts";

/** What a training has on the device: weights, gradients, mask and target, an arena each. */
export interface TrainState extends DeviceParams {
  /** The device. */
  readonly gpu: Gpu;
  /** Of the weights' layout. */
  readonly gradients: Arena;
  /** 0/1 per weight, if anything is masked. */
  mask: Arena | undefined;
  /** The point that ADMM pulls the weights to, during its W-steps. */
  target: Arena | undefined;
  /** The parameters of another network, which stay as they are: uploaded once, and freed with this state. */
  frozen(model: Model): ReadonlyMap<string, Tensor>;
}

/** @throws UserError as `uploadParams` does */
export function createTrainState(gpu: Gpu, graphs: readonly Graph[], params: Params): TrainState {
  const uploaded = uploadParams(gpu, graphs, params);
  const gradients = createArena(gpu, uploaded.weights.layout, "gradients");
  const frozen = new Map<Model, DeviceParams>();
  const state: TrainState = {
    ...uploaded,
    gpu,
    gradients,
    mask: undefined,
    target: undefined,
    frozen(model) {
      let found = frozen.get(model);
      if (!found) frozen.set(model, found = uploadParams(gpu, [model.graph], model.params));
      return found.params;
    },
    dispose() {
      for (const held of [uploaded, gradients, state.mask, state.target, ...frozen.values()]) held?.dispose();
    },
    [Symbol.dispose]() {
      state.dispose();
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
