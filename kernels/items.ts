/** Plans kernels that make each item of an output by itself: 256 neighbours to a workgroup. */
import type { Access, Plan, Program } from "../src/gpu/types.ts";
import { linearGrid } from "./grid.ts";
import fragment from "./items.wgsl" with { type: "text" };
import { chooseWidth, type VectorPrograms, vectorPrograms } from "./vector.ts";

const PER_GROUP = 256;

/** Makes both widths of a body that says what an item is. */
export function itemPrograms(
  name: string,
  body: string,
  access: readonly Access[],
  constants?: Program["constants"],
): VectorPrograms {
  return vectorPrograms(name, `${body}\n${fragment}`, access, constants);
}

/**
 * Makes `size` elements. All of `counted` must divide by 4 for items to be vec4; `rest(width)` are the uniforms after the
 * number of items and the grid's row.
 */
export function planItems(
  programs: VectorPrograms,
  size: number,
  counted: readonly number[],
  rest: (width: number) => readonly number[] = () => [],
): Plan {
  const { program, width } = chooseWidth(programs, ...counted);
  const items = size / width, grid = linearGrid(items, PER_GROUP);
  return { program, uniforms: [items, grid[0], ...rest(width)], grid };
}
