import {
  planBilinear,
  planBilinearGrad,
  type Sampling,
  samplingLines,
  samplingSpans,
} from "../../../kernels/shape/bilinear.ts";
import { planResize, planResizeGrad } from "../../../kernels/shape/resize.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { constantTable } from "./tables.ts";

/** Computes y[n,c,i,j] = x[n,c,⌊i/fh⌋,⌊j/fw⌋] for x [N, C, H, W] and whole factors `scales` [fh, fw]. */
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

/**
 * Takes of x [N, C, H, W] the bilinear mean of the four nearest pixels at each place that `rows` and `columns` name: to
 * any size, without antialiasing.
 */
export function bilinear(tape: Tape, x: Tensor, rows: Sampling, columns: Sampling): Tensor {
  const { gpu } = tape;
  const [n, c, height, width] = x.shape;
  if (x.shape.length !== 4 || rows.from !== height || columns.from !== width) {
    throw new UserError(`Resize: [${x.shape}] isn't [N, C, ${rows.from}, ${columns.from}]`);
  }
  const shape = { maps: n * c, rows, columns };
  const lines = () => constantTable(gpu, [rows, columns].flatMap(samplingLines));
  const y = tape.empty([n, c, rows.to, columns.to]);
  gpu.run(planBilinear(shape), [x, lines(), y], `[${x.shape}] to [${y.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    const spans = constantTable(gpu, [rows, columns].flatMap(samplingSpans));
    gpu.run(planBilinearGrad(shape), [dy, lines(), spans, dx], `[${y.shape}] to [${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
