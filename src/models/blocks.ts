/** What several networks of the zoo are made of. */

import { UserError } from "../errors.ts";
import type { Builder } from "../graph/build.ts";

export interface ConvBnOptions {
  /** Names of the convolution and of the batch norm. */
  readonly conv: string;
  readonly bn: string;
  readonly out: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly group?: number;
}

/** A convolution without bias, padded so that only its stride shrinks the map, and batch norm. */
export function convBn(b: Builder, x: string, { conv, bn, out, kernel, stride = 1, group = 1 }: ConvBnOptions): string {
  const y = b.conv(x, { name: conv, out, kernel, stride, pad: (kernel - 1) / 2, group, bias: false });
  return b.batchNorm(y, { name: bn });
}

/**
 * torchvision's `AdaptiveAvgPool2d(side)` before a classifier, where its windows are all alike. A smaller map passes
 * whole, and the classifier reads less: so these networks take small images too.
 *
 * @throws UserError where `side` doesn't divide a larger map
 */
export function averageTo(b: Builder, x: string, side: number): string {
  const [, , height, width] = b.shape(x) as number[];
  if (height <= side && width <= side) return x;
  if (height % side !== 0 || width % side !== 0) {
    throw new UserError(`a map of ${height}×${width} can't be averaged to ${side}×${side}: choose another image size`);
  }
  return b.averagePool(x, { kernel: [height / side, width / side], name: "avgpool" });
}
