import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, vectorPrograms } from "../vector.ts";
import source from "./transpose.wgsl" with { type: "text" };
import matrixSource from "./transpose_matrix.wgsl" with { type: "text" };
import oddSource from "./transpose_odd.wgsl" with { type: "text" };

const MAX_AXES = 5;

/**
 * Axis i of y is axis perm[i] of x [shape]. The bindings are x and y.
 *
 * @throws RangeError where more than 5 axes go apart; neighbours that stay neighbours count as one
 */
export function planTranspose(shape: readonly number[], perm: readonly number[]): Plan {
  const { sizes, order } = collapse(shape, perm);
  const rank = sizes.length;
  if (rank > MAX_AXES) {
    throw new RangeError(`[${shape}] by [${perm}] moves ${rank} axes apart, at most ${MAX_AXES} are supported`);
  }
  const [rows, columns] = sizes.slice(-2);
  const turned = order.join() === "1,0" || order.join() === "0,2,1";
  if (turned) return planMatrices(sizes[rank - 3] ?? 1, rows, columns);
  const width = order[rank - 1] === rank - 1 && sizes[rank - 1] % 4 === 0 ? 4 : 1;
  const items = sizes.map((size, axis) => axis === rank - 1 ? size / width : size);
  const strides = items.map((_, axis) => items.slice(axis + 1).reduce((a, b) => a * b, 1));
  const spare = MAX_AXES - rank;
  const made = [...Array<number>(spare).fill(1), ...order.map((axis) => items[axis])];
  const count = made.reduce((a, b) => a * b, 1);
  const grid = linearGrid(count, 64);
  const steps = [...Array<number>(spare).fill(0), ...order.map((axis) => strides[axis])];
  return {
    program: width === 4 ? elements.four : elements.one,
    uniforms: [count, grid[0], ...made.slice(1), ...steps],
    grid,
  };
}

export function variants(): Program[] {
  return [...bothWidths(elements), matrices, oddMatrices];
}

const elements = vectorPrograms("transpose", source, ["read", "read_write"]);
const matrices: Program = { name: "transpose matrices", source: matrixSource, access: ["read", "read_write"] };
const oddMatrices: Program = { name: "transpose odd matrices", source: oddSource, access: ["read", "read_write"] };

function planMatrices(batch: number, rows: number, columns: number): Plan {
  const count = batch * Math.ceil(rows / 4) * Math.ceil(columns / 4);
  const grid = linearGrid(count, 64);
  const whole = rows % 4 === 0 && columns % 4 === 0;
  return whole
    ? { program: matrices, uniforms: [count, grid[0], rows / 4, columns / 4], grid }
    : { program: oddMatrices, uniforms: [count, grid[0], rows, columns], grid };
}

/** Gives the same move with as few axes as say it: axes of size 1 left out, neighbours that stay neighbours joined. */
function collapse(
  shape: readonly number[],
  perm: readonly number[],
): { readonly sizes: readonly number[]; readonly order: readonly number[] } {
  const runs: { readonly first: number; last: number; size: number }[] = [];
  const next = (axis: number) => shape.findIndex((size, i) => i > axis && size > 1);
  for (const axis of perm) {
    if (shape[axis] === 1) continue;
    const run = runs.at(-1);
    if (run && next(run.last) === axis) {
      run.last = axis;
      run.size *= shape[axis];
    } else runs.push({ first: axis, last: axis, size: shape[axis] });
  }
  if (runs.length === 0) return { sizes: [1], order: [0] };
  const lying = runs.toSorted((a, b) => a.first - b.first);
  return { sizes: lying.map(({ size }) => size), order: runs.map((run) => lying.indexOf(run)) };
}
