import { planResize, planResizeGrad } from "../../../kernels/shape/resize.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";

/** y[n,c,i,j] = x[n,c,⌊i/fh⌋,⌊j/fw⌋] for x [N, C, H, W] and whole factors `scales` [fh, fw]. */
export function resize(tape: Tape, x: Tensor, scales: readonly [number, number]): Tensor {
  const { gpu } = tape;
  const [n, c, height, width] = x.shape;
  if (x.shape.length !== 4 || !scales.every((f) => Number.isInteger(f) && f > 0)) {
    throw new UserError(`Resize: [${x.shape}] by [${scales}], expected [N, C, H, W] and whole factors`);
  }
  const shape = { maps: n * c, height, width, scales };
  const y = tape.empty([n, c, height * scales[0], width * scales[1]]);
  gpu.run(planResize(shape), [x, y], `[${x.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    gpu.run(planResizeGrad(shape), [dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
