/**
 * Computes second moments XᵀX of the patches that a convolution sees, summed over all output positions and images: the
 * normal equations of a layer's least squares. They are in float32, yet near a float64 sum: see `addPatchMoments`.
 */
import type { ConvShape } from "../../../kernels/conv/shape.ts";
import { type GemmShape, planGemm } from "../../../kernels/gemm/plan.ts";
import { patchCount, planPatches } from "../../../kernels/statistics/patches.ts";
import { planSumMiddle } from "../../../kernels/reduce/middle.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { accumulate } from "./inplace.ts";
import { cached, launch, tuningFor } from "./launch.ts";
import { slice } from "./shape.ts";

/** This is what a layer reads: the geometry of a convolution, whose filters don't matter. */
export type PatchShape = Omit<ConvShape, "filters" | "groups" | "taps">;

/**
 * This is a range of input channels; their taps are rows or columns of the moments, in the order of a filter's weights.
 */
export interface ChannelRange {
  readonly first: number;
  readonly count: number;
  /**
   * "column" adds a last column that is 1 at each position, so that the moments hold sums and the number of positions;
   * the default is "none".
   */
  readonly ones?: "column" | "none";
}

/**
 * A product has so many rows. A float32 sum of n numbers of one sign is off by about 2⁻²⁴·√(n/3) of itself, so short
 * products whose results are added level by level stay within 1e-6 of the float64 sum (tests hold them to it).
 */
const ROWS = 64;
/**
 * The products that wait to be added have at most so many bytes, unless one alone is larger, and at most so many wait.
 */
const MOST_BYTES = 2 ** 25, MOST_PRODUCTS = 64;

const gemmPlan = cached(planGemm);

/**
 * Adds to moments[i, j] the Σ over positions of patch[i of `rows`] · patch[j of `columns`], where x is [batch,
 * channels, height, width] and moments [rows.count · KH · KW, columns.count · KH · KW], each + 1 with ones. Padding
 * counts as zeros.
 *
 * @throws UserError when the shapes don't fit, or when a product is larger than the device binds
 */
export function addPatchMoments(
  gpu: Gpu,
  x: Tensor,
  shape: PatchShape,
  moments: Tensor,
  rows: ChannelRange = { first: 0, count: shape.channels },
  columns: ChannelRange = rows,
): void {
  const [m, n] = [rows, columns].map((range) => VECTOR * Math.ceil(columnsOf(shape, range) / VECTOR));
  requireFit(gpu, x, shape, moments, rows, columns);
  const geometry: ConvShape = { ...shape, filters: 1, groups: 1 };
  const positions = patchCount(geometry);
  const most = Math.max(1, Math.min(MOST_PRODUCTS, Math.floor(MOST_BYTES / (4 * Math.max(m * n, ROWS * (m + n))))));
  for (let firstRow = 0; firstRow < positions; firstRow += ROWS * most) {
    const count = Math.min(most, Math.ceil((positions - firstRow) / ROWS));
    const gather = (channels: ChannelRange, width: number) => {
      const matrix = Tensor.empty(gpu, [count * ROWS, width]);
      const taps = columnsOf(shape, { ...channels, ones: "none" });
      const range = {
        firstRow,
        rows: count * ROWS,
        firstChannel: channels.first,
        channels: channels.count,
        ones: width - taps,
      };
      gpu.run(planPatches(geometry, range), [x, matrix], `patches [${x.shape}]`);
      return matrix;
    };
    using a = gather(rows, m);
    using b = columns === rows ? a.view(a.shape) : gather(columns, n);
    using products = Tensor.empty(gpu, [count, m, n]);
    const product: GemmShape = { m, n, k: ROWS, a: "rows", b: "rows", batch: { count, a: ROWS * m, b: ROWS * n } };
    launch(gpu, gemmPlan(product, tuningFor(gpu)), { a, b, y: products }, `patch moments [${m}, ${n}]`);
    using tape = new Tape(gpu, "eval");
    const sum = tape.empty([1, m, n]);
    gpu.run(planSumMiddle({ outer: 1, middle: count, inner: m * n }), [products, sum], `patch moments [${m}, ${n}]`);
    const wanted = moments.shape.map((count) => ({ start: 0, step: 1, count }));
    using part = slice(tape, sum, [null, ...wanted]).view(moments.shape);
    accumulate(gpu, moments, part);
  }
}

/** Products of matrices whose columns come in fours are read and written in vectors; further columns count for nothing. */
const VECTOR = 4;

/** Counts the columns of the matrix of patches. */
function columnsOf({ kernel }: PatchShape, { count, ones }: ChannelRange): number {
  return count * kernel[0] * kernel[1] + (ones === "column" ? 1 : 0);
}

function requireFit(
  gpu: Gpu,
  x: Tensor,
  shape: PatchShape,
  moments: Tensor,
  ...ranges: readonly ChannelRange[]
): void {
  const { batch, channels, height, width } = shape;
  if (`${x.shape}` !== `${[batch, channels, height, width]}`) {
    throw new UserError(`patch moments: x is [${x.shape}], expected [${batch}, ${channels}, ${height}, ${width}]`);
  }
  for (const { first, count } of ranges) {
    if (first >= 0 && count > 0 && first + count <= channels) continue;
    throw new UserError(`patch moments: channels ${first} … ${first + count - 1} of a value with ${channels}`);
  }
  const expected = ranges.map((range) => columnsOf(shape, range));
  if (`${moments.shape}` !== `${expected}`) {
    throw new UserError(`patch moments: the sum is [${moments.shape}], expected [${expected}]`);
  }
  if (moments.byteLength > gpu.bindingBytes) {
    throw new UserError(
      `patch moments: [${expected}] numbers are more than this device binds (${gpu.bindingBytes} bytes): take the ` +
        `channels in smaller ranges`,
    );
  }
}
