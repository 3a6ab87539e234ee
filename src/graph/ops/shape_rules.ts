/** What the shape rules of several families ask of their inputs. */

import { type ConvAttrs, nodeError, type Pads, type Pair } from "../attrs.ts";
import { sameShape, shapeText } from "../shapes.ts";
import type { Dim, Node, Shape } from "../types.ts";

/** The output has the first input's shape. */
export function unchanged([x]: readonly Shape[]): Shape {
  return x;
}

export function requireImage(node: Node, x: Shape): void {
  if (x.length !== 4) throw nodeError(node, `input ${shapeText(x)} isn't [N,C,H,W]`);
}

export function requireChannels(node: Node, x: Shape): void {
  if (x.length < 2) throw nodeError(node, `input ${shapeText(x)} has no channel axis`);
}

/** A parameter that holds one number for each filter or channel; one that is left out is none. */
export function requirePer(node: Node, role: string, shape: Shape | undefined, count: Dim): void {
  if (shape && !sameShape(shape, [count])) throw nodeError(node, `${role} is ${shapeText(shape)}, expected [${count}]`);
}

/** Output height and width of a window that slides over a padded [N,C,H,W]. */
export function slidingWindow(
  node: Node,
  x: Shape,
  kernel: Pair,
  { strides, pads, dilations }: Pick<ConvAttrs, "strides" | "dilations"> & { readonly pads: Pads },
): [number, number] {
  const along = (axis: 0 | 1) => {
    const padded = (x[2 + axis] as number) + pads[axis] + pads[axis + 2];
    const size = Math.floor((padded - dilations[axis] * (kernel[axis] - 1) - 1) / strides[axis]) + 1;
    if (size < 1) {
      throw nodeError(node, `kernel [${kernel}] with pads [${pads}] is larger than the input ${shapeText(x)}`);
    }
    return size;
  };
  return [along(0), along(1)];
}
