/** The schemas of stages that prune depth: blocks of the network become smaller ones. */
import * as v from "valibot";
import { count, distinct, positive, record, text, word } from "../validation/values.ts";

/** How many blocks, all of them, or which by their names. */
const blocks = v.union(
  [count(1), word("all"), distinct(text())],
  "expected a number of blocks, all, or a list of names (secateur blocks tells them)",
);

const linearize = record({
  kind: v.literal("linearize"),
  /** A number takes those that linear layers stand for best, by R² on the images. */
  blocks,
  /** Training images that the layers are fitted to, spread evenly over them. Their labels aren't looked at. */
  images: v.optional(count(2), 256),
  /** Of the least squares, relative to the mean variance of what a layer reads. */
  ridge: v.optional(positive(), 1e-3),
  /** Side of a convolution's kernel at most. */
  kernel: v.optional(v.picklist([1, 3, 5], "expected 1, 3 or 5"), 3),
});

export const depthStages = { linearize } as const;
