/**
 * Computes second moments XᵀX of the patches that a convolution sees, summed over all output positions and images: the
 * normal equations of a layer's least squares. They are in float32, yet near a float64 sum: see `addPatchMoments`.
 */
import type { ConvShape } from "../../../kernels/conv/shape.ts";
import { type GemmShape, planGemm } from "../../../kernels/gemm/plan.ts";
import { patchCount, planPatches } from "../../../kernels/statistics/patches.ts";
import { planSumMiddle } from "../../../kernels/reduce/middle.ts";
import { planBlock } from "../../../kernels/shape/shape.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { cached, launch, tuningFor } from "./launch.ts";
import { transpose } from "./shape.ts";

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
  requireFit(gpu, x, shape, moments, rows, columns);
  const geometry: ConvShape = { ...shape, filters: 1, groups: 1 };
  const positions = patchCount(geometry);
  const [m, n] = [rows, columns].map((range) => filledUp(columnsOf(shape, range)));
  const most = Math.max(1, Math.min(MOST_PRODUCTS, Math.floor(MOST_BYTES / (4 * Math.max(m * n, ROWS * (m + n))))));
  const parts = columns === rows ? partsOf(shape, rows) : undefined;
  for (let firstRow = 0; firstRow < positions; firstRow += ROWS * most) {
    const count = Math.min(most, Math.ceil((positions - firstRow) / ROWS));
    using held = new DisposableStack();
    const gather = (part: Part) => held.use(gatherPatches(gpu, x, geometry, part, { firstRow, rows: count * ROWS }));
    if (parts) {
      const matrices = parts.map(gather);
      parts.forEach((a, i) =>
        parts.slice(i).forEach((b, j) => {
          const twice = j > 0 ? "mirrored" : "once";
          addProducts(gpu, moments, { ...a, matrix: matrices[i] }, { ...b, matrix: matrices[i + j] }, count, twice);
        })
      );
    } else {
      const [a, b] = [rows, columns].map((range) => ({ range, at: 0, columns: columnsOf(shape, range) }));
      addProducts(gpu, moments, { ...a, matrix: gather(a) }, { ...b, matrix: gather(b) }, count, "once");
    }
  }
}

/** Products of matrices whose columns come in fours are read and written in vectors; further columns count for nothing. */
const VECTOR = 4;
/** Of the moments of a range with itself one half says all: they are made in parts, of so many columns or more, and so many at most. */
const PART_COLUMNS = 72, MOST_PARTS = 4;

/** Columns of the matrix of patches, which begin at column `at` of the moments. */
interface Part {
  readonly range: ChannelRange;
  readonly at: number;
  readonly columns: number;
}

interface GatheredPart extends Part {
  /** [rows, columns and such that fill them up] */
  readonly matrix: Tensor;
}

function filledUp(columns: number): number {
  return VECTOR * Math.ceil(columns / VECTOR);
}

/** Channels come in fours, so that only the last part has to be filled up. */
function partsOf(shape: PatchShape, range: ChannelRange): Part[] {
  const wanted = Math.min(MOST_PARTS, Math.floor(columnsOf(shape, range) / PART_COLUMNS));
  const each = Math.max(1, VECTOR * Math.ceil(range.count / Math.max(1, wanted) / VECTOR));
  const parts: Part[] = [];
  let at = 0;
  for (let first = 0; first < range.count; first += each) {
    const count = Math.min(each, range.count - first);
    const last = first + count === range.count;
    const own: ChannelRange = { first: range.first + first, count, ones: last ? range.ones : "none" };
    const columns = columnsOf(shape, own);
    parts.push({ range: own, at, columns });
    at += columns;
  }
  return parts;
}

function gatherPatches(
  gpu: Gpu,
  x: Tensor,
  geometry: ConvShape,
  { range: { first, count }, columns }: Part,
  { firstRow, rows }: { readonly firstRow: number; readonly rows: number },
): Tensor {
  const width = filledUp(columns);
  const matrix = Tensor.empty(gpu, [rows, width]);
  const ones = width - count * geometry.kernel[0] * geometry.kernel[1];
  const range = { firstRow, rows, firstChannel: first, channels: count, ones };
  gpu.run(planPatches(geometry, range), [x, matrix], `patches [${x.shape}]`);
  return matrix;
}

/** Adds a's product with b to the moments where it belongs; and mirrored, where the moments have it on the other side as well. */
function addProducts(
  gpu: Gpu,
  moments: Tensor,
  a: GatheredPart,
  b: GatheredPart,
  count: number,
  times: "once" | "mirrored",
): void {
  const [m, n] = [a, b].map(({ matrix }) => matrix.shape[1]);
  const label = `patch moments [${m}, ${n}]`;
  using other = b.matrix.view(b.matrix.shape);
  using products = Tensor.empty(gpu, [count, m, n]);
  const product: GemmShape = { m, n, k: ROWS, a: "rows", b: "rows", batch: { count, a: ROWS * m, b: ROWS * n } };
  launch(gpu, gemmPlan(product, tuningFor(gpu)), { a: a.matrix, b: other, y: products }, label);
  using tape = new Tape(gpu, "eval");
  const sum = tape.empty([m, n]);
  gpu.run(planSumMiddle({ outer: 1, middle: count, inner: m * n }), [products, sum], label);
  const stride = moments.shape[1];
  const add = (part: Tensor, rows: Part, columns: Part) => {
    const to = { stride, first: rows.at * stride + columns.at };
    const from = { stride: part.shape[1], first: 0 };
    gpu.run(planBlock(rows.columns, columns.columns, from, to, "add"), [part, moments], label);
  };
  add(sum, a, b);
  if (times === "mirrored") add(transpose(tape, sum, [1, 0]), b, a);
}

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
