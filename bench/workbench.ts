import { random } from "../kernels/random/philox.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { elements, Tensor } from "../src/tensor/tensor.ts";

/** Tensors of a case, freed together. */
export interface Workbench extends Disposable {
  /** Small random values; zeros could be cheaper to multiply. */
  tensor(shape: readonly number[]): Tensor;
  /** Contents undefined: for what is only written. */
  empty(shape: readonly number[]): Tensor;
  /** Takes charge of anything that is to be freed with them. */
  own<D extends { dispose(): void }>(resource: D): D;
}

export function workbench(gpu: Gpu, seed: number): Workbench {
  const gaussian = random(seed, "bench");
  const owned: { dispose(): void }[] = [];
  const own = <D extends { dispose(): void }>(resource: D): D => {
    owned.push(resource);
    return resource;
  };
  return {
    tensor: (shape) =>
      own(Tensor.from(gpu, gaussian.fillNormal(new Float32Array(elements(shape)), owned.length, 0, 0.01), shape)),
    empty: (shape) => own(Tensor.empty(gpu, shape)),
    own,
    [Symbol.dispose]() {
      for (const resource of owned) resource.dispose();
    },
  };
}
