/** Weights that sum to 1, and attention, which is made of them. */

import { attention, attentionShape } from "../../tensor/ops/attention.ts";
import { softmax } from "../../tensor/ops/softmax.ts";
import { attentionAttrs, lastAxis, nodeError } from "../attrs.ts";
import { attentionReference, softmaxReference } from "../reference/attention.ts";
import { sameShape, sampleSize, shapeText } from "../shapes.ts";
import type { Shape } from "../types.ts";
import { activation, NO_MACS, type Op, operator } from "./op.ts";
import { unchanged } from "./shape_rules.ts";

/** What attention is made of. */
export type AttentionOpName = "Softmax" | "Attention";

export const ATTENTION_OPS: Readonly<Record<AttentionOpName, Op>> = {
  Softmax: operator({
    inputs: [activation],
    attributes: { names: ["axis"], read: lastAxis },
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape: unchanged,
    reference: softmaxReference,
    execute: ({ tape }, [x]) => softmax(tape, x),
  }),
  Attention: operator({
    inputs: [activation, activation, activation],
    attributes: { names: ["scale"], read: (node, [q]) => attentionAttrs(node, q[q.length - 1] as number) },
    inference: {
      kind: "attention",
      attention: (node, q, k) => attentionShape(q, k, k, attentionAttrs(node, q[q.length - 1]).scale),
    },
    /** Of q […,T,D], k and v […,S,D]: [N,T,D], or with heads [N,H,T,D]. */
    shape([q, k, v], _, node) {
      const depth = q[q.length - 1];
      const fits = q.length >= 3 && sameShape(q.slice(0, -2), k.slice(0, -2)) && sameShape(k, v) &&
        k[k.length - 1] === depth;
      if (!fits) {
        throw nodeError(
          node,
          `queries ${shapeText(q)}, keys ${shapeText(k)} and values ${shapeText(v)} don't fit together`,
        );
      }
      return q;
    },
    /** Two products: with the keys, and with the values. */
    macs: ([, k], y) => 2 * sampleSize(y) * rows(k),
    reference: attentionReference,
    execute: ({ tape }, [q, k, v], { scale }) => attention(tape, q, k, v, scale),
  }),
};

function rows(matrices: Shape): number {
  return matrices[matrices.length - 2] as number;
}
