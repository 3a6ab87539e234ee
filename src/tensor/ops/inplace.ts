import { bindingWindows } from "../../../kernels/optim/plan.ts";
import { planAxpby, planFill } from "../../../kernels/pointwise/inplace.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { partOf, type Tensor } from "../tensor.ts";

/** Sets y ← y + x, in place. Shapes must agree. Both may be larger than a binding, as gradients of weights are. */
export function accumulate(gpu: Gpu, y: Tensor, x: Tensor): void {
  axpby(gpu, 1, x, 1, y);
}

/** Sets y ← alpha·x + beta·y, in place. With beta = 0 whatever y held is ignored. */
export function axpby(gpu: Gpu, alpha: number, x: Tensor, beta: number, y: Tensor): void {
  if (x.size !== y.size) throw new RangeError(`axpby of [${x.shape}] into [${y.shape}]`);
  for (const { first, elements } of bindingWindows(y.size, gpu.bindingBytes)) {
    gpu.run(planAxpby(elements, alpha, beta), [x, y].map((part) => partOf(part, first, elements)), `[${y.shape}]`);
  }
}

export function fill(gpu: Gpu, y: Tensor, value: number): void {
  gpu.run(planFill(y.size, value), [y], `[${y.shape}]`);
}
