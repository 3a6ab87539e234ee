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

/** "[N,3,32,32]" */
export function shapeText(shape: Shape): string {
  return `[${shape.join(",")}]`;
}
