import { planChannelNorm } from "../../../kernels/norm/channel_norm.ts";
import { type GroupNormShape, planGroupNorm, planGroupNormGrad } from "../../../kernels/norm/group_norm.ts";
import {
  type LayerNormShape,
  planLayerNorm,
  planLayerNormGrad,
  planLayerNormParameters,
} from "../../../kernels/norm/layer_norm.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { cached, launch, tuningFor } from "./launch.ts";
import { perChannel } from "./reduce.ts";
import { constantTable } from "./tables.ts";

const layerNormPlan = cached(planLayerNorm);
const layerNormGradPlan = cached(planLayerNormGrad);
const channelNormPlan = cached(planChannelNorm);
const groupNormPlan = cached(planGroupNorm);
const groupNormGradPlan = cached(planGroupNormGrad);

/** Each has one number per normalised element of a row (layer norm), or per channel (group norm). */
export interface Affine {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/** Layer norm does without β too. */
export type LayerAffine = Pick<Affine, "gamma"> & Partial<Affine>;

/**
 * Computes layer normalisation over the last axis (Ba, Kiros and Hinton, arXiv 1607.06450), by the biased variance. It
 * is differentiable in x, γ and β, which may be left out.
 *
 * @throws UserError when γ or β doesn't have the last axis's size
 */
export function layerNorm(tape: Tape, x: Tensor, { gamma, beta }: LayerAffine, epsilon: number): Tensor {
  const { gpu } = tape;
  const length = x.shape[x.shape.length - 1];
  if (gamma.size !== length || (beta && beta.size !== length)) {
    throw new UserError(`LayerNormalization: input [${x.shape}], gamma [${gamma.shape}], beta [${beta?.shape}]`);
  }
  const shape: LayerNormShape = { rows: x.size / length, length };
  const label = `layer norm [${x.shape}]`;
  const statistics = tape.empty([shape.rows, 2]);
  const y = tape.empty(x.shape);
  const shift = beta ?? zerosFor(gpu, length);
  launch(gpu, layerNormPlan(shape, epsilon, tuningFor(gpu)), { x, gamma, beta: shift, statistics, y }, label);
  tape.record(beta ? [x, gamma, beta] : [x, gamma], y, (dy) => {
    const dgamma = tape.target(gamma), dbeta = beta ? tape.target(beta) : tape.empty(gamma.shape);
    if (tape.needs(x)) {
      const dx = tape.target(x);
      const operands = { x, dy, gamma, statistics, dx, dgamma, dbeta };
      launch(gpu, layerNormGradPlan(shape, tuningFor(gpu)), operands, label);
      tape.add(x, dx);
    } else launch(gpu, planLayerNormParameters(shape), { x, dy, statistics, dgamma, dbeta }, label);
    tape.add(gamma, dgamma);
    if (beta) tape.add(beta, dbeta);
  });
  return y;
}

/**
 * Computes layer normalisation over the channels of x [N, C, …] into y, which lies as x does: a Transpose, a layer norm and
 * a Transpose back in one. Inference alone asks for it: there is no gradient.
 */
export function channelLayerNorm(gpu: Gpu, x: Tensor, { gamma, beta }: LayerAffine, epsilon: number, y: Tensor): void {
  const plan = channelNormPlan(perChannel(x.shape), epsilon, tuningFor(gpu));
  launch(gpu, plan, { x, gamma, beta: beta ?? zerosFor(gpu, gamma.size), y }, `layer norm over channels [${x.shape}]`);
}

/** A β that isn't there. The bits of the integer 0 are those of the float. */
function zerosFor(gpu: Gpu, length: number): Tensor {
  return constantTable(gpu, new Array<number>(length).fill(0));
}

/**
 * Computes group normalisation of x [N, C, …] (Wu and He, arXiv 1803.08494), by the biased variance. It is
 * differentiable in x, γ and β. As many groups as channels make it instance normalisation.
 *
 * @throws UserError when the groups don't divide the channels, or γ or β isn't per channel
 */
export function groupNorm(tape: Tape, x: Tensor, { gamma, beta }: Affine, groups: number, epsilon: number): Tensor {
  const { gpu } = tape;
  const { outer: batch, channels, inner } = perChannel(x.shape);
  if (channels % groups !== 0) {
    throw new UserError(
      `GroupNormalization: ${channels} channels of [${x.shape}] can't be split into ${groups} groups`,
    );
  }
  if (gamma.size !== channels || beta.size !== channels) {
    throw new UserError(`GroupNormalization: input [${x.shape}], gamma [${gamma.shape}], beta [${beta.shape}]`);
  }
  const shape: GroupNormShape = { batch, channels, inner, groups };
  const label = `group norm [${x.shape}]`;
  const statistics = tape.empty([batch * groups, 2]);
  const y = tape.empty(x.shape);
  launch(gpu, groupNormPlan(shape, epsilon, tuningFor(gpu)), { x, gamma, beta, statistics, y }, label);
  tape.record([x, gamma, beta], y, (dy) => {
    const dx = tape.target(x), dgamma = tape.target(gamma), dbeta = tape.target(beta);
    const plan = groupNormGradPlan(shape, tuningFor(gpu));
    launch(gpu, plan, { x, dy, gamma, statistics, dx, dgamma, dbeta }, label);
    tape.add(x, dx);
    tape.add(gamma, dgamma);
    tape.add(beta, dbeta);
  });
  return y;
}
