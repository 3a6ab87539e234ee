/** How the operands of an Add, Sub, Mul or Div meet. */

import { nodeError } from "./attrs.ts";
import { isPerChannel, sameShape } from "./shapes.ts";
import type { Node, Shape } from "./types.ts";

/**
 * `wide` is the input of the output's shape, the other one is
 * - "same": of the same shape,
 * - "gate": one number per sample and channel ([N,C,1,1] or [N,C] over [N,C,H,W]),
 * - "channel": one number per channel, a parameter ([C], [C,1,1] or [1,C,1,1]),
 * - "spread": of the same rank, 1 along each axis on which it is repeated ([1,T,D], [1,1,D], [N,1,H,W]).
 */
export interface Broadcast {
  readonly kind: "same" | "gate" | "channel" | "spread";
  readonly wide: 0 | 1;
}

/** @throws UserError when the shapes don't fit together */
export function broadcastOf(node: Node, a: Shape, b: Shape): Broadcast {
  if (sameShape(a, b)) return { kind: "same", wide: 0 };
  for (const wide of [0, 1] as const) {
    const [large, small] = wide === 0 ? [a, b] : [b, a];
    if (large.length < 2) continue;
    const channels = large[1];
    if (large.length === 4 && small[0] === large[0] && small[1] === channels) {
      if (small.length === 2 || (small.length === 4 && small[2] === 1 && small[3] === 1)) return { kind: "gate", wide };
    }
    if (isPerChannel(small, large)) return { kind: "channel", wide };
    if (isSpread(large, small)) return { kind: "spread", wide };
  }
  throw nodeError(node, `inputs [${a}] and [${b}] don't fit together`);
}

/** Axes that are repeated and axes that aren't take turns twice at most. */
function isSpread(large: Shape, small: Shape): boolean {
  if (small.length !== large.length || small.some((d, axis) => d !== large[axis] && d !== 1)) return false;
  const repeated = small.map((d, axis) => d !== large[axis]).filter((_, axis) => large[axis] !== 1);
  return repeated.filter((r, i) => i > 0 && r !== repeated[i - 1]).length <= 2;
}
