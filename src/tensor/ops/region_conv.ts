import {
  planRegionBorder,
  planRegionDbias,
  planRegionDw,
  planRegionDx,
  type RegionShape,
} from "../../../kernels/conv/region.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { convForward, type ConvOptions, convOutputShape, convShape } from "./conv.ts";
import { constantTable } from "./tables.ts";

/** This is what a convolution by region reads beside the image. */
export interface RegionOperands {
  /** It is [rows' regions · columns' regions, F, C/groups, KH, KW]. */
  readonly weight: Tensor;
  /** It is [rows' regions · columns' regions, F]. */
  readonly bias: Tensor;
  /** These say in which region each row and each column of the output lies. */
  readonly rows: readonly number[];
  readonly cols: readonly number[];
}

/**
 * Computes a convolution whose weight and bias depend on where an output pixel lies: what layers become that were
 * merged although values between them are padded with zeros (docs/pipeline.md). An ordinary convolution makes all
 * pixels with the weight of region 0, which most of them lie in; a small kernel then makes the others anew. It is
 * differentiable in x, weight and bias.
 *
 * @throws UserError when the shapes don't fit
 */
export function regionConv2d(
  tape: Tape,
  x: Tensor,
  { weight, bias, rows, cols }: RegionOperands,
  options: ConvOptions = {},
): Tensor {
  const { gpu } = tape;
  const [regions, filters, ...kernel] = weight.shape;
  const conv = convShape(x, { shape: [filters, ...kernel] }, options);
  const shape: RegionShape = { conv, regions: [count(rows), count(cols)] };
  const made = convOutputShape(conv, x.shape.length);
  if (
    regions !== count(rows) * count(cols) || bias.size !== regions * filters ||
    rows.length !== made[2] || cols.length !== made[3]
  ) {
    throw new UserError(
      `RegionConv: weight [${weight.shape}] and bias [${bias.shape}] with ${rows.length} rows and ${cols.length} columns of ` +
        `regions don't fit the output [${made}]`,
    );
  }
  const label = `[${weight.shape}] on [${x.shape}]`;
  const y = tape.empty(made);
  gpu.scope((track) => {
    const inside = (tensor: Tensor, size: readonly number[]) =>
      track(new Tensor(gpu, tensor.buffer.retain(), tensor.byteOffset, size, "f32"));
    convForward(gpu, conv, { x, w: inside(weight, [filters, ...kernel]), bias: inside(bias, [filters]), y });
  });
  const border = borderPlaces(rows, cols);
  if (border.length > 0) {
    const plan = planRegionBorder(shape, border.length / 2);
    gpu.run(plan, [x, weight, bias, constantTable(gpu, border), y], label);
  }
  tape.record([x, weight, bias], y, (dy) => {
    const places = constantTable(gpu, [...rows, ...cols]);
    if (tape.needs(x)) {
      const dx = tape.target(x);
      gpu.run(planRegionDx(shape), [dy, weight, places, dx], label);
      tape.add(x, dx);
    }
    for (const [operand, plan] of [[weight, planRegionDw(shape)], [bias, planRegionDbias(shape)]] as const) {
      if (!tape.needs(operand)) continue;
      const gradient = tape.target(operand);
      gpu.run(plan, [x, dy, places, gradient], label);
      tape.add(operand, gradient);
    }
  });
  return y;
}

/** Lists the place and region of each pixel outside of region 0. */
function borderPlaces(rows: readonly number[], cols: readonly number[]): number[] {
  const regions = count(cols);
  return rows.flatMap((row, i) =>
    cols.flatMap((col, j) => row === 0 && col === 0 ? [] : [i * cols.length + j, row * regions + col])
  );
}

function count(regions: readonly number[]): number {
  return Math.max(...regions) + 1;
}
