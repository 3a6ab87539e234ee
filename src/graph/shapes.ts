/** Arithmetic on shapes whose batch may be symbolic. */

import type { Shape } from "./types.ts";

/** The shape with a number in place of the symbolic batch. */
export function concrete(shape: Shape, batch: number): number[] {
  return shape.map((d) => d === "N" ? batch : d);
}

/** Elements of one sample: the product of all dimensions but the batch. */
export function sampleSize(shape: Shape): number {
  return shape.slice(1).reduce<number>((size, d) => size * (d as number), 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** [C], [C,1,1] or [1,C,1,1] for a value [N,C,H,W]. */
export function isPerChannel(shape: Shape, made: Shape): boolean {
  const ones = made.slice(2).map(() => 1);
  return [[made[1]], [made[1], ...ones], [1, made[1], ...ones]].some((expected) => sameShape(expected, shape));
}

/** [1,…,1,F] for a value […,F]. */
export function isPerColumn(shape: Shape, made: Shape): boolean {
  return shape.length === made.length && shape.every((d, axis) => d === (axis < made.length - 1 ? 1 : made[axis]));
}

/** "[N,3,32,32]" */
export function shapeText(shape: Shape): string {
  return `[${shape.join(",")}]`;
}
